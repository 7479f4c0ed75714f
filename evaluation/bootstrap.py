"""Resampling of patients: what a figure would be with other patients.

The images of a patient are drawn together: they are not independent, and an
interval that takes them for it is too narrow (arXiv 2603.28320).
"""

from __future__ import annotations

from collections.abc import Iterator
import math
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import figure as figure_lib
from evaluation import reliability
from evaluation import weighted

NUM_ROUNDS = 2000

# Resamples that differ by less differ by rounding.
_NO_SPREAD = 1e-12

# Of one chunk of weights.
_MAX_BYTES = 2**25


def weight_chunks(
    patients: npt.NDArray[Any],
    *,
    num_rounds: int = NUM_ROUNDS,
    seed: int = 0,
) -> Iterator[npt.NDArray[np.float64]]:
    """Draws as many patients as there are, with replacement, in each round.

    Args:
        patients: `[n]`, whose each example is.
        num_rounds: How often to draw.
        seed: Of the draws, which depend on nothing else but the patients.

    Yields:
        `[rounds, n]`, how often each example is in each round; all chunks
        together have `num_rounds` rounds.
    """
    names, clusters = np.unique(patients, return_inverse=True)
    generator = np.random.default_rng(seed)
    shares = np.full(len(names), 1 / len(names))
    rounds = max(1, _MAX_BYTES // (8 * len(patients)))
    for begin in range(0, num_rounds, rounds):
        size = min(rounds, num_rounds - begin)
        draws = generator.multinomial(len(names), shares, size=size)
        yield draws[:, clusters].astype(np.float64)


def figure(
    name: str,
    value: float,
    draws: npt.NDArray[np.float64],
    labels: npt.NDArray[Any],
    patients: npt.NDArray[Any],
    missing: str,
) -> figure_lib.Figure:
    """Returns a figure with the interval of its draws.

    Args:
        name: Of the figure.
        value: Of the data.
        draws: `[num_rounds]`, of the resamples; NaN is left out.
        labels: `[n]`, of the data.
        patients: `[n]`, of the data.
        missing: Why there is no value, as a sentence, if it is NaN.
    """
    if math.isnan(value):
        return figure_lib.missing(name, missing)
    num_patients = len(np.unique(patients))
    if num_patients == 1:
        reason = "There is no interval: all images are of one patient."
        return figure_lib.missing(name, reason, value)
    valid = draws[~np.isnan(draws)]
    if not len(valid) or np.ptp(valid) < _NO_SPREAD:
        reason = "There is no interval: all resamples of patients are alike."
        return figure_lib.missing(name, reason, value)
    low, high = interval(valid, value, tail_of(labels, patients))
    reason = f"Bootstrap of {num_patients} patients, {len(draws)} rounds."
    if lost := len(draws) - len(valid):
        reason += f" {lost} of them have no value and are left out."
    return figure_lib.Figure(name, value, low, high, "bootstrap", reason)


def interval(
    draws: npt.NDArray[np.float64], value: float, tail: float
) -> tuple[float, float]:
    """Returns the ends of the interval of what has been resampled.

    They are percentiles, moved by twice the bias of the median (Efron 1987,
    JASA 82:171): of figures that cannot be above 1 resamples are too low.

    Args:
        draws: `[num_rounds]`, without NaN.
        value: Of the data.
        tail: Probability beyond each end, as from `tail_of`.
    """
    from scipy import special

    # Of small sets many resamples are as the data, but for rounding: half of
    # them count, not those that rounding has made less.
    above = draws - value
    below = (np.mean(above < -_NO_SPREAD) + np.mean(above <= _NO_SPREAD)) / 2
    # Further out the interval would not contain the value.
    bias = special.ndtri(np.clip(below, 0.05, 0.95))
    z = special.ndtri(tail)
    shares = special.ndtr([2 * bias + z, 2 * bias - z])
    low, high = np.quantile(draws, shares)
    return float(low), float(high)


def tail_of(labels: npt.NDArray[Any], patients: npt.NDArray[Any]) -> float:
    """Returns the probability beyond each end of a 95 % interval.

    It is less than 2.5 %, as far as Student's t of so few patients is wider
    than the normal distribution: percentiles are too narrow (Hesterberg 2015,
    The American Statistician 69:371). The smallest class counts.

    Args:
        labels: `[n]`.
        patients: `[n]`.
    """
    from scipy import special

    count = min(
        len(np.unique(patients[labels == label])) for label in np.unique(labels)
    )
    count = max(2, count)
    student = special.stdtrit(count - 1, (1 - figure_lib.CONFIDENCE) / 2)
    return float(special.ndtr(math.sqrt(count / (count - 1)) * student))


def draw_values(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    decided: npt.NDArray[np.int64],
    patients: npt.NDArray[Any],
    *,
    num_rounds: int = NUM_ROUNDS,
    seed: int = 0,
) -> dict[str, npt.NDArray[np.float64]]:
    """Returns what `metrics.values` would be with other patients.

    Args:
        labels: `[n]`, class indices.
        probabilities: `[n, num_classes]`.
        decided: `[n]`, the classes that are decided on.
        patients: `[n]`; they are drawn, with all of their examples.
        num_rounds: How often to draw.
        seed: Of the draws.

    Returns:
        `[num_rounds]` for each figure, NaN in rounds without a class.
    """
    if not len(labels):
        return dict.fromkeys(figure_lib.NAMES, np.full(num_rounds, np.nan))
    num_classes = probabilities.shape[1]
    chosen = [1] if num_classes == 2 else list(range(num_classes))
    rankings = [
        weighted.Ranking(labels == k, probabilities[:, k]) for k in chosen
    ]
    losses = _losses(labels, probabilities)
    gaps = reliability.Gaps(labels, probabilities, patients)
    parts = []
    for weights in weight_chunks(patients, num_rounds=num_rounds, seed=seed):
        curves = [ranking.cumulate(weights) for ranking in rankings]
        brier, log_loss = (weights @ losses).T / weights.sum(axis=1)
        confusion = weighted.confusion_matrix(
            weights, labels, decided, num_classes
        )
        parts.append(
            {
                "auc": np.mean([weighted.auc(*one) for one in curves], axis=0),
                "average_precision": np.mean(
                    [weighted.average_precision(*one) for one in curves], axis=0
                ),
                **weighted.rates(confusion),
                "brier": brier,
                "log_loss": log_loss,
                "calibration_error": gaps.resampled(weights),
            }
        )
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def draw_calibration_errors(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    patients: npt.NDArray[Any],
    *,
    num_rounds: int = NUM_ROUNDS,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Returns the calibration errors of `draw_values` alone."""
    if not len(labels):
        return np.full(num_rounds, np.nan)
    gaps = reliability.Gaps(labels, probabilities, patients)
    chunks = weight_chunks(patients, num_rounds=num_rounds, seed=seed)
    return np.concatenate([gaps.resampled(weights) for weights in chunks])


def _losses(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Returns `[n, 2]`: squared error and log loss of each example."""
    num_classes = probabilities.shape[1]
    if num_classes == 2:
        positive = probabilities[:, 1]
        probabilities = np.stack([1 - positive, positive], axis=1)
        squares = (positive - labels) ** 2
    else:
        squares = np.sum(
            (np.eye(num_classes)[labels] - probabilities) ** 2, axis=1
        )
    # As scikit-learn clips.
    epsilon = np.finfo(np.float64).eps
    true = probabilities[np.arange(len(labels)), labels]
    logarithms = -np.log(np.clip(true, epsilon, 1 - epsilon))
    return np.stack([squares, logarithms], axis=1)
