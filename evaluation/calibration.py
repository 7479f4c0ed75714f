"""Probabilities that mean what they say: one temperature for all of them.

Logits are divided by a temperature that is fitted on validation, so that the
likelihood of its labels is highest (Guo et al. 2017, "On calibration of modern
neural networks", arXiv 1706.04599). Above 1 the network was too sure.

With two classes the order of the images stays, and with it the AUC; and .5
stays .5. With more, the likeliest class of each image stays. The network's own
probabilities are kept beside the calibrated ones, and thresholds are of them.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import intervals
from evaluation import reliability
from evaluation import scores as scores_lib

# What lies beyond says that there is little to fit, not how to calibrate.
LOWEST = 0.05
HIGHEST = 20.0

# A float32 of 0 was less than the one, of 1 more than the other: half way to
# its neighbour. Taken at its word, one error would have an infinite loss.
BOUNDS = (2.0**-150, 1 - 2.0**-25)


@dataclasses.dataclass(frozen=True)
class Temperature:
    """What logits are divided by.

    Attributes:
        value: Above 0; 1 leaves the probabilities as they are.
        reason: Why it is not the most likely one, as a sentence, or empty.
    """

    value: float
    reason: str = ""

    @property
    def is_fitted(self) -> bool:
        """Whether there was something to fit; else the reason says why not."""
        return self.value != 1 or not self.reason


def fit(scores: scores_lib.Scores) -> Temperature:
    """Returns the temperature that makes the labels likeliest.

    Args:
        scores: Of the validation split.
    """
    labels, probabilities = scores.labels, scores.probabilities
    for label, name in enumerate(scores.class_names):
        if not (labels == label).any():
            return Temperature(
                1.0,
                "Not calibrated: no image of validation is of class"
                f" {name}.",
            )
    true = probabilities[np.arange(len(labels)), labels]
    if np.all(true >= probabilities.max(axis=1)):
        return Temperature(
            1.0,
            "Not calibrated: no image of validation is classified wrongly, and"
            " then the lower the temperature, the likelier the labels.",
        )
    logits = _logits(probabilities)
    own = np.take_along_axis(logits, labels[:, np.newaxis], axis=1)
    return _most_likely(logits - own)


def _most_likely(excess: npt.NDArray[np.float64]) -> Temperature:
    """Returns the temperature of the lowest log loss.

    Args:
        excess: `[n, num_classes]`, logits less that of the true class.
    """
    from scipy import optimize
    from scipy import special

    def loss(log_temperature: float) -> float:
        scaled = excess * math.exp(-log_temperature)
        return float(np.mean(special.logsumexp(scaled, axis=1)))

    # The loss is convex in 1 / temperature, so there is one minimum.
    bounds = math.log(LOWEST), math.log(HIGHEST)
    found = optimize.minimize_scalar(
        loss, bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    for bound, limit in zip(bounds, (LOWEST, HIGHEST)):
        if abs(found.x - bound) < 1e-4:
            return Temperature(
                limit, f"The most likely temperature lies beyond {limit:g}."
            )
    return Temperature(math.exp(found.x))


def apply(
    probabilities: npt.NDArray[np.float64], temperature: float
) -> npt.NDArray[np.float64]:
    """Returns calibrated probabilities.

    Args:
        probabilities: `[n, num_classes]`; 0 and 1 are what float32 rounds so.
        temperature: Above 0.

    Returns:
        float64 `[n, num_classes]`. With two classes it is a function of the
        second column alone, which rises with it.
    """
    from scipy import special

    if temperature == 1:
        return probabilities.astype(np.float64)
    scaled = _logits(probabilities) / temperature
    return np.asarray(special.softmax(scaled, axis=1))


def _logits(
    probabilities: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Returns float64 `[n, num_classes]`, finite; with two the first is 0."""
    clipped = np.clip(probabilities.astype(np.float64), *BOUNDS)
    if clipped.shape[1] > 2:
        return np.asarray(np.log(clipped))
    positive = clipped[:, 1]
    log_odds = np.log(positive) - np.log1p(-positive)
    return np.stack([np.zeros_like(log_odds), log_odds], axis=1)


def bins(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    patients: npt.NDArray[np.str_],
) -> list[dict[str, Any]]:
    """Returns how often what was foretold came, by how sure it was foretold.

    Args:
        labels: int64 `[n]`, class indices.
        probabilities: `[n, num_classes]`. With two classes the forecast is that
            of class 1, with more that the likeliest class is the true one.
        patients: `[n]`; examples of different patients are independent.

    Returns:
        For each bin of equally many images (`reliability.equal_bins`), the
        surest last: `low`, `high` (probabilities in it), `count`,
        `mean_probability`, `frequency`, and `freq_low`, `freq_high`, the 95 %
        interval of the frequency (`intervals`), None where there is none.
    """
    foretold, came = reliability.forecasts(labels, probabilities)
    places = reliability.equal_bins(foretold)
    return [
        _bin(foretold[own], came[own], patients[own])
        for own in (places == index for index in np.unique(places))
    ]


def _bin(
    foretold: npt.NDArray[np.float64],
    came: npt.NDArray[np.bool_],
    patients: npt.NDArray[np.str_],
) -> dict[str, Any]:
    share = intervals.share_figure("frequency", came, patients, "").as_json()
    return {
        "low": float(foretold.min()),
        "high": float(foretold.max()),
        "count": len(foretold),
        "mean_probability": float(foretold.mean()),
        "frequency": share["value"],
        "freq_low": share["low"],
        "freq_high": share["high"],
    }
