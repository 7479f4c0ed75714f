"""Exact metrics over the full score vector; NumPy only.

`keras.metrics.AUC` bins scores into 200 thresholds and, on softmax outputs
with one-hot labels, pools both columns: on real films it reads .05 low. The
area under the ROC curve is a rank statistic and cheap to compute exactly, so
that is what every number here is: equal to `sklearn.metrics.roc_auc_score`.

    probabilities = model.predict(images)          # [N, K]
    metrics.auc(labels, probabilities)             # labels: ints [N]
    metrics.accuracy(labels, probabilities)
"""

import warnings

import numpy as np


def accuracy(labels, scores, *, sample_weight=None):
    """Returns the share of examples whose highest score is the true class.

    Args:
        labels: int `[num_examples]`, class indices in `[0, num_classes)`.
        scores: float `[num_examples, num_classes]`, higher is likelier.
        sample_weight: Optional `[num_examples]` of 0 (padding) and 1.

    Returns:
        float in `[0, 1]`; the first of equal scores wins. NaN for no examples.
    """
    labels, scores = _checked(labels, scores, sample_weight)
    if not len(labels):
        return float("nan")
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def auc(labels, scores, *, sample_weight=None):
    """Returns the exact area under the ROC curve.

    With two classes it is the area for class 1 scored by its column. With
    more it is the unweighted mean over the classes, each against the rest
    (`roc_auc_score(multi_class="ovr", average="macro")`).

    Args:
        labels: int `[num_examples]`, class indices in `[0, num_classes)`.
        scores: float `[num_examples, num_classes]`, higher is likelier.
        sample_weight: Optional `[num_examples]` of 0 (padding) and 1.

    Returns:
        float in `[0, 1]`. NaN, with a warning, where a class has no examples
        or all of them; NaN where a score is NaN.
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
    areas = [binary_auc(labels == k, scores[:, k]) for k in columns]
    return float(np.mean(areas))


def binary_auc(positive, scores):
    """Returns the probability that a positive outranks a negative.

    The Mann-Whitney statistic in float64, ties counting one half.

    Args:
        positive: bool `[num_examples]`, at least one of each value.
        scores: float `[num_examples]`, higher for positives.

    Returns:
        float in `[0, 1]`; NaN if any score is NaN or one class is missing.
    """
    positive = np.asarray(positive, dtype=bool)
    scores = np.asarray(scores)
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    if np.isnan(scores).any() or not num_positive or not num_negative:
        return float("nan")
    rank_sum = _midranks(scores)[positive].sum()
    wins = rank_sum - num_positive * (num_positive + 1) / 2
    return float(wins / (num_positive * num_negative))


def _midranks(values):
    """Returns ranks from 1, equal values sharing the mean of theirs."""
    _, group, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    last_rank = np.cumsum(counts).astype(np.float64)
    return (last_rank - (counts - 1) / 2)[group]


def _checked(labels, scores, sample_weight):
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


def _mask(sample_weight, num_examples):
    """Returns bool `[num_examples]`, True where the example is real."""
    weights = np.asarray(sample_weight)
    if weights.shape != (num_examples,) or not np.isin(weights, (0, 1)).all():
        raise ValueError(
            f"`sample_weight` must be {num_examples} values of 0 or 1: it "
            "tells padding from examples, nothing more. Received: "
            f"shape={weights.shape}, values={np.unique(weights)[:10].tolist()}"
        )
    return weights.astype(bool)
