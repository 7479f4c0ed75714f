"""Two models on the same images: what differs, and whether that is chance.

All tests are paired: that both models have seen the same patients makes the
difference far surer than two intervals side by side suggest.
"""

from __future__ import annotations

import dataclasses
import functools
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

    McNemar's exact test (1947, Psychometrika 12:153) with the images of a
    patient kept together. Of each patient, the images that only this model
    decides rightly are counted, less those that only the other does. The sum
    over patients is tested, as by Obuchowski (1998, Statistics in Medicine
    17:1495), but exactly: were the models alike, each patient's number would be
    as likely with the other sign, and the p-value is the chance of a sum as far
    from 0. With one image a patient it is McNemar's.

    Attributes:
        only_this: Images that only this model decides rightly.
        only_other: Images that only the other does.
        num_patients: Patients of whom one decides more images rightly.
        p_value: Two-sided; 1 where there is no such patient.
        test: Its name.
    """

    only_this: int
    only_other: int
    num_patients: int
    p_value: float
    test: str = "McNemar's test, exact, by flipping the signs of patients"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """This model less the other.

    Attributes:
        auc_difference: With DeLong's paired interval.
        p_value: Of DeLong's paired test, two-sided; NaN where there is none.
        mcnemar: Of the decisions.
        figures: The differences of all figures, with the interval of resampled
            patients, each drawn for both models; those of
            `figure.OF_PROBABILITIES` of calibrated ones, if these are given.
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
    calibrated: (
        tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None
    ) = None,
    num_rounds: int = bootstrap.NUM_ROUNDS,
    seed: int = 0,
) -> Comparison:
    """Compares two models on the same images.

    Args:
        this: Scores of the one.
        other: Scores of the other, in any order.
        thresholds: Of the one and the other; None with more than two classes.
        calibrated: float64 `[n, num_classes]` of each, in the order of its
            scores: probabilities to be judged in the place of those that
            decide.
        num_rounds: How often patients are drawn.
        seed: Of these draws.

    Raises:
        ValueError: If the classes, keys or labels are not the same.
    """
    judged = [
        align(this, dataclasses.replace(scores, probabilities=probabilities))
        for scores, probabilities in zip((this, other), calibrated or ())
    ]
    other = align(this, other)
    decided = [
        figures.decide(scores, threshold)
        for scores, threshold in zip((this, other), thresholds)
    ]
    right = [choices == this.labels for choices in decided]
    difference, p_value = auc_lib.paired_difference(
        this.labels, this.probabilities, other.probabilities, this.patients
    )
    subtract = functools.partial(
        _differences, decided=decided, num_rounds=num_rounds, seed=seed
    )
    differences = subtract([this, other])
    if judged:
        of_judged = subtract(judged)
        for name in figure_lib.OF_PROBABILITIES:
            differences[name] = of_judged[name]
    return Comparison(
        auc_difference=difference,
        p_value=p_value,
        mcnemar=mcnemar(*right, patients=this.patients),
        figures=tuple(differences.values()),
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
    this_right: npt.NDArray[np.bool_],
    other_right: npt.NDArray[np.bool_],
    *,
    patients: npt.NDArray[Any],
) -> McNemar:
    """Tests whether one model decides rightly more often.

    Args:
        this_right: `[n]`, whether the one decides rightly.
        other_right: `[n]`, whether the other does, on the same images.
        patients: `[n]`; the images of different patients are independent.
    """
    only_this = this_right & ~other_right
    only_other = other_right & ~this_right
    names, places = np.unique(patients, return_inverse=True)
    surplus = np.zeros(len(names), np.int64)
    np.add.at(surplus, places, only_this.astype(np.int64) - only_other)
    sizes = np.abs(surplus[surplus != 0])
    # With equal chances for each sign, all positive ones together are as large
    # as all negative ones together.
    larger = max(surplus[surplus > 0].sum(), -surplus[surplus < 0].sum())
    p_value = 2 * float(np.sum(_chances(sizes)[larger:]))
    return McNemar(
        int(only_this.sum()),
        int(only_other.sum()),
        len(sizes),
        # Where both are equally large, their chance is counted twice.
        min(1.0, p_value),
    )


def _chances(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Returns how likely each sum is of those that a fair coin takes.

    Args:
        sizes: `[n]`, above 0.

    Returns:
        `[sum + 1]`. No term is negative, so that small chances are not lost.
    """
    from scipy import stats

    chances = np.ones(1)
    for size, number in zip(*np.unique(sizes, return_counts=True)):
        taken = np.zeros(size * number + 1)
        taken[::size] = stats.binom.pmf(np.arange(number + 1), number, 0.5)
        chances = np.convolve(chances, taken)
    return chances


def _differences(
    pair: list[scores_lib.Scores],
    decided: list[npt.NDArray[np.int64]],
    *,
    num_rounds: int,
    seed: int,
) -> dict[str, figure_lib.Figure]:
    """Returns the difference of each figure, from the same draws for both."""
    values, draws = [], []
    for scores, choices in zip(pair, decided):
        arrays = scores.labels, scores.probabilities, choices, scores.patients
        values.append(metrics.values(*arrays))
        draws.append(
            # Equal seed and patients: equal draws.
            bootstrap.draw_values(*arrays, num_rounds=num_rounds, seed=seed)
        )
    return {
        name: bootstrap.figure(
            name,
            values[0][name] - values[1][name],
            draws[0][name] - draws[1][name],
            pair[0].labels,
            pair[0].patients,
            "One of the two models has no value.",
        )
        for name in figure_lib.NAMES
        if name in values[0]
    }
