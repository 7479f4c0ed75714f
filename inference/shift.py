"""How well a set of images can be told from those for training.

Within a class, so that it is not the disease that tells them apart, and by the
thumbnail alone: the audit's question to its splits (`xray_tfds.audit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation import separability
from inference import null_features

# Above this AUC a class is flagged. A convention, as the audit's .6 of a build:
# the public set's test split has .90 within normal, .61 within pneumonia.
FLAG_ABOVE = 0.7


def measure(
    train: null_features.ImageFeatures,
    evaluated: null_features.ImageFeatures,
    class_names: Sequence[str],
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Returns what is found, class by class.

    Args:
        train: Of the images that the network was trained on.
        evaluated: Of those that it is evaluated on.
        class_names: In the order of the labels.
        seed: Chooses which patients share a fold of the cross-validation.

    Returns:
        One for each class: `class`, `auc`, `low`, `high` (95 % interval;
        all three `None` if there are too few patients), `flagged`, and
        `verdict`, a sentence.
    """
    return [
        _measure_class(train, evaluated, index, name, seed)
        for index, name in enumerate(class_names)
    ]


def _measure_class(
    train: null_features.ImageFeatures,
    evaluated: null_features.ImageFeatures,
    index: int,
    name: str,
    seed: int,
) -> dict[str, Any]:
    chosen = [each.labels == index for each in (train, evaluated)]
    sides = list(zip((train, evaluated), chosen))
    counts = [int(of_class.sum()) for of_class in chosen]
    try:
        estimate = separability.estimate_auc(
            np.concatenate([each.thumbnails[c] for each, c in sides]),
            np.repeat([0, 1], counts),
            np.concatenate([each.patients[c] for each, c in sides]),
            seed=seed,
        )
    except separability.NotMeasurableError as error:
        return {
            **{"class": name, "auc": None, "low": None, "high": None},
            **{"flagged": False, "verdict": f"Not measured: {error}"},
        }
    return {
        **{"class": name, "auc": estimate.auc},
        **{"low": estimate.low, "high": estimate.high},
        "flagged": estimate.auc > FLAG_ABOVE,
        "verdict": _judge(name, estimate),
    }


def _judge(name: str, estimate: separability.Estimate) -> str:
    """Returns what an AUC means, as one or two sentences."""
    if estimate.auc <= FLAG_ABOVE:
        if estimate.high <= FLAG_ABOVE:
            return f"Images of {name} are much like those for training."
        return (
            f"Images of {name} are not clearly other than those for training;"
            " with more patients they might be."
        )
    verdict = (
        f"Images of {name} differ from those for training even in 8x8 pixels:"
        " another source, or another treatment. A threshold chosen on the one"
        " may not fit the other."
    )
    if estimate.low <= 0.5:
        verdict += " The interval contains chance: too few patients to be sure."
    return verdict
