"""The metrics of a run on disk: a line of JSON an epoch."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import json
import math
import pathlib
from typing import Any

from disk import json_shapes
from training import config as config_lib
from training.workdir import atomic
from training.workdir import files

_TRAINING = tuple(name.removeprefix("val_") for name in config_lib.METRICS)
_SHAPE = {
    "epoch": int,
    "compared": bool,
    **dict.fromkeys((*_TRAINING, *config_lib.METRICS), json_shapes.NUMBER),
}
# What a sweep compares, and by what.
_NEEDED = ("epoch", *config_lib.METRICS)


def write_metrics(
    directory: str | pathlib.Path, records: Iterable[Mapping[str, Any]]
) -> None:
    """Writes the metrics of a run, a line an epoch; NaN becomes null.

    Args:
        directory: The run's directory.
        records: One dict of names to numbers for each epoch.
    """
    with atomic.replacing(
        pathlib.Path(directory, files.METRICS_FILE)
    ) as temporary:
        lines = (json.dumps(plain_record(r), allow_nan=False) for r in records)
        text = "".join(line + "\n" for line in lines)
        temporary.write_text(text, encoding="utf-8")


def read_metrics(directory: str | pathlib.Path) -> list[dict[str, Any]]:
    """Returns what `write_metrics` wrote so far; NaN and null are None.

    Raises:
        ValueError: If a line is not as it was written; names the file.
    """
    path = pathlib.Path(directory, files.METRICS_FILE)
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [_read(line, number) for number, line in enumerate(lines, 1)]
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged or of another version: {error}. Restore it, or "
            "train again."
        ) from error


def _read(line: str, number: int) -> dict[str, Any]:
    """Returns the record in a line; raises ValueError where there is none."""
    record = json.loads(line)
    try:
        json_shapes.check(record, _SHAPE)
    except ValueError as error:
        raise ValueError(f"in line {number} {error}") from error
    missing = [name for name in _NEEDED if name not in record]
    if missing or record["epoch"] is None:
        name = (missing or ["epoch"])[0]
        raise ValueError(f'in line {number} "{name}" is missing')
    return plain_record(record)


def plain_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record with None for the numbers that JSON does not have."""
    return {name: _finite_or_none(value) for name, value in record.items()}


def _finite_or_none(value: Any) -> Any:
    is_number = not isinstance(value, float) or math.isfinite(value)
    return value if is_number else None
