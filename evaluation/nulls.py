"""What a model reaches that does not look at the lungs.

A null model sees a few numbers of each image, such as its thumbnail or its size
in the folder it came from. It is fitted on the training split and scored on the
same images as the network: only what the network adds to it is the network's.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import auc as auc_lib
from evaluation import figure as figure_lib
from evaluation import figures
from evaluation import scores as scores_lib
from evaluation import separability


@dataclasses.dataclass(frozen=True)
class Null:
    """What a null model is told.

    Attributes:
        name: Such as "thumbnail".
        description: What its numbers are, as a sentence.
        train_features: float `[n_train, d]`; `None` if there are none.
        train_labels: int `[n_train]`, class indices.
        features: float `[n, d]` of the images that are evaluated, in the order
            of the network's scores; `None` if there are none.
        reason: Why there are none, as a sentence, or empty.
    """

    name: str
    description: str
    train_features: npt.NDArray[Any] | None
    train_labels: npt.NDArray[np.int64]
    features: npt.NDArray[Any] | None
    reason: str = ""


def measure(null: Null, scores: scores_lib.Scores) -> dict[str, Any]:
    """Returns what a null model reaches, and what the network adds to it.

    Args:
        null: The model.
        scores: Of the network.

    Returns:
        `name`, `description`, `auc`, `difference` (the network's AUC less that
        of the null model, paired), and `reason`, why there are none or `None`.
    """
    values, reason = _score(null, len(scores.class_names))
    if values is None:
        found = figure_lib.missing("auc", reason)
        difference = figure_lib.missing("auc_difference", reason)
    else:
        found = figures.auc_figure(scores.labels, values, scores.patients)
        difference, _ = auc_lib.paired_difference(
            scores.labels, scores.probabilities, values, scores.patients
        )
    return {
        "name": null.name,
        "description": null.description,
        "auc": found.as_json(),
        "difference": difference.as_json(),
        "reason": reason or None,
    }


def _score(
    null: Null, num_classes: int
) -> tuple[npt.NDArray[np.float64] | None, str]:
    """Returns float64 `[n, num_classes]`, or `None` and the reason."""
    if null.train_features is None or null.features is None:
        return None, null.reason or "These numbers are not known."
    known = np.isfinite(null.train_features).all(axis=1)
    if not known.any() or not np.isfinite(null.features).all():
        return None, "These numbers are not known of all images."
    train = null.train_features[known]
    labels = null.train_labels[known]
    if len(np.unique(labels)) < num_classes:
        return None, "A class has no image in the training split."
    if np.all(np.ptp(train, axis=0) == 0):
        # All images are alike to it.
        return np.zeros((len(null.features), num_classes)), ""
    model = separability.make_model(train.shape[1])
    model.fit(train, labels)
    values = model.decision_function(null.features)
    if num_classes == 2:
        values = np.stack([-values, values], axis=1)
    return np.asarray(values), ""
