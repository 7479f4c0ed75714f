"""The directory of a run: which one, what is in it, how files get there.

Imports neither TensorFlow nor Keras: a directory that cannot be used is
reported before they are.
"""

import contextlib
import datetime
import json
import math
import os
import pathlib

FLAGS_FILE = "flags.flagfile"
METRICS_FILE = "metrics.jsonl"
MODEL_FILE = "model.keras"
MODEL_INFO_FILE = "model.json"
STATISTICS_FILE = "statistics.npz"
CURVES_FILE = "curves.png"
CONTACT_SHEET_FILE = "contact_sheet.png"
TENSORBOARD_DIR = "tensorboard"

_RUNS_DIR = "runs"
_FILES = (
    FLAGS_FILE,
    METRICS_FILE,
    MODEL_FILE,
    MODEL_INFO_FILE,
    STATISTICS_FILE,
    CURVES_FILE,
    CONTACT_SHEET_FILE,
    TENSORBOARD_DIR,
)


def check(path):
    """Raises where a run could not be kept in `path`; creates nothing.

    Args:
        path: The directory asked for, or None for a new one under `runs/`.

    Raises:
        ValueError: If it holds a run already, or is not a directory.
    """
    if path is None:
        return
    path = pathlib.Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(
            f"`workdir` must be a directory. Received: workdir={path}"
        )
    found = [name for name in _FILES if (path / name).exists()]
    if found:
        raise ValueError(
            f"`workdir` already holds a run ({', '.join(found)}). Name "
            "another directory, or none for a new one under "
            f"{_RUNS_DIR}/. Received: workdir={path}"
        )


def create(path):
    """Creates the directory of a new run and returns its `pathlib.Path`.

    Args:
        path: The directory asked for, or None for a new one under `runs/`,
            named by the time.
    """
    check(path)
    if path is not None:
        path = pathlib.Path(path)
        path.mkdir(parents=True, exist_ok=True)
        return path
    stem = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ["", *(f"-{n}" for n in range(2, 1000))]:
        path = pathlib.Path(_RUNS_DIR, stem + suffix)
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise FileExistsError(f"No free name for a run like {path}")


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path that becomes `path` if the block succeeds.

    A reader sees the old file or the whole new one, whenever the process ends.
    The temporary name keeps the suffix, by which Keras and Matplotlib choose
    the format.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path, value):
    """Writes `value` as indented JSON, all of it or nothing."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def append_metrics(directory, record):
    """Appends one line to the metrics of a run; NaN becomes null.

    Args:
        directory: The run's directory.
        record: Dict of names to numbers.
    """
    line = json.dumps(
        {name: _finite_or_none(value) for name, value in record.items()},
        allow_nan=False,
    )
    path = pathlib.Path(directory, METRICS_FILE)
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def _finite_or_none(value):
    is_number = not isinstance(value, float) or math.isfinite(value)
    return value if is_number else None
