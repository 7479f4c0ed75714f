"""`run.json`: whose run a directory holds, and whether it is finished."""

from __future__ import annotations

from collections.abc import Mapping
import pathlib
from typing import Any

from disk import json_shapes
from training import config as config_lib
from training.workdir import atomic
from training.workdir import files
from training.workdir import format_version

# Settings that more is made of than a comparison.
_SETTINGS = {
    "batch_size": int,
    "memory_budget_gb": json_shapes.NUMBER,
    "mixed_precision": str,
    "monitor": str,
}


def read(directory: str | pathlib.Path) -> dict[str, Any] | None:
    """Returns what `write` wrote into a directory; None if nothing.

    Raises:
        ValueError: If the file cannot be read or holds something else.
    """
    path = pathlib.Path(directory) / files.RUN_FILE
    try:
        run = atomic.read_json(path)
        _check(run, path)
    except FileNotFoundError:
        return None
    except format_version.NewerFormatError:
        raise
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {error.strerror or error}. Give access to "
            "it, or name another directory: --workdir=DIR."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged: {error}. Restore it, or begin a new run in a "
            "new directory by --resume=never."
        ) from error
    return run


def write(directory: str | pathlib.Path, run: Mapping[str, Any]) -> None:
    """Writes what JSON can hold of a run."""
    path = pathlib.Path(directory) / files.RUN_FILE
    atomic.write_json(path, {**run, "format": format_version.VERSION})


def ending(config: config_lib.TrainConfig) -> dict[str, Any]:
    """Returns what a run that has come to its end says about it."""
    return {"finished": [config.epochs, config.early_stopping_patience]}


def is_finished(run: Mapping[str, Any], config: config_lib.TrainConfig) -> bool:
    """Whether a run has nothing left to do, as far as `config` goes."""
    if run["finished"] is None:
        return False
    epochs, patience = run["finished"]
    return (
        config.epochs <= epochs and config.early_stopping_patience == patience
    )


def _check(run: Any, path: pathlib.Path) -> None:
    if not isinstance(run, dict):
        raise ValueError("it is no JSON object")
    format_version.check(run, path)
    if not isinstance(run.get("settings"), dict):
        raise ValueError('"settings" is missing or none')
    json_shapes.check(run["settings"], _SETTINGS, "settings")
    if not isinstance(run.get("data"), str):
        raise ValueError('"data" is missing or none')
    finished = run.get("finished", "")
    is_pair = isinstance(finished, list) and len(finished) == 2
    if finished is not None and not (
        is_pair and all(type(value) is int for value in finished)
    ):
        raise ValueError('"finished" is missing or none')
