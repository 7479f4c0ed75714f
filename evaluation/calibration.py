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

# Distance of 1 from the next smaller float32. A network that says 0 or 1 has
# rounded; taken at its word, one error would have an infinite loss.
_RESOLUTION = 2.0**-24


@dataclasses.dataclass(frozen=True)
class Temperature:
    """What logits are divided by.

    Attributes:
        value: Above 0; 1 leaves the probabilities as they are.
        reason: Why it is not the most likely one, as a sentence, or empty.
    """

    value: float
    reason: str = ""


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
    return _most_likely(_log_losses(labels, probabilities))


def _log_losses(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Returns `[n, num_classes - 1]`, by how much others exceed the true logit.

    The loss of an image at temperature 1 is log(1 + the sum of their exp).
    """
    clipped = np.clip(probabilities, _RESOLUTION, 1 - _RESOLUTION)
    if probabilities.shape[1] == 2:
        # As in `apply`: of the positive class alone.
        clipped[:, 0] = 1 - clipped[:, 1]
    logits = np.log(clipped)
    is_true = np.eye(logits.shape[1], dtype=bool)[labels]
    excess = logits[~is_true].reshape(len(labels), -1)
    return np.asarray(excess - logits[is_true][:, np.newaxis])


def _most_likely(excess: npt.NDArray[np.float64]) -> Temperature:
    from scipy import optimize
    from scipy import special

    # A column for the true class.
    excess = np.pad(excess, ((0, 0), (1, 0)))

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
        probabilities: `[n, num_classes]`; 0 and 1 stay what they are.
        temperature: Above 0.

    Returns:
        float64 `[n, num_classes]`. With two classes it is a function of the
        second column alone, which rises with it.
    """
    from scipy import special

    if temperature == 1:
        return probabilities.astype(np.float64)
    if probabilities.shape[1] == 2:
        scaled = special.logit(probabilities[:, 1]) / temperature
        return np.stack([special.expit(-scaled), special.expit(scaled)], axis=1)
    with np.errstate(divide="ignore"):  # The logarithm of 0.
        logits = np.log(probabilities)
    return np.asarray(special.softmax(logits / temperature, axis=1))


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
