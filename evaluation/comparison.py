"""Two models on the same images: what differs, and whether that is chance.

All tests are paired: that both models have seen the same patients makes the
difference far surer than two intervals side by side suggest.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import auc as auc_lib
from evaluation import bootstrap
from evaluation import figure as figure_lib
from evaluation import figures
from evaluation import metrics
from evaluation import scores as scores_lib


@dataclasses.dataclass(frozen=True)
class McNemar:
    """Which of two models decides rightly where they differ.

    The p-value is exact, of the binomial distribution (McNemar 1947,
    Psychometrika 12:153). It takes images for independent; the differences of
    `Comparison.figures` do not.

    Attributes:
        only_this: Images that only this model decides rightly.
        only_other: Images that only the other does.
        p_value: Two-sided; 1 where they never differ.
    """

    only_this: int
    only_other: int
    p_value: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """This model less the other.

    Attributes:
        auc_difference: With DeLong's paired interval.
        p_value: Of DeLong's paired test, two-sided; NaN where there is none.
        mcnemar: Of the decisions.
        figures: The differences of all figures, with the interval of resampled
            patients, each drawn for both models.
    """

    auc_difference: figure_lib.Figure
    p_value: float
    mcnemar: McNemar
    figures: tuple[figure_lib.Figure, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the fields; None in the place of NaN."""
        return {
            "auc_difference": self.auc_difference.as_json(),
            "p_value": None if np.isnan(self.p_value) else self.p_value,
            "mcnemar": dataclasses.asdict(self.mcnemar),
            "figures": [figure.as_json() for figure in self.figures],
        }


def compare(
    this: scores_lib.Scores,
    other: scores_lib.Scores,
    *,
    thresholds: tuple[float | None, float | None],
    num_rounds: int = bootstrap.NUM_ROUNDS,
    seed: int = 0,
) -> Comparison:
    """Compares two models on the same images.

    Args:
        this: Scores of the one.
        other: Scores of the other, in any order.
        thresholds: Of the one and the other; None with more than two classes.
        num_rounds: How often patients are drawn.
        seed: Of these draws.

    Raises:
        ValueError: If the classes, keys or labels are not the same.
    """
    other = align(this, other)
    decided = [
        figures.decide(scores, threshold)
        for scores, threshold in zip((this, other), thresholds)
    ]
    difference, p_value = auc_lib.paired_difference(
        this.labels, this.probabilities, other.probabilities, this.patients
    )
    return Comparison(
        auc_difference=difference,
        p_value=p_value,
        mcnemar=mcnemar(*(choices == this.labels for choices in decided)),
        figures=_differences(
            (this, other), decided, num_rounds=num_rounds, seed=seed
        ),
    )


def align(
    this: scores_lib.Scores, other: scores_lib.Scores
) -> scores_lib.Scores:
    """Returns `other` in the order of `this`, with its patients.

    Raises:
        ValueError: If the classes, keys or labels are not the same.
    """
    if this.class_names != other.class_names:
        raise ValueError(
            "`compare` must name a run with the same classes. Received: "
            f"{list(other.class_names)}, and here {list(this.class_names)}"
        )
    for key in np.setxor1d(this.keys, other.keys)[:1]:
        where = "this" if key in this.keys else "the other"
        raise ValueError(
            "`compare` must name a run that is evaluated on the same images."
            f" Received: {len(this.keys)} and {len(other.keys)} images, of"
            f" which {key} is only in {where} run."
        )
    order = np.argsort(other.keys)[np.argsort(np.argsort(this.keys))]
    aligned = other.take(order.tolist())
    for index in np.flatnonzero(aligned.labels != this.labels)[:1]:
        here, there = (
            scores.class_names[scores.labels[index]]
            for scores in (this, aligned)
        )
        raise ValueError(
            "`compare` must name a run with the same labels. Received: "
            f"{this.keys[index]} is {here} here and {there} in the other run."
        )
    return dataclasses.replace(aligned, patients=this.patients)


def mcnemar(
    this_right: npt.NDArray[np.bool_], other_right: npt.NDArray[np.bool_]
) -> McNemar:
    """Tests whether one model decides rightly more often.

    Args:
        this_right: `[n]`, whether the one decides rightly.
        other_right: `[n]`, whether the other does, on the same images.
    """
    from scipy import stats

    only_this = int(np.sum(this_right & ~other_right))
    only_other = int(np.sum(other_right & ~this_right))
    number = only_this + only_other
    p_value = stats.binomtest(only_this, number).pvalue if number else 1.0
    return McNemar(only_this, only_other, float(p_value))


def _differences(
    pair: tuple[scores_lib.Scores, scores_lib.Scores],
    decided: list[npt.NDArray[np.int64]],
    *,
    num_rounds: int,
    seed: int,
) -> tuple[figure_lib.Figure, ...]:
    """Returns the difference of each figure, from the same draws for both."""
    values, draws = [], []
    for scores, choices in zip(pair, decided):
        arrays = scores.labels, scores.probabilities, choices, scores.patients
        values.append(metrics.values(*arrays))
        draws.append(
            # Equal seed and patients: equal draws.
            bootstrap.draw_values(*arrays, num_rounds=num_rounds, seed=seed)
        )
    return tuple(
        bootstrap.figure(
            name,
            values[0][name] - values[1][name],
            draws[0][name] - draws[1][name],
            pair[0].labels,
            pair[0].patients,
            "One of the two models has no value.",
        )
        for name in figure_lib.NAMES
        if name in values[0]
    )
