"""`run.json`: whose run a directory holds, and whether it is finished."""

from __future__ import annotations

from collections.abc import Mapping
import pathlib
from typing import Any

from training import config as config_lib
from training.workdir import atomic
from training.workdir import files


def read(directory: str | pathlib.Path) -> dict[str, Any] | None:
    """Returns what `write` wrote into a directory; None if nothing."""
    try:
        return atomic.read_json(pathlib.Path(directory) / files.RUN_FILE)
    except FileNotFoundError:
        return None


def write(directory: str | pathlib.Path, run: Mapping[str, Any]) -> None:
    """Writes what JSON can hold of a run."""
    atomic.write_json(pathlib.Path(directory) / files.RUN_FILE, run)


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
