"""Figures of decisions: the shares that are right, and what follows."""

from __future__ import annotations

from collections.abc import Mapping

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
    patients: npt.NDArray[np.str_],
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


def from_ends(
    one: figure_lib.Figure,
    shares: Mapping[str, figure_lib.Figure],
    counts: tuple[int, int],
    prevalence: float | None,
) -> figure_lib.Figure:
    """Bounds a figure that no resample has moved, by sensitivity, specificity.

    Args:
        one: A figure without an interval.
        shares: With "sensitivity" and "specificity".
        counts: Examples of class 0 and of class 1.
        prevalence: Of class 1, for the predictive values at it.

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
        if prevalence is not None:
            there |= weighted.at_prevalence(there, prevalence)
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
