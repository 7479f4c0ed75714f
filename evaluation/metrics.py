"""Exact metrics over the full score vector, by scikit-learn.

`keras.metrics.AUC` bins scores into 200 thresholds and, on softmax outputs
with one-hot labels, pools both columns: on real films it reads .05 low. Here
the area under the ROC curve is that of `sklearn.metrics.roc_auc_score`. What
is added is what the end of an epoch needs: padding is left out, and what has no
value is NaN instead of an exception.

scikit-learn takes a second to import, so it is imported by the first call.

    probabilities = model.predict(images)          # [N, K]
    metrics.auc(labels, probabilities)             # labels: ints [N]
    metrics.accuracy(labels, probabilities)
"""

from __future__ import annotations

from typing import Any
import warnings

import numpy as np
from numpy import typing as npt


def accuracy(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Returns the share of examples whose highest score is the true class.

    Args:
        labels: int `[num_examples]`, class indices in `[0, num_classes)`.
        scores: float `[num_examples, num_classes]`, higher is likelier.
        sample_weight: Optional `[num_examples]` of 0 (padding) and 1.

    Returns:
        Between 0 and 1; the first of equal scores wins. NaN for no examples.
    """
    from sklearn import metrics

    labels, scores = _checked(labels, scores, sample_weight)
    if not len(labels):
        return float("nan")
    return float(metrics.accuracy_score(labels, np.argmax(scores, axis=1)))


def auc(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None = None,
) -> float:
    """Returns the exact area under the ROC curve.

    With two classes it is the area for class 1 scored by its column. With
    more it is the unweighted mean over the classes, each against the rest
    (`roc_auc_score(multi_class="ovr", average="macro")`).

    Args:
        labels: int `[num_examples]`, class indices in `[0, num_classes)`.
        scores: float `[num_examples, num_classes]`, higher is likelier.
        sample_weight: Optional `[num_examples]` of 0 (padding) and 1.

    Returns:
        Between 0 and 1. NaN, with a warning, where a class has no examples or
        all of them; NaN where a score is NaN.
    """
    labels, scores = _checked(labels, scores, sample_weight)
    num_classes = scores.shape[1]
    present = np.unique(labels)
    if len(present) < num_classes:
        warnings.warn(
            "AUC is undefined (NaN) because the examples do not cover all "
            f"{num_classes} classes. Classes with examples: "
            f"{present.tolist()}.",
            RuntimeWarning,
            stacklevel=2,
        )
        return float("nan")
    columns = [1] if num_classes == 2 else range(num_classes)
    areas = [_binary_auc(labels == k, scores[:, k]) for k in columns]
    return float(np.mean(areas))


def _binary_auc(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[Any]
) -> float:
    """Returns the area for examples of both kinds; NaN if a score is NaN."""
    from sklearn import metrics

    if np.isnan(scores).any():
        return float("nan")
    # scikit-learn refuses infinite scores; their ranks are finite, with equal
    # ties, and the area depends on nothing else.
    _, ranks = np.unique(scores, return_inverse=True)
    return float(metrics.roc_auc_score(positive, ranks))


def _checked(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Returns labels and scores as arrays of agreeing shape, unpadded."""
    labels = np.asarray(labels)
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[1] < 2 or labels.ndim != 1:
        raise ValueError(
            "`labels` must have shape [num_examples] and `scores` "
            "[num_examples, num_classes] with at least two classes. "
            f"Received: labels.shape={labels.shape}, "
            f"scores.shape={scores.shape}"
        )
    if len(labels) != len(scores):
        raise ValueError(
            "`labels` and `scores` must have the same length. Received: "
            f"len(labels)={len(labels)}, len(scores)={len(scores)}"
        )
    if sample_weight is not None:
        mask = _mask(sample_weight, len(labels))
        labels, scores = labels[mask], scores[mask]
    if len(labels) and not (
        np.issubdtype(labels.dtype, np.integer)
        and 0 <= labels.min()
        and labels.max() < scores.shape[1]
    ):
        raise ValueError(
            f"`labels` must be integers in [0, {scores.shape[1]}). Received: "
            f"dtype={labels.dtype}, values={np.unique(labels)[:10].tolist()}"
        )
    return labels, scores


def _mask(
    sample_weight: npt.ArrayLike, num_examples: int
) -> npt.NDArray[np.bool_]:
    """Returns bool `[num_examples]`, True where the example is real."""
    weights = np.asarray(sample_weight)
    if weights.shape != (num_examples,) or not np.isin(weights, (0, 1)).all():
        raise ValueError(
            f"`sample_weight` must be {num_examples} values of 0 or 1: it "
            "separates padding from examples, nothing more. Received: "
            f"shape={weights.shape}, values={np.unique(weights)[:10].tolist()}"
        )
    return weights.astype(bool)
