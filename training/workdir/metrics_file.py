"""The metrics of a run on disk: a line of JSON an epoch."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import json
import math
import pathlib
from typing import Any

from training.workdir import atomic
from training.workdir import files


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
    """Returns what `write_metrics` wrote so far; null is None.

    Raises:
        ValueError: If a line is no JSON.
    """
    path = pathlib.Path(directory, files.METRICS_FILE)
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def plain_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record with None for the numbers that JSON does not have."""
    return {name: _finite_or_none(value) for name, value in record.items()}


def _finite_or_none(value: Any) -> Any:
    is_number = not isinstance(value, float) or math.isfinite(value)
    return value if is_number else None
