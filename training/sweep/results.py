"""What came of a sweep: a table, files, and the options of the best trial."""

from __future__ import annotations

from collections.abc import Sequence
import csv
import pathlib
import shutil
import statistics
from typing import Any

import optuna

from training.workdir import atomic
from training.workdir import files

_METRICS = ("val_auc", "val_accuracy", "val_loss", "epoch")

Row = dict[str, Any]


def collect(
    trials: Sequence[optuna.trial.FrozenTrial],
    metric: str,
    workdirs: Sequence[pathlib.Path],
) -> list[Row]:
    """Returns a row for each trial.

    Args:
        trials: Whose attribute `"runs"` has the best epoch of each run. Of
            several runs a row has means.
        metric: Whose standard deviation over several runs is added.
        workdirs: Directory of each trial's first run.
    """
    rows = []
    for trial, workdir in zip(trials, workdirs, strict=True):
        runs = trial.user_attrs["runs"]
        row = {"trial": trial.number + 1, **trial.params}
        row |= {name: _mean([run[name] for run in runs]) for name in _METRICS}
        if len(runs) > 1:
            row[f"{metric}_std"] = statistics.stdev(r[metric] for r in runs)
        rows.append(row | {"workdir": str(workdir)})
    return rows


def write(rows: Sequence[Row], directory: pathlib.Path) -> None:
    """Writes the rows as CSV and JSON, and the flag file of the first.

    Args:
        rows: As `collect` returns them, at least one, best first.
        directory: The sweep's.
    """
    with atomic.replacing(directory / "results.csv") as path:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    atomic.write_json(directory / "results.json", rows)
    flags = pathlib.Path(rows[0]["workdir"]) / files.FLAGS_FILE
    if flags.exists():
        shutil.copyfile(flags, directory / "best.flagfile")


def print_table(rows: Sequence[Row]) -> None:
    """Prints the rows in columns."""
    cells = [list(rows[0]), *([_text(v) for v in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        columns = (f"{cell:>{width}}" for cell, width in zip(line, widths))
        print("  ".join(columns).rstrip())


def _mean(values: Sequence[float | None]) -> float | None:
    """Returns the mean; None, which JSON has, where one is undefined."""
    defined = [value for value in values if value is not None]
    return statistics.mean(defined) if len(defined) == len(values) else None


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
