"""How a run is to be used: the threshold and temperature that were chosen.

`evaluate.py` chooses them on validation and writes them into the run's
directory; whoever scores a film reads them there.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import math
import pathlib
from typing import Any
from typing import Literal

from evaluation import calibration
from evaluation import threshold_store
from evaluation import thresholds
from training.workdir import atomic

FILE = "operating_point.json"

_DEFAULT_THRESHOLD = 0.5

# What a file that is not as it was written leads to.
_DAMAGE = (AttributeError, KeyError, TypeError, ValueError, RecursionError)


@dataclasses.dataclass(frozen=True)
class StoredPoint:
    """What is used.

    Attributes:
        threshold: With two classes, from which probability the second is
            decided on; None with more.
        temperature: What logits are divided by; None without calibration.
        note: What its user has to know, a sentence; or empty. It names no
            path: clients of a service and who is given an export see it.
        remedy: What whoever has the run can do about it; or empty.
        rule: By which the threshold was chosen, the text of a
            `thresholds.Rule`; None with more than two classes.
    """

    threshold: float | None
    temperature: float | None = None
    note: str = ""
    remedy: str = ""
    rule: str | None = None


def read(
    workdir: pathlib.Path, model_sha256: str, class_names: Sequence[str]
) -> StoredPoint:
    """Returns what a run is used with; .5 where nothing was chosen.

    Args:
        workdir: The run's directory.
        model_sha256: Of the weights that are used.
        class_names: Of the run.

    Raises:
        ValueError: If the file is damaged, or of other weights.
    """
    file = workdir / FILE
    is_binary = len(class_names) == 2
    try:
        content = atomic.read_json(file)
    except FileNotFoundError:
        decided = (
            f"from {_DEFAULT_THRESHOLD} on {class_names[-1]} is decided on"
        )
        if not is_binary:
            decided = "it is the likeliest class"
        return StoredPoint(
            _DEFAULT_THRESHOLD if is_binary else None,
            note=f"No threshold was chosen for the run: {decided}, and "
            "probabilities are not calibrated.",
            remedy=f"python evaluate.py --workdir={workdir} chooses one on "
            "validation.",
            rule=str(thresholds.HALF) if is_binary else None,
        )
    except (ValueError, RecursionError) as error:
        raise _damaged(file, error) from error
    try:
        # Written at once, and where there are both, of the same weights.
        first = content["threshold"] or content["temperature"]
        if first is not None and first["model_sha256"] != model_sha256:
            raise _OtherWeightsError(file)
        value, note = _read_temperature(content["temperature"])
        if not is_binary:
            return StoredPoint(None, value, note)
        threshold = _read_threshold(content["threshold"])
        return StoredPoint(threshold.value, value, note, rule=threshold.rule)
    except _OtherWeightsError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(file, error) from error


def read_rule(
    workdir: pathlib.Path,
) -> tuple[str, Literal["none", "temperature"]]:
    """Returns how threshold and temperature of a run were chosen last.

    Returns:
        The rule of the threshold, and "none" or "temperature"; "0.5" and "none"
        where nothing was chosen, or what was is damaged: it is chosen anew.
    """
    try:
        content = atomic.read_json(workdir / FILE)
        rule = (content["threshold"] or {}).get("rule", thresholds.HALF)
        calibrated = content["temperature"] is not None
        return str(thresholds.parse(str(rule))), (
            "temperature" if calibrated else "none"
        )
    except (*_DAMAGE, OSError):
        return str(thresholds.HALF), "none"


class _OtherWeightsError(ValueError):
    """A threshold or temperature that was chosen for another model."""

    def __init__(self, file: pathlib.Path) -> None:
        super().__init__(
            f"The threshold in {file} was chosen for other weights than those "
            "that are used now: the run was resumed, or --model names its "
            f"other model. python evaluate.py --workdir={file.parent} chooses "
            "one for these; add the same --model."
        )


def _read_threshold(content: Any) -> thresholds.Threshold:
    threshold = threshold_store.from_json(
        content,
        # The records need not be here; the weights were compared before.
        data_fingerprint=content["data_fingerprint"],
        model_sha256=content["model_sha256"],
    )
    if math.isnan(threshold.value):
        # No probability is above it: all films would be of the first class.
        raise ValueError("the threshold is no number")
    return threshold


def _read_temperature(content: Any) -> tuple[float | None, str]:
    """Returns the temperature, if any, and why none was fitted."""
    if content is None:
        return None, ""
    found = calibration.Temperature(
        float(content["value"]), str(content["reason"])
    )
    if not calibration.LOWEST <= found.value <= calibration.HIGHEST:
        raise ValueError(f"the temperature is {found.value}")
    return (found.value, "") if found.is_fitted else (None, found.reason)


def _damaged(file: pathlib.Path, reason: Exception) -> ValueError:
    return ValueError(
        f"{file} is damaged or of another version: {reason!r:.120}. python "
        f"evaluate.py --workdir={file.parent} writes it anew."
    )
