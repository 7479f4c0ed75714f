"""How far probabilities are from frequencies: the calibration error.

Examples are put into bins of equal number by their probability. In each, the
mean probability less the frequency of what was foretold is the gap, and the
error is the root of the mean of the squared gaps. With finite data a perfectly
calibrated network has gaps, too: the expected square of that noise is
subtracted (Kumar, Liang and Ma 2019, "Verified uncertainty calibration",
arXiv 1909.10155; Bröcker 2012, Climate Dynamics 39:655), so that the error can
come out at 0. Here the noise is that of patients, whose images are not
independent; with one image a patient and one probability a bin it is Kumar's
`frequency * (1 - frequency) / (n - 1)`.

With two classes the probability is that of class 1. With more it is that of the
likeliest class, and what was foretold is that this class is the true one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import typing as npt

# Guo et al. 2017 (arXiv 1706.04599) have 15 bins. Few examples get fewer.
_MAX_BINS = 15
_MIN_EXAMPLES = 20


def forecasts(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Returns what was foretold with which probability, and what came.

    Args:
        labels: `[n]`, class indices.
        probabilities: `[n, num_classes]`.

    Returns:
        float64 `[n]` and bool `[n]`.
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 1], labels == 1
    likeliest = probabilities.argmax(axis=1)
    return probabilities.max(axis=1), labels == likeliest


def equal_bins(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Returns `[n]`, the bin of each example, from 0; equals share a bin."""
    num_bins = min(max(1, len(probabilities) // _MIN_EXAMPLES), _MAX_BINS)
    if not len(probabilities):
        return np.zeros(0, np.intp)
    inner = np.linspace(0, 1, num_bins + 1)[1:-1]
    edges = np.unique(np.quantile(probabilities, inner, method="lower"))
    bins = np.searchsorted(edges, probabilities)
    return np.unique(bins, return_inverse=True)[1]


def calibration_error(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    patients: npt.NDArray[Any],
) -> float:
    """Returns the root mean square calibration error, debiased.

    Args:
        labels: `[n]`, class indices.
        probabilities: `[n, num_classes]`.
        patients: `[n]`; examples of different patients are independent.

    Returns:
        0 to 1; NaN for no examples.
    """
    if not len(labels):
        return math.nan
    return Gaps(labels, probabilities, patients).error


class Gaps:
    """The gaps in bins of examples, for any weights.

    Attributes:
        error: The calibration error, debiased.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.int64],
        probabilities: npt.NDArray[np.float64],
        patients: npt.NDArray[Any],
    ) -> None:
        """Takes at least one example; see `calibration_error`."""
        foretold, came = forecasts(labels, probabilities)
        bins = equal_bins(foretold)
        self._members = np.eye(bins.max() + 1)[bins]
        self._deviations = (foretold - came)[:, np.newaxis] * self._members
        self._noise = self._measure_noise(patients)
        square = self._mean_squares(np.ones((1, len(labels))))[0]
        self.error = math.sqrt(max(0.0, square - self._noise))

    def resampled(
        self, weights: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Returns the errors `[rounds]` of weights `[rounds, n]`."""
        # The data have noise, and a resample has it once more.
        squares = self._mean_squares(weights) - 2 * self._noise
        return np.sqrt(np.maximum(0, squares))

    def _mean_squares(
        self, weights: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        sums = weights @ self._deviations
        counts = weights @ self._members
        squares = np.zeros_like(sums)
        np.divide(sums**2, counts, out=squares, where=counts > 0)
        return np.asarray(squares.sum(axis=1) / counts.sum(axis=1))

    def _measure_noise(self, patients: npt.NDArray[Any]) -> float:
        """Returns the mean squared gap that patients make by chance."""
        _, clusters = np.unique(patients, return_inverse=True)
        counts = self._members.sum(axis=0)
        noise = 0.0
        for index, count in enumerate(counts):
            member = self._members[:, index] > 0
            errors = self._deviations[member, index]
            _, own = np.unique(clusters[member], return_inverse=True)
            num_patients = own.max() + 1
            if num_patients == 1:
                # Of one patient, all of the gap may be noise.
                noise += errors.sum() ** 2 / count
                continue
            sums = np.bincount(own, errors - errors.mean())
            factor = num_patients / (num_patients - 1)
            noise += factor * np.sum(sums**2) / count
        return float(noise / counts.sum())
