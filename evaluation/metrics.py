"""Exact metrics over the full score vector, by scikit-learn.

`accuracy` and `auc` are what a run shows after each epoch; `values` are all
figures of a report; ours is what scikit-learn lacks (`reliability`).

`keras.metrics.AUC` bins scores into 200 thresholds and, on softmax outputs
with one-hot labels, pools both columns: on real films it reads .05 low. Here
the area under the ROC curve is that of `sklearn.metrics.roc_auc_score`. What
is added is what the end of an epoch needs: padding is left out, and what has no
value is NaN instead of an exception.

scikit-learn takes a second to import, so it is imported by the first call.

    probabilities = model.predict(images)          # [N, K]
    metrics.auc(labels, probabilities)             # labels: ints [N]
    metrics.accuracy(labels, probabilities)
    metrics.values(labels, probabilities, decided, patients)
"""

from __future__ import annotations

import math
from typing import Any
import warnings

import numpy as np
from numpy import typing as npt

from evaluation import reliability


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


def values(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    decided: npt.NDArray[np.int64],
    patients: npt.NDArray[Any],
) -> dict[str, float]:
    """Returns all figures, NaN where one has no value.

    With two classes class 1 is the positive one. With more, AUC, average
    precision, sensitivity, specificity, predictive values and F1 are the mean
    over the classes, each against the rest.

    Args:
        labels: `[n]`, class indices.
        probabilities: `[n, num_classes]`, finite.
        decided: `[n]`, the classes that are decided on.
        patients: `[n]`, for the calibration error.
    """
    num_classes = probabilities.shape[1]
    chosen = [1] if num_classes == 2 else list(range(num_classes))
    per_class = [
        _one_vs_rest(labels == k, probabilities[:, k], decided == k)
        for k in chosen
    ]
    means = {
        name: float(np.mean([one[name] for one in per_class]))
        for name in per_class[0]
    }
    return {
        **means,
        **_overall(labels, decided, num_classes),
        **_probabilistic(labels, probabilities),
        "calibration_error": reliability.calibration_error(
            labels, probabilities, patients
        ),
    }


def _one_vs_rest(
    positive: npt.NDArray[np.bool_],
    scores: npt.NDArray[np.float64],
    decided: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """Returns the figures of one class against the rest."""
    from sklearn import metrics

    auc_value = average_precision = math.nan
    if positive.any() and not positive.all():
        auc_value = _binary_auc(positive, scores)
        average_precision = metrics.average_precision_score(positive, scores)
    counts = np.zeros((2, 2), np.int64)
    if len(positive):
        counts = metrics.confusion_matrix(positive, decided, labels=[0, 1])
    (rejected, alarms), (missed, hits) = counts.tolist()
    return {
        "auc": auc_value,
        "average_precision": float(average_precision),
        "sensitivity": _ratio(hits, hits + missed),
        "specificity": _ratio(rejected, rejected + alarms),
        "ppv": _ratio(hits, hits + alarms),
        "npv": _ratio(rejected, rejected + missed),
        "f1": _ratio(2 * hits, 2 * hits + alarms + missed),
    }


def _overall(
    labels: npt.NDArray[np.int64],
    decided: npt.NDArray[np.int64],
    num_classes: int,
) -> dict[str, float]:
    """Returns the figures of the decisions on all classes."""
    from sklearn import metrics

    present = len(np.unique(labels))
    scorers = {
        "accuracy": (metrics.accuracy_score, 1),
        "balanced_accuracy": (metrics.balanced_accuracy_score, num_classes),
        # 0 where all decisions are the same.
        "matthews": (metrics.matthews_corrcoef, 2),
    }
    with warnings.catch_warnings():
        # That a class without examples is decided on is no news.
        warnings.simplefilter("ignore", UserWarning)
        return {
            name: (
                float(score(labels, decided)) if present >= least else math.nan
            )
            for name, (score, least) in scorers.items()
        }


def _probabilistic(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Returns the figures of the probabilities themselves."""
    from sklearn import metrics

    num_classes = probabilities.shape[1]
    if not len(labels):
        return dict.fromkeys(("brier", "log_loss"), math.nan)
    if num_classes == 2:
        brier = metrics.brier_score_loss(
            labels, probabilities[:, 1], pos_label=1
        )
        probabilities = probabilities[:, 1]
    else:
        # Brier 1950, Monthly Weather Review 78:1; scikit-learn has it since
        # 1.7, and for two classes the half of it.
        errors = np.eye(num_classes)[labels] - probabilities
        brier = np.mean(np.sum(errors**2, axis=1))
    with warnings.catch_warnings():
        # In float32 the rows do not sum to 1 as exactly as is asked for.
        warnings.simplefilter("ignore", UserWarning)
        loss = metrics.log_loss(
            labels, probabilities, labels=list(range(num_classes))
        )
    return {"brier": float(brier), "log_loss": float(loss)}


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan


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
