"""A number with its interval, and how the interval was had."""

from __future__ import annotations

import dataclasses
import math
from typing import Any
from typing import Literal

CONFIDENCE = 0.95

# Of all figures, as they stand in tables.
NAMES = (
    "auc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "ppv_at_prevalence",
    "npv_at_prevalence",
    "f1",
    "matthews",
    "brier",
    "log_loss",
    "calibration_error",
)

# Those of the probabilities themselves, not of their order or a decision: of
# calibrated ones, if they are calibrated.
OF_PROBABILITIES = ("brier", "log_loss", "calibration_error")

Method = Literal["delong", "wilson", "bootstrap", "none"]


@dataclasses.dataclass(frozen=True)
class Figure:
    """An estimate; NaN is what has no value.

    Attributes:
        name: What it is, such as "auc".
        value: The estimate.
        low: Lower end of the 95 % interval.
        high: Upper end.
        method: How the interval was had: "delong" on the logit scale,
            "wilson", the "bootstrap" of patients, or "none" where there is no
            interval.
        reason: Why this method, or why there is no value, as a sentence.
    """

    name: str
    value: float
    low: float
    high: float
    method: Method
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Returns the fields; None in the place of NaN, which JSON lacks."""
        return {
            name: (
                None
                if isinstance(value, float) and math.isnan(value)
                else value
            )
            for name, value in dataclasses.asdict(self).items()
        }


def missing(name: str, reason: str, value: float = math.nan) -> Figure:
    """Returns a figure without an interval.

    Args:
        name: What it is.
        reason: Why, as a sentence.
        value: The estimate, if there is one.
    """
    return Figure(name, value, math.nan, math.nan, "none", reason)
