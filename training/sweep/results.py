"""What came of a sweep: a table, files, and the options of the best trial."""

import csv
import json
import pathlib
import shutil

from training.workdir import atomic
from training.workdir import files

_METRICS = ("val_auc", "val_accuracy", "val_loss", "epoch")


def collect(found, params, metric):
    """Returns a row for each trial that succeeded, best first.

    Args:
        found: Dict of numbers of trials, from 1, to what `trials.read_result`
            returns.
        params: Dicts of the parameters of all trials, in order.
        metric: What to sort by.
    """
    rows = [
        {
            "trial": number,
            **params[number - 1],
            **{name: result["best"][name] for name in _METRICS},
            "workdir": result["workdir"],
        }
        for number, result in found.items()
        if result["best"]
    ]
    lower = metric.endswith("loss")
    return sorted(rows, key=lambda row: row[metric] * (1 if lower else -1))


def write(rows, directory):
    """Writes the rows as CSV and JSON, and the flag file of the best trial.

    Args:
        rows: As `collect` returns them, at least one.
        directory: The sweep's.
    """
    with atomic.replacing(directory / "results.csv") as path:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    atomic.write_json(directory / "results.json", rows)
    flags = pathlib.Path(rows[0]["workdir"])
    if (flags / files.FLAGS_FILE).exists():
        shutil.copyfile(flags / files.FLAGS_FILE, directory / "best.flagfile")


def print_table(rows):
    """Prints the rows in columns."""
    cells = [list(rows[0]), *([_text(v) for v in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        print(
            "  ".join(
                f"{cell:>{width}}" for cell, width in zip(line, widths)
            ).rstrip()
        )


def _text(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_failures(failures):
    """Prints why trials have failed.

    Args:
        failures: Dict of numbers to reasons.
    """
    for number, reason in failures.items():
        print(f"Trial {number} failed, {reason}")


def describe(params):
    """Returns the options of a trial as text."""
    return json.dumps(params).strip("{}").replace('"', "")
