"""What a checkpoint must hold, whoever wrote it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from training.checkpoint import store

# Booleans, whole and floating-point numbers.
_NUMBERS = "biuf"

_METRICS = ("loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc")


def check(checkpoint: store.Checkpoint) -> None:
    """Raises unless a run can be resumed from a checkpoint.

    Checksums say that a checkpoint is as it was written, not what wrote it.

    Raises:
        ValueError: If something is missing or of another kind.
    """
    state = checkpoint.state
    _require(isinstance(state.get("settings"), dict), "settings")
    _require(isinstance(state.get("data"), str), "data")
    for name in ("epoch", "step"):
        _require(_is_count(state.get(name)), name)
    _require(_is_number(state.get("seconds")), "seconds")
    _require(_is_early_stopping(state.get("selection")), "selection")
    records = state.get("records")
    _require(
        isinstance(records, list)
        and len(records) == state["epoch"]
        and all(map(_is_record, records)),
        "records",
    )
    for name, array in checkpoint.arrays.items():
        _require(array.dtype.kind in _NUMBERS, name)
    if state["step"]:
        totals = checkpoint.arrays.get("pass/totals")
        _require(
            totals is not None
            and totals.shape == (3,)
            and totals.dtype == np.float64,
            "pass/totals",
        )
        scored = checkpoint.arrays.get("pass/scored")
        _require(
            scored is not None and scored.ndim == 2
            # Two classes at least, label and weight.
            and scored.shape[1] >= 4 and scored.dtype == np.float32,
            "pass/scored",
        )


def _require(condition: bool, name: str) -> None:
    if not condition:
        raise ValueError(f"{name} is missing or of another kind")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_early_stopping(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_count(value.get("waited")):
        return False
    best, epoch = value.get("best"), value.get("epoch")
    if best is None:
        return epoch is None and {"best", "epoch"} <= value.keys()
    return _is_number(best) and _is_count(epoch)


def _is_record(value: Any) -> bool:
    """Whether a value is the metrics of an epoch, where None is NaN."""
    return (
        isinstance(value, dict)
        and _is_count(value.get("epoch"))
        and all(
            name in value and (value[name] is None or _is_number(value[name]))
            for name in _METRICS
        )
    )
