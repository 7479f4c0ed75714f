"""All figures of a set of scores, each with the interval that stands.

Of intervals of a figure the one that covers best stands, and its `reason` says
which and why (`benchmarks/interval_coverage.py` has the coverage of each):

- AUC: DeLong's on the logit scale, clustered by patient (`auc`).
- Shares, such as the sensitivity: Wilson's (`intervals`).
- Predictive values at another prevalence: from Wilson's intervals of
  sensitivity and specificity (`shares`).
- All others: the bootstrap of patients (`bootstrap`). Where no resample differs
  from the data, for instance without an error, it would be a point; then the
  figure is computed from the ends of Wilson's intervals, if it can be.

What the bootstrap says, if it says anything, stands in the reason of the others
as well.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import auc as auc_lib
from evaluation import bootstrap
from evaluation import figure as figure_lib
from evaluation import metrics
from evaluation import reliability
from evaluation import shares as shares_lib
from evaluation import weighted
from evaluation.scores import Scores


def headline(
    scores: Scores,
    *,
    threshold: float | None,
    calibrated: npt.NDArray[np.float64] | None = None,
    prevalence: float | None = None,
    seed: int = 0,
    num_rounds: int = bootstrap.NUM_ROUNDS,
) -> list[figure_lib.Figure]:
    """Returns all figures.

    Args:
        scores: Of any number of examples, also none.
        threshold: With two classes, from which probability on class 1 is
            decided on. With more it is None: the likeliest class is.
        calibrated: float64 `[n, num_classes]`, probabilities to be judged in
            the place of those that decide.
        prevalence: With two classes, the share of class 1 where the network
            is to work, for the predictive values there.
        seed: Of the bootstrap.
        num_rounds: Of the bootstrap.

    Returns:
        In the order of `figure_lib.NAMES`. With more than two classes what is
        said of a class is the mean over them, each against the rest.
    """
    return _all_figures(
        scores.labels,
        scores.probabilities if calibrated is None else calibrated,
        decide(scores, threshold),
        scores.patients,
        prevalence=prevalence,
        seed=seed,
        num_rounds=num_rounds,
    )


def per_class(
    scores: Scores,
    *,
    seed: int = 0,
    num_rounds: int = bootstrap.NUM_ROUNDS,
) -> dict[str, list[figure_lib.Figure]]:
    """Returns the figures of each of several classes against the rest.

    Args:
        scores: Of more than two classes; the likeliest is decided on.
        seed: Of the bootstrap.
        num_rounds: Of the bootstrap.
    """
    decided = decide(scores, None)
    return {
        name: _all_figures(
            (scores.labels == index).astype(np.int64),
            np.stack([1 - column, column], axis=1),
            (decided == index).astype(np.int64),
            scores.patients,
            prevalence=None,
            seed=seed,
            num_rounds=num_rounds,
        )
        for index, (name, column) in enumerate(
            zip(scores.class_names, scores.probabilities.T)
        )
    }


def decide(scores: Scores, threshold: float | None) -> npt.NDArray[np.int64]:
    """Returns int64 `[n]`, the classes that are decided on.

    Args:
        scores: Of any number of examples.
        threshold: With two classes, from which probability on class 1 is
            decided on. With more it is None: the likeliest class is.
    """
    if (threshold is None) == (len(scores.class_names) == 2):
        raise ValueError(
            "`threshold` must be a number with two classes and None with more."
            f" Received: threshold={threshold},"
            f" class_names={scores.class_names}"
        )
    return decide_all(scores.probabilities, threshold)


def decide_all(
    probabilities: npt.NDArray[np.float64], threshold: float | None
) -> npt.NDArray[np.int64]:
    """As `decide`, of probabilities `[n, num_classes]` alone."""
    if threshold is None:
        return np.asarray(probabilities.argmax(axis=1), np.int64)
    return (probabilities[:, 1] >= threshold).astype(np.int64)


def auc_figure(
    labels: npt.NDArray[Any],
    scores: npt.NDArray[Any],
    patients: npt.NDArray[Any],
) -> figure_lib.Figure:
    """Returns the AUC with DeLong's interval.

    Args:
        labels: int `[n]`, class indices.
        scores: `[n]` of class 1, or `[n, num_classes]`; higher is likelier.
        patients: `[n]`; examples of different patients are independent.
    """
    auc, variance = auc_lib.clustered_auc(labels, scores, patients)
    if np.isnan(auc):
        return figure_lib.missing("auc", auc_lib.NO_CLASS)
    if np.isnan(variance):
        return figure_lib.missing("auc", auc_lib.ONE_PATIENT, auc)
    num_classes = 2 if scores.ndim == 1 else scores.shape[1]
    smallest = auc_lib.smallest_class(labels, patients, num_classes)
    num_patients = len(np.unique(patients))
    reason = (
        f"DeLong's on the logit scale, clustered by {num_patients} patients."
    )
    if variance == 0:
        if 0 < auc < 1:
            return figure_lib.missing("auc", auc_lib.NO_VARIANCE, auc)
        reason = (
            "All pairs are ranked alike: the exact bound for the"
            f" {smallest} patients of the smallest class."
        )
    low, high = auc_lib.interval(
        auc, variance, smallest, is_clustered=num_patients < len(patients)
    )
    return figure_lib.Figure("auc", auc, low, high, "delong", reason)


def figures_at(
    scores: Scores, threshold: float | None
) -> list[figure_lib.Figure]:
    """Returns sensitivity and specificity; of more classes the accuracy.

    Args:
        scores: Of any number of examples.
        threshold: As in `decide`.
    """
    num_classes = len(scores.class_names)
    shares = shares_lib.of_decisions(
        scores.labels, decide(scores, threshold), scores.patients, num_classes
    )
    names = (
        ("sensitivity", "specificity") if num_classes == 2 else ("accuracy",)
    )
    return [shares[name] for name in names]


def calibration_figure(
    scores: Scores,
    *,
    seed: int = 0,
    num_rounds: int = bootstrap.NUM_ROUNDS,
) -> figure_lib.Figure:
    """Returns the calibration error alone; see `reliability`."""
    value = reliability.calibration_error(
        scores.labels, scores.probabilities, scores.patients
    )
    draws = bootstrap.draw_calibration_errors(
        scores.labels,
        scores.probabilities,
        scores.patients,
        num_rounds=num_rounds,
        seed=seed,
    )
    return bootstrap.figure(
        "calibration_error",
        value,
        draws,
        scores.labels,
        scores.patients,
        shares_lib.why_missing("calibration_error"),
    )


def _all_figures(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    decided: npt.NDArray[np.int64],
    patients: npt.NDArray[np.str_],
    *,
    prevalence: float | None,
    seed: int,
    num_rounds: int,
) -> list[figure_lib.Figure]:
    """Returns the figures of some labels and decisions, as `headline`."""
    # Names are slow to sort, and they are sorted for each figure.
    _, clusters = np.unique(patients, return_inverse=True)
    values = metrics.values(labels, probabilities, decided, clusters)
    draws = bootstrap.draw_values(
        labels,
        probabilities,
        decided,
        clusters,
        num_rounds=num_rounds,
        seed=seed,
    )
    if prevalence is not None:
        values |= weighted.at_prevalence(values, prevalence)
        draws |= weighted.at_prevalence(draws, prevalence)
    resampled = {
        name: bootstrap.figure(
            name,
            value,
            draws[name],
            labels,
            clusters,
            shares_lib.why_missing(name),
        )
        for name, value in values.items()
    }
    closed = {
        "auc": auc_figure(labels, probabilities, clusters),
        **shares_lib.of_decisions(
            labels, decided, clusters, probabilities.shape[1]
        ),
    }
    if "sensitivity" in closed:
        if prevalence is not None:
            closed |= shares_lib.at_prevalence(closed, prevalence)
        positives = int(np.sum(labels == 1))
        counts = (len(labels) - positives, positives)
        for name, one in resampled.items():
            # A closed interval stands anyway, and is not the bootstrap's.
            if one.method == "none" and name not in closed:
                resampled[name] = shares_lib.from_ends(one, closed, counts)
    return [
        (
            _with_both(closed[name], resampled[name])
            if name in closed
            else resampled[name]
        )
        for name in figure_lib.NAMES
        if name in values
    ]


def _with_both(
    closed: figure_lib.Figure, resampled: figure_lib.Figure
) -> figure_lib.Figure:
    """Returns the first, and says what the bootstrap says."""
    if "none" in (closed.method, resampled.method):
        return closed
    return dataclasses.replace(
        closed,
        reason=f"{closed.reason} The bootstrap of patients says"
        f" {resampled.low:.3f} to {resampled.high:.3f}.",
    )
