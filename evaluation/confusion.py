"""The confusion matrix, and which images are in its cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation.scores import Scores

# Of the images of a cell of the confusion matrix, named on the page.
_MOST_CASES = 50


def count(scores: Scores, decided: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Returns `confusion` of `metrics.json`.

    Args:
        scores: Of any number of examples.
        decided: int64 `[n]`, class indices.

    Returns:
        `counts`, rows true and columns decided, and `cases`: by "row,column"
        the surest, each with the probability of class 1 of two, and of the
        class decided on where there are more.
    """
    num_classes = len(scores.class_names)
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (scores.labels, decided), 1)
    cases = {}
    for label in range(num_classes):
        for decision in range(num_classes):
            own = np.flatnonzero(
                (scores.labels == label) & (decided == decision)
            )
            surest = own[np.argsort(-scores.probabilities[own, decision])]
            column = 1 if num_classes == 2 else decision
            cases[f"{label},{decision}"] = [
                {
                    "key": str(scores.keys[place]),
                    "probability": float(scores.probabilities[place, column]),
                }
                for place in surest[:_MOST_CASES]
            ]
    return {"counts": counts.tolist(), "cases": cases}
