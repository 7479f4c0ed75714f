"""ROC and precision-recall curves with bands, and histograms of scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import bootstrap
from evaluation import weighted
from evaluation.scores import Scores

_Array = npt.NDArray[np.float64]

_NUM_POINTS = 101
_NUM_BINS = 20

# Far below the step of one example.
_ROUNDING = 1e-9


def curves(
    scores: Scores,
    *,
    seed: int = 0,
    num_rounds: int = bootstrap.NUM_ROUNDS,
) -> dict[str, Any]:
    """Returns the ROC and the precision-recall curve, each with its band.

    The bands are pointwise and vertical: at each false positive rate, or each
    recall, the 95 % interval of what resamples of the patients have there.

    Args:
        scores: Of any number of examples.
        seed: Of the bootstrap.
        num_rounds: Of the bootstrap.

    Returns:
        A dictionary with `roc`, which holds `fpr`, `tpr`, `low` and `high`, and
        `precision_recall`, which holds `recall`, `precision`, `low` and `high`;
        of 101 points each, None in the place of a curve where a class has no
        example, and of the ends of a band where there is one patient. With
        more than two classes it is that for each class against the rest, by
        its name.
    """
    columns = enumerate(zip(scores.class_names, scores.probabilities.T))
    of_classes = {
        name: _of_class(
            scores.labels == index,
            column,
            scores.patients,
            seed=seed,
            num_rounds=num_rounds,
        )
        for index, (name, column) in columns
        if index or len(scores.class_names) > 2
    }
    if len(scores.class_names) == 2:
        return of_classes[scores.class_names[1]]
    return of_classes


def histogram(scores: Scores) -> dict[str, Any]:
    """Counts probabilities, for each class.

    Args:
        scores: Of any number of examples.

    Returns:
        "edges" of 20 bins, and "counts", by the name of the true class. With
        two classes the probability is that of class 1; with more it is that of
        the true class.
    """
    edges = np.linspace(0, 1, _NUM_BINS + 1)
    counts = {}
    for index, name in enumerate(scores.class_names):
        column = 1 if len(scores.class_names) == 2 else index
        own = scores.probabilities[scores.labels == index, column]
        counts[name] = np.histogram(own, edges)[0].tolist()
    return {"edges": edges.tolist(), "counts": counts}


def _of_class(
    positive: npt.NDArray[np.bool_],
    scores: _Array,
    patients: npt.NDArray[np.str_],
    *,
    seed: int,
    num_rounds: int,
) -> dict[str, Any]:
    """Returns the curves of one class against the rest."""
    if positive.all() or not positive.any():
        return {"roc": None, "precision_recall": None}
    ranking = weighted.Ranking(positive, scores)
    grid = np.linspace(0, 1, _NUM_POINTS)
    tables: tuple[list[_Array], list[_Array]] = ([], [])
    chunks = bootstrap.weight_chunks(patients, num_rounds=num_rounds, seed=seed)
    for weights in chunks:
        cumulated = ranking.cumulate(weights)
        tables[0].append(_at(_sensitivities, *cumulated, grid))
        tables[1].append(_at(_precisions, *cumulated, grid))
    own = ranking.cumulate(np.ones((1, len(scores))))
    tail = None
    if len(np.unique(patients)) > 1:
        tail = bootstrap.tail_of(positive, patients)
    return {
        "roc": {
            "fpr": grid.tolist(),
            "tpr": _at(_sensitivities, *own, grid)[0].tolist(),
            **_band(np.concatenate(tables[0]), tail),
        },
        "precision_recall": {
            "recall": grid.tolist(),
            "precision": _at(_precisions, *own, grid)[0].tolist(),
            **_band(np.concatenate(tables[1]), tail),
        },
    }


def _at(
    curve: Callable[[_Array, _Array, _Array], _Array],
    hits: _Array,
    false_alarms: _Array,
    grid: _Array,
) -> _Array:
    """Returns `[rounds, points]` of a curve; NaN where a class is missing."""
    found = np.full((len(hits), len(grid)), np.nan)
    for row, above, alarms in zip(found, hits, false_alarms):
        if above[-1] and alarms[-1]:
            row[:] = curve(above, alarms, grid)
    return found


def _sensitivities(hits: _Array, false_alarms: _Array, grid: _Array) -> _Array:
    """Interpolates linearly; where the curve is vertical, its upper end."""
    rates = np.append(0, false_alarms / false_alarms[-1])
    found: _Array = np.interp(grid, rates, np.append(0, hits / hits[-1]))
    return found


def _precisions(hits: _Array, false_alarms: _Array, grid: _Array) -> _Array:
    """Takes the highest threshold that reaches each recall.

    Between two there is no straight line (Davis and Goadrich 2006, "The
    Relationship Between Precision-Recall and ROC Curves").
    """
    # Above the first hit nothing is recalled yet.
    first = np.searchsorted(hits, 0, side="right")
    reached = np.searchsorted(hits, grid * hits[-1] - _ROUNDING)
    index = np.maximum(first, reached)
    precisions: _Array = hits[index] / (hits[index] + false_alarms[index])
    return precisions


def _band(table: _Array, tail: float | None) -> dict[str, list[float] | None]:
    """Returns "low" and "high" of `[rounds, points]`, plain percentiles."""
    valid = table[~np.isnan(table[:, 0])]
    if tail is None or not len(valid):
        return {"low": None, "high": None}
    low, high = np.quantile(valid, [tail, 1 - tail], axis=0)
    return {"low": low.tolist(), "high": high.tolist()}
