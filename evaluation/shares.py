"""Figures of decisions: the shares that are right, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
import math
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import auc as auc_lib
from evaluation import figure as figure_lib
from evaluation import intervals
from evaluation import weighted

_NO_CLASS = "A class has no example."

# Why a figure has no value; the others lack examples.
_MISSING = {
    "auc": auc_lib.NO_CLASS,
    "average_precision": auc_lib.NO_CLASS,
    "balanced_accuracy": _NO_CLASS,
    "sensitivity": "No example is of the class.",
    "specificity": "All examples are of the class.",
    "ppv": "Nothing is decided to be of the class.",
    "npv": "Everything is decided to be of the class.",
    "ppv_at_prevalence": "Sensitivity or specificity is missing, or nothing"
    " is decided to be of the class.",
    "npv_at_prevalence": "Sensitivity or specificity is missing, or everything"
    " is decided to be of the class.",
    "f1": "The class neither is there nor is decided on.",
    "matthews": _NO_CLASS,
}


def why_missing(name: str) -> str:
    """Returns why a figure has no value, as a sentence."""
    return _MISSING.get(name, "There are no examples.")


def of_decisions(
    labels: npt.NDArray[np.int64],
    decided: npt.NDArray[np.int64],
    patients: npt.NDArray[Any],
    num_classes: int,
) -> dict[str, figure_lib.Figure]:
    """Returns the figures that are shares.

    Args:
        labels: `[n]`, class indices.
        decided: `[n]`, the classes that are decided on.
        patients: `[n]`; examples of different patients are independent.
        num_classes: With more than two there is the accuracy alone.

    Returns:
        By name, with Wilson's intervals.
    """
    right = labels == decided
    among = {"accuracy": np.ones(len(labels), bool)}
    if num_classes == 2:
        among |= {
            "sensitivity": labels == 1,
            "specificity": labels == 0,
            "ppv": decided == 1,
            "npv": decided == 0,
        }
    return {
        name: intervals.share_figure(
            name, right[chosen], patients[chosen], why_missing(name)
        )
        for name, chosen in among.items()
    }


def at_prevalence(
    shares: Mapping[str, figure_lib.Figure], prevalence: float
) -> dict[str, figure_lib.Figure]:
    """Returns the predictive values at another prevalence.

    They follow from the ratio of two shares, whose interval follows from
    theirs: the method of variance estimates recovery (Donner and Zou 2012,
    Statistical Methods in Medical Research 21:347).

    Args:
        shares: With "sensitivity" and "specificity".
        prevalence: Share of class 1, between 0 and 1.
    """
    sensitivity, specificity = shares["sensitivity"], shares["specificity"]
    odds = prevalence / (1 - prevalence)
    values = weighted.at_prevalence(
        {"sensitivity": sensitivity.value, "specificity": specificity.value},
        prevalence,
    )
    return {
        name: _predictive_value(name, float(values[name]), false, true, factor)
        for name, false, true, factor in (
            ("ppv_at_prevalence", specificity, sensitivity, 1 / odds),
            ("npv_at_prevalence", sensitivity, specificity, odds),
        )
    }


def _predictive_value(
    name: str,
    value: float,
    opposite: figure_lib.Figure,
    own: figure_lib.Figure,
    odds: float,
) -> figure_lib.Figure:
    """Returns 1 / (1 + odds * (1 - opposite) / own) with its interval."""
    if math.isnan(value):
        return figure_lib.missing(name, why_missing(name))
    if "none" in (opposite.method, own.method):
        reason = "There is no interval: sensitivity or specificity has none."
        return figure_lib.missing(name, reason, value)
    low, high = _ratio_interval(
        (1 - opposite.value, 1 - opposite.high, 1 - opposite.low),
        (own.value, own.low, own.high),
    )
    return figure_lib.Figure(
        name,
        value,
        1 / (1 + odds * high),
        1 / (1 + odds * low),
        "wilson",
        "From Wilson's intervals of sensitivity and specificity, by variance"
        " estimates recovery.",
    )


def _ratio_interval(
    above: tuple[float, float, float], below: tuple[float, float, float]
) -> tuple[float, float]:
    """Returns the interval of a ratio of two independent shares.

    Args:
        above: The numerator: value, lower end, upper end.
        below: The denominator; not 0 if the numerator is.
    """
    value, low, high = above
    other, other_low, other_high = below
    product = value * other

    def root(end: float, other_end: float) -> float:
        ends = end * (2 * value - end) * other_end * (2 * other - other_end)
        return math.sqrt(max(0.0, product**2 - ends))

    smallest = product + root(low, other_high)
    ratio_low = low * (2 * value - low) / smallest if smallest else 0.0
    largest = other_low * (2 * other - other_low)
    if largest <= 0:
        return ratio_low, math.inf
    return ratio_low, (product + root(high, other_low)) / largest


def from_ends(
    one: figure_lib.Figure,
    shares: Mapping[str, figure_lib.Figure],
    counts: tuple[int, int],
) -> figure_lib.Figure:
    """Bounds a figure that no resample has moved, by sensitivity, specificity.

    Args:
        one: A figure without an interval.
        shares: With "sensitivity" and "specificity".
        counts: Examples of class 0 and of class 1.

    Returns:
        The figure with an interval, or as it was if it does not follow from
        the two, or if they have none.
    """
    ends = []
    for side in ("low", "high"):
        sensitivity = getattr(shares["sensitivity"], side)
        specificity = getattr(shares["specificity"], side)
        rates = np.array(
            [[specificity, 1 - specificity], [1 - sensitivity, sensitivity]]
        )
        confusion = rates * np.array(counts)[:, np.newaxis]
        there = weighted.rates(confusion[np.newaxis])
        ends.append(float(there.get(one.name, np.full(1, np.nan))[0]))
    if np.isnan([one.value, *ends]).any():
        return one
    return figure_lib.Figure(
        one.name,
        one.value,
        ends[0],
        ends[1],
        "wilson",
        "From the ends of Wilson's intervals of sensitivity and specificity: no"
        " resample of the patients differs from the data.",
    )
