"""The files in the directory of a run, read; what is wrong is told in words."""

from __future__ import annotations

import math
import pathlib
from typing import Any
from typing import Literal
import zipfile
import zlib

import numpy as np

from disk import json_shapes
import pipeline
from training.config import flags as flags_lib
from training.loop import early_stopping
from training.workdir import atomic
from training.workdir import directory as directory_lib
from training.workdir import files
from training.workdir import run_record

Weights = Literal["best", "last"]
_FILES: dict[str, str] = {
    "best": files.BEST_MODEL_FILE,
    "last": files.MODEL_FILE,
}

# What `model.json` holds.
_INFO: dict[str, Any] = {
    **dict.fromkeys(
        ("model", "color_mode", "interpolation", "statistics", "records"), str
    ),
    "image_size": [int],
    "channels": int,
    "preprocessing": {},
    "dataset": {"name": str},
    "epochs": int,
    "best_epoch": int,
}

# Runs that an error about a directory of several names.
_MOST_LISTED = 3


def read_record(path: pathlib.Path, option: str = "workdir") -> dict[str, Any]:
    """Returns `run.json`; raises ValueError where there is none.

    Args:
        path: Directory of a run.
        option: That names it.
    """
    if not path.is_dir():
        raise ValueError(
            f"`{option}` must be the directory of a run of train.py. There is "
            f"no such directory. Add --{option}=DIR. Received: {option}={path}"
        )
    record = run_record.read(path)
    if record is not None:
        return record
    found = sorted(p.parent for p in path.glob(f"*/{files.RUN_FILE}"))
    hint = ""
    if found:
        listed = ", ".join(map(str, found[-_MOST_LISTED:]))
        hint = f"Did you mean {listed}? "
    raise ValueError(
        f"`{option}` must be the directory of a run of train.py, and this one "
        f"holds no {files.RUN_FILE}. {hint}Received: {option}={path}"
    )


def find_newest() -> pathlib.Path:
    """Returns the run under `runs/` that was trained last.

    Raises:
        ValueError: If no run there has a model.
    """
    found = pathlib.Path(files.RUNS_DIR).glob(f"*/{files.MODEL_INFO_FILE}")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        raise ValueError(
            "`workdir` must be the directory of a run of train.py, and there "
            f"is none under {files.RUNS_DIR}/. Add --workdir=DIR."
        )
    return newest.parent


def find_model(path: pathlib.Path, weights: Weights) -> pathlib.Path:
    """Returns the file of the model asked for; ValueError if it is missing."""
    if weights not in _FILES:
        raise ValueError(
            "`model` must be one of best, last. Received: " f"model={weights}"
        )
    model_path = path / _FILES[weights]
    if model_path.is_file():
        return model_path
    there = [name for name in _FILES if (path / _FILES[name]).is_file()]
    if not there:
        reason = (
            "training has not come to its first validated epoch"
            if weights == "best"
            else "training has not ended"
        )
        remedy = "Run the same command of train.py again, which resumes it"
    else:
        reason = (
            "no epoch had a validation to be the best by"
            if weights == "best"
            else "training has not ended"
        )
        remedy = f"Take the other model: --model={there[0]}"
    if directory_lib.is_in_use(path):
        reason = "another process is training it"
    raise ValueError(
        f"The run in {path} has no {_FILES[weights]}: {reason}, or the file "
        f"was removed. {remedy}. Received: model={weights}"
    )


def read_info(path: pathlib.Path) -> dict[str, Any]:
    """Returns `model.json`, which says what to feed the network."""
    file = path / files.MODEL_INFO_FILE
    try:
        info: dict[str, Any] = atomic.read_json(file)
    except FileNotFoundError as error:
        raise ValueError(
            f"The run in {path} has no {files.MODEL_INFO_FILE}, which says "
            "what its network is to be fed: training has not ended, or the "
            "file was removed. Run the same command of train.py again, which "
            "ends the run and writes it."
        ) from error
    except (ValueError, RecursionError) as error:
        raise damaged(file, error) from error
    try:
        json_shapes.check(info, _INFO)
    except ValueError as error:
        raise damaged(file, error) from error
    return info


def read_augment(
    path: pathlib.Path, values: dict[str, Any]
) -> pipeline.AugmentConfig:
    """Returns how the images of a run are normalised.

    Raises:
        ValueError: If a function of the user's was part of it, which no file
            holds, or this version does not know an option.
    """
    function = values.get("preprocessing_function")
    if function is not None:
        raise ValueError(
            f"The run in {path} was trained with preprocessing_function="
            f"{function}, a function of its user's, which the directory does "
            "not hold, so that its network cannot be fed as it was. Train "
            "with options of train.py alone, such as --rescale, or put the "
            "function into the images."
        )
    try:
        return pipeline.AugmentConfig(**values)
    except (TypeError, ValueError) as error:
        raise damaged(path / files.MODEL_INFO_FILE, error) from error


def read_statistics(
    path: pathlib.Path, name: str | None
) -> pipeline.Statistics | None:
    """Returns the statistics of the training images, if the run has any."""
    if name is None:
        return None
    file = path / files.STATISTICS_FILE
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return pipeline.Statistics(**arrays)
    except FileNotFoundError as error:
        raise ValueError(
            f"The run in {path} has no {files.STATISTICS_FILE}, by which its "
            "images are normalised. Restore the file, or train again."
        ) from error
    except (
        *(EOFError, KeyError, TypeError, ValueError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise damaged(file, error) from error


def read_epoch(model_path: pathlib.Path) -> int | None:
    """Returns of which epoch a model is, from 1; None if its file is older.

    Args:
        model_path: A `.keras` file that was loaded.
    """
    with zipfile.ZipFile(model_path) as archive:
        comment = archive.comment.decode(errors="replace")
    mark, _, epoch = comment.rpartition(files.EPOCH_MARK)
    return int(epoch) if not mark and epoch.isdecimal() else None


def find_epoch(
    weights: Weights,
    info: dict[str, Any],
    settings: dict[str, Any],
    epochs: list[dict[str, Any]],
) -> int:
    """Returns of which epoch a model is that does not say so itself, from 1.

    That of the best comes from the metrics: a run that goes on and is killed
    has a later best model than its last summary says. Epochs before a forced
    change of what is compared are marked there, and were not compared.
    """
    if weights == "last":
        return int(info["epochs"])
    best = early_stopping.EarlyStopping(settings.get("monitor", "val_auc"))
    for index, record in enumerate(epochs):
        if not record.get("compared", True):
            continue
        value = record.get(best.monitor)
        best.update(index, {best.monitor: math.nan if value is None else value})
    if best.best_epoch is None:
        # No epoch since such a change: the model is the one summarized before.
        known = info.get("best_epoch")
        return int(info["epochs"] if known is None else known + 1)
    return int(epochs[best.best_epoch]["epoch"])


def read_flags(path: pathlib.Path) -> dict[str, str]:
    """Returns the text of each flag; nothing for a run from Python."""
    file = path / files.FLAGS_FILE
    if not file.exists():
        return {}
    try:
        return flags_lib.parse_flagfile(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged(file, error) from error


def damaged(path: pathlib.Path, reason: object) -> ValueError:
    """Returns the error about a file that does not hold what it should."""
    return ValueError(
        f"{path} is damaged or of another version: {reason}. Restore it, or "
        "train again."
    )
