"""How far an image is from those of a training, in features of a network.

The distance of Mahalanobis to the nearest class, with one covariance for all
classes (Lee et al. 2018, "A simple unified framework for detecting
out-of-distribution samples and adversarial attacks", arXiv 1807.03888). The
covariance is shrunk (Ledoit and Wolf 2004, J. Multivariate Analysis 88:365),
since there may be fewer images than features.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy import typing as npt

Array = npt.NDArray[np.float64]

# Of what a feature that never changes is divided by.
_LEAST_SCALE = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Classes:
    """Where the classes of a training lie.

    Attributes:
        means: float64 `[num_classes, num_features]`; NaN of a class without
            images.
        precision: float64 `[num_features, num_features]`, the inverse of the
            covariance within the classes.
    """

    means: Array
    precision: Array


def fit(
    features: Array, labels: npt.NDArray[np.int64], num_classes: int
) -> Classes:
    """Returns where classes lie.

    Args:
        features: float64 `[n, num_features]`, of the images for training.
        labels: int64 `[n]`, class indices.
        num_classes: Number of classes.
    """
    from sklearn import covariance

    means = np.full((num_classes, features.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = features[labels == label].mean(axis=0)
    within = features - means[labels]
    # Shrinkage is towards a sphere, which features in units of their own make
    # no sense of.
    scale = np.maximum(within.std(axis=0), _LEAST_SCALE)
    shrunk, _ = covariance.ledoit_wolf(within / scale, assume_centered=True)
    precision = np.linalg.pinv(shrunk, hermitian=True)
    return Classes(means, precision / np.outer(scale, scale))


def measure(classes: Classes, features: Array) -> Array:
    """Returns the distance to the nearest class, float64 `[n]`.

    Args:
        classes: As `fit` returns them.
        features: float64 `[n, num_features]`.
    """
    squares = [
        np.sum(centred @ classes.precision * centred, axis=1)
        for centred in (
            features - mean for mean in classes.means if np.isfinite(mean).all()
        )
    ]
    return np.asarray(np.sqrt(np.maximum(np.min(squares, axis=0), 0)))
