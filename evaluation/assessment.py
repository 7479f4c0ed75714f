"""What scores say of a model, and what was chosen on validation to say it.

`choose` looks at validation alone: threshold and temperature. `assess` applies
them to the scores that are evaluated, and returns the parts of `metrics.json`
that follow from scores and labels.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import math
from typing import Any
from typing import Literal

import numpy as np
from numpy import typing as npt

from evaluation import bootstrap
from evaluation import calibration
from evaluation import confusion
from evaluation import curves
from evaluation import figure as figure_lib
from evaluation import figures
from evaluation import thresholds as thresholds_lib
from evaluation.scores import Scores

Calibration = Literal["none", "temperature"]


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """How a model is used: chosen on validation, before anything is evaluated.

    Attributes:
        thresholds: 0.5, Youden's and the one that was asked for, with two
            classes; empty with more, where the likeliest class is decided on.
        asked: The rule that was asked for.
        temperature: What logits are divided by; None without calibration.
    """

    thresholds: tuple[thresholds_lib.Threshold, ...]
    asked: thresholds_lib.Rule
    temperature: calibration.Temperature | None

    @property
    def chosen(self) -> thresholds_lib.Threshold | None:
        """The threshold that was asked for; None with more than two classes."""
        for each in self.thresholds:
            if each.rule == str(self.asked):
                return each
        return None

    @property
    def threshold(self) -> float | None:
        """Its value."""
        return None if self.chosen is None else self.chosen.value

    def calibrate(
        self, probabilities: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Returns calibrated probabilities, `[n, num_classes]`."""
        if self.temperature is None:
            return probabilities
        return calibration.apply(probabilities, self.temperature.value)


def choose(
    validation: Scores,
    *,
    rule: thresholds_lib.Rule,
    calibrate: Calibration,
    num_rounds: int = bootstrap.NUM_ROUNDS,
    seed: int = 0,
) -> OperatingPoint:
    """Chooses threshold and temperature on the scores of validation.

    Args:
        validation: Of the validation split.
        rule: Of the threshold.
        calibrate: How.
        num_rounds: Of the bootstrap, for the threshold's spread.
        seed: Of the bootstrap.

    Raises:
        ValueError: If the rule has no threshold there, or none is needed.
    """
    chosen: tuple[thresholds_lib.Threshold, ...] = ()
    if len(validation.class_names) == 2:
        chosen = tuple(
            thresholds_lib.choose(
                each, validation, num_rounds=num_rounds, seed=seed
            )
            for each in thresholds_lib.side_by_side(rule)
        )
    elif rule != thresholds_lib.HALF:
        raise ValueError(
            "`threshold` needs two classes; with more, the likeliest class is "
            f"decided on. Leave out --threshold. Received: threshold={rule}, "
            f"class_names={','.join(validation.class_names)}"
        )
    fitted = calibration.fit(validation) if calibrate == "temperature" else None
    point = OperatingPoint(chosen, rule, fitted)
    if point.chosen is not None and math.isnan(point.chosen.value):
        raise ValueError(
            "`threshold` cannot be chosen on validation: "
            f"{point.chosen.reason} Name another rule. Received: "
            f"threshold={rule}"
        )
    return point


def check_prevalence(
    prevalence: float | None, class_names: Sequence[str]
) -> None:
    """Raises ValueError if one is given for more than two classes."""
    if prevalence is not None and len(class_names) != 2:
        raise ValueError(
            "`prevalence` needs two classes. Leave out --prevalence. Received: "
            f"prevalence={prevalence}, class_names={','.join(class_names)}"
        )


def assess(
    scores: Scores,
    point: OperatingPoint,
    *,
    prevalence: float | None = None,
    num_rounds: int = bootstrap.NUM_ROUNDS,
    seed: int = 0,
) -> dict[str, Any]:
    """Returns what follows from scores and labels.

    Figures of probabilities (Brier, log loss, calibration) are of the
    calibrated ones; decisions, and the order of examples, the network's own: a
    temperature changes the order where there are more than two classes.

    Args:
        scores: Of what is evaluated.
        point: Chosen on validation.
        prevalence: Of class 1 of two, where the model is to be used.
        num_rounds: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        `threshold`, `figures`, `per_class`, `prevalence`, `confusion`,
        `calibration`, `curves` and `histogram` of `metrics.json`.

    Raises:
        ValueError: If a prevalence is given for more than two classes.
    """
    is_binary = len(scores.class_names) == 2
    check_prevalence(prevalence, scores.class_names)
    calibrated = _calibrate(scores, point)
    options: dict[str, Any] = {"num_rounds": num_rounds, "seed": seed}
    return {
        "threshold": _threshold_table(scores, point),
        "figures": _figures(
            scores,
            calibrated,
            {
                **options,
                "threshold": point.threshold,
                "prevalence": prevalence,
            },
        ),
        "per_class": (
            None if is_binary else _per_class(scores, calibrated, options)
        ),
        "prevalence": (
            {"observed": _share(scores), "assumed": prevalence}
            if is_binary
            else None
        ),
        "confusion": confusion.count(
            scores, figures.decide(scores, point.threshold)
        ),
        "calibration": _calibration(scores, calibrated, point, options),
        "curves": curves.curves(scores, **options),
        "histogram": curves.histogram(scores),
    }


def _calibrate(scores: Scores, point: OperatingPoint) -> Scores:
    if point.temperature is None:
        return scores
    return dataclasses.replace(
        scores, probabilities=point.calibrate(scores.probabilities)
    )


def _figures(
    scores: Scores, calibrated: Scores, options: dict[str, Any]
) -> list[dict[str, Any]]:
    found = judged = figures.headline(scores, **options)
    if calibrated is not scores:
        judged = figures.headline(
            scores, calibrated=calibrated.probabilities, **options
        )
    return _as_json(found, judged)


def _per_class(
    scores: Scores, calibrated: Scores, options: dict[str, Any]
) -> list[dict[str, Any]]:
    found = judged = figures.per_class(scores, **options)
    if calibrated is not scores:
        judged = figures.per_class(calibrated, **options)
    return [
        {"class": name, "figures": _as_json(found[name], judged[name])}
        for name in found
    ]


def _as_json(
    found: list[figure_lib.Figure], judged: list[figure_lib.Figure]
) -> list[dict[str, Any]]:
    """Returns figures, some of them those of calibrated probabilities."""
    return [
        (
            second if second.name in figure_lib.OF_PROBABILITIES else first
        ).as_json()
        for first, second in zip(found, judged)
    ]


def _share(scores: Scores) -> float | None:
    """Returns the share of class 1; None without any example."""
    return float(np.mean(scores.labels)) if len(scores.labels) else None


def _threshold_table(
    scores: Scores, point: OperatingPoint
) -> dict[str, Any] | None:
    """Returns the thresholds, with what each reaches on these scores."""
    if point.chosen is None:
        return None
    table = []
    for each in point.thresholds:
        row: dict[str, Any] = _threshold(each)
        del row["chosen_on"]
        sensitivity, specificity = figures.figures_at(
            # A rule without a threshold decides nothing.
            scores if not math.isnan(each.value) else scores.take([]),
            each.value,
        )
        row["sensitivity"] = sensitivity.as_json()
        row["specificity"] = specificity.as_json()
        row["is_chosen"] = each is point.chosen
        table.append(row)
    return {**_threshold(point.chosen), "table": table}


def _threshold(threshold: thresholds_lib.Threshold) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in dataclasses.asdict(threshold).items()
    }


def _calibration(
    scores: Scores,
    calibrated: Scores,
    point: OperatingPoint,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Returns the reliability before and after calibration."""
    asked = point.temperature
    fitted = asked if asked is not None and asked.is_fitted else None
    return {
        "method": "none" if asked is None else "temperature",
        "temperature": None if fitted is None else fitted.value,
        "reason": None if asked is None else asked.reason or None,
        "fitted_on": None if fitted is None else "validation",
        "before": _reliability(scores, options),
        "after": None if fitted is None else _reliability(calibrated, options),
    }


def _reliability(scores: Scores, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "calibration_error": figures.calibration_figure(
            scores, **options
        ).as_json(),
        "bins": calibration.bins(
            scores.labels, scores.probabilities, scores.patients
        ),
    }
