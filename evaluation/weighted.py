"""Figures of weighted examples, for all rounds of a bootstrap at once.

Weights are float64 `[rounds, n]`, how often each example is in a round; what is
returned is `[rounds]`. With weights of 1 the values are those of `metrics`. NaN
is what has no value, such as the AUC of a round that lacks a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import typing as npt

_Array = npt.NDArray[np.float64]


class Ranking:
    """Examples from the highest score to the lowest, ties side by side."""

    def __init__(
        self, positive: npt.NDArray[np.bool_], scores: npt.NDArray[Any]
    ) -> None:
        """Sorts.

        Args:
            positive: `[n]`.
            scores: `[n]`, higher is likelier.
        """
        self._order = np.argsort(-scores, kind="stable")
        self._positive = positive[self._order].astype(np.float64)
        ranked = scores[self._order]
        self._starts = np.flatnonzero(np.diff(ranked, prepend=np.inf))

    def cumulate(self, weights: _Array) -> tuple[_Array, _Array]:
        """Counts what lies above each threshold.

        Returns:
            True and false positives, each `[rounds, thresholds]` where the
            thresholds are the distinct scores, falling.
        """
        ranked = weights[:, self._order]
        both = np.add.reduceat(ranked, self._starts, axis=1)
        ranked *= self._positive
        positives = np.add.reduceat(ranked, self._starts, axis=1)
        both -= positives
        np.cumsum(positives, axis=1, out=positives)
        return positives, np.cumsum(both, axis=1, out=both)


def auc(hits: _Array, false_alarms: _Array) -> _Array:
    """Returns the area under the ROC curve, from `Ranking.cumulate`."""
    pairs = np.einsum("ij,ij->i", hits, _steps(false_alarms))
    ties = np.einsum("ij,ij->i", _steps(hits), _steps(false_alarms))
    return _ratio(pairs - ties / 2, hits[:, -1] * false_alarms[:, -1])


def average_precision(hits: _Array, false_alarms: _Array) -> _Array:
    """Returns the mean precision over the positives, without interpolation."""
    decided = hits + false_alarms
    # Where nothing is decided positive yet, there is no step either.
    precision = np.divide(hits, decided, out=decided, where=decided > 0)
    total = np.einsum("ij,ij->i", _steps(hits), precision)
    average = _ratio(total, hits[:, -1])
    average[false_alarms[:, -1] == 0] = np.nan
    return average


def rates(confusion: _Array) -> dict[str, _Array]:
    """Returns what follows from a confusion matrix.

    Args:
        confusion: `[rounds, num_classes, num_classes]`, rows are true.

    Returns:
        By name. With two classes class 1 is positive; with more, what is said
        of a class is the mean over the classes, each against the rest.
    """
    num_classes = confusion.shape[1]
    total = confusion.sum(axis=(1, 2))
    labelled, decided = confusion.sum(axis=2), confusion.sum(axis=1)
    correct = np.diagonal(confusion, axis1=1, axis2=2)
    rest = total[:, np.newaxis] - labelled
    missed, alarms = labelled - correct, decided - correct
    per_class = {
        "sensitivity": _ratio(correct, labelled),
        "specificity": _ratio(rest - alarms, rest),
        "ppv": _ratio(correct, decided),
        "npv": _ratio(rest - alarms, rest - alarms + missed),
        "f1": _ratio(2 * correct, 2 * correct + alarms + missed),
    }
    chosen = [1] if num_classes == 2 else list(range(num_classes))
    # Matthews's coefficient of any number of classes: Gorodkin 2004,
    # Computational Biology and Chemistry 28:367. As in scikit-learn it is 0
    # where all decisions are the same.
    agreement = correct.sum(axis=1) * total - np.sum(labelled * decided, axis=1)
    spread = total**2 - np.sum(labelled**2, axis=1)
    spread_decided = total**2 - np.sum(decided**2, axis=1)
    matthews = _ratio(agreement, np.sqrt(spread * spread_decided))
    matthews[(spread > 0) & (spread_decided <= 0)] = 0
    return {
        "accuracy": _ratio(correct.sum(axis=1), total),
        "balanced_accuracy": per_class["sensitivity"].mean(axis=1),
        **{
            name: value[:, chosen].mean(axis=1)
            for name, value in per_class.items()
        },
        "matthews": matthews,
    }


def at_prevalence(
    rates: Mapping[str, Any], prevalence: float
) -> dict[str, Any]:
    """Returns the predictive values where the classes are mixed otherwise.

    By Bayes' theorem, from sensitivity and specificity, which do not depend on
    the mixture.

    Args:
        rates: With "sensitivity" and "specificity": floats, or arrays of
            equal shape.
        prevalence: Share of class 1 there, between 0 and 1.

    Returns:
        "ppv_at_prevalence" and "npv_at_prevalence", shaped as they are; NaN
        where nothing is decided to be of the class.
    """
    sensitivity = np.asarray(rates["sensitivity"], np.float64)
    specificity = np.asarray(rates["specificity"], np.float64)
    hits = prevalence * sensitivity
    rejected = (1 - prevalence) * specificity
    alarms = (1 - prevalence) * (1 - specificity)
    missed = prevalence * (1 - sensitivity)
    with np.errstate(invalid="ignore"):
        return {
            "ppv_at_prevalence": (hits / (hits + alarms))[()],
            "npv_at_prevalence": (rejected / (rejected + missed))[()],
        }


def confusion_matrix(
    weights: _Array,
    labels: npt.NDArray[Any],
    decided: npt.NDArray[Any],
    num_classes: int,
) -> _Array:
    """Returns float64 `[rounds, num_classes, num_classes]`, rows are true."""
    cells = np.eye(num_classes**2)[labels * num_classes + decided]
    counts: _Array = weights @ cells
    return counts.reshape(-1, num_classes, num_classes)


def _steps(cumulated: _Array) -> _Array:
    steps: _Array = np.diff(cumulated, axis=1, prepend=0)
    return steps


def _ratio(numerator: _Array, denominator: _Array) -> _Array:
    """Divides; NaN for 0 by 0."""
    ratio = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio
