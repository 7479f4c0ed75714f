"""Where an evaluation goes: all files at once, or none."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import datetime
import errno
import json
import os
import pathlib
import shutil
from typing import Any

from evaluation import assessment
from evaluation import report
from evaluation import score_table
from evaluation import threshold_store
from inference import config as config_lib
from inference import ensemble as ensemble_lib
from inference import operating_point
from inference import whole_folder
from training import errors
from training.workdir import atomic
from training.workdir import storage

METRICS_FILE = "metrics.json"
SCORES_FILE = "scores.csv"

_FOLDER = "evaluation"


def choose_directory(
    config: config_lib.EvaluateConfig, workdir: str, now: datetime.datetime
) -> pathlib.Path:
    """Returns the directory of an evaluation, which is new or empty.

    Raises:
        ValueError: If it holds something, or can be none.
    """
    if config.output_dir is None:
        name: str = config.split
        if config.images_dir is not None:
            name = pathlib.Path(config.images_dir).resolve().name
        stamp = now.astimezone().strftime("%Y%m%d-%H%M%S")
        directory = pathlib.Path(workdir, _FOLDER, f"{name}-{stamp}")
        if not pathlib.Path(workdir).is_dir():
            # Of which the run's opening has more to say.
            return directory
    else:
        # Absolute: of `.` there is no parent to write beside it.
        directory = pathlib.Path(os.path.abspath(config.output_dir))
        if directory.exists() and not whole_folder.is_empty(directory):
            raise ValueError(
                "`output_dir` must be a new or an empty directory: an earlier "
                "evaluation is never overwritten. Add --output_dir=DIR with "
                f"another. Received: output_dir={config.output_dir}"
            )
    parent = directory
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ValueError(
            f"The evaluation cannot be written to {directory}: {parent} is no "
            "directory that can be written to. Name another place: "
            "--output_dir=DIR."
        )
    return directory


def write(
    directory: pathlib.Path,
    results: Mapping[str, Any],
    table: score_table.Table,
    *,
    is_named: bool = True,
) -> pathlib.Path:
    """Writes numbers, scores, report and model card.

    At once, as `whole_folder` says; of a directory that is there already,
    `metrics.json` appears last.

    Args:
        directory: As `choose_directory` returns it.
        results: The content of `metrics.json`.
        table: The content of `scores.csv`.
        is_named: Whether a user has named the directory; otherwise, if another
            evaluation has it by now, this one gets a number behind its name.

    Returns:
        Path of the report.

    Raises:
        StorageError: If it cannot be written.
    """
    is_there = is_named and directory.exists()
    unfinished = whole_folder.unfinished(directory, is_there=is_there)
    try:
        unfinished.mkdir(parents=True)
        text = json.dumps(results, indent=1, allow_nan=False)
        (unfinished / METRICS_FILE).write_text(f"{text}\n", encoding="ascii")
        score_table.write(unfinished / SCORES_FILE, table)
        page = report.write_report(results, unfinished)
        if is_there:
            whole_folder.move_files(unfinished, directory, last=METRICS_FILE)
        else:
            directory = _rename(unfinished, directory, is_named)
    except OSError as error:
        raise errors.StorageError(
            f"The evaluation cannot be written to {directory}: "
            f"{error.strerror or error}. Name another place: --output_dir=DIR."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return directory / page.name


def _rename(
    source: pathlib.Path, wanted: pathlib.Path, is_named: bool
) -> pathlib.Path:
    """Gives a directory its name, or that with a number; returns which."""
    number, target = 1, wanted
    while True:
        try:
            return source.rename(target)
        except OSError as error:
            taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST)
            if is_named or not taken:
                raise
        number += 1
        target = wanted.with_name(f"{wanted.name}-{number}")


def keep_operating_point(
    ensemble: ensemble_lib.Ensemble,
    point: assessment.OperatingPoint,
    validation: ensemble_lib.Subject,
) -> None:
    """Writes into a run how it is to be used.

    Nothing for an ensemble; nor for an export, which has its own threshold.

    Args:
        ensemble: Whose run.
        point: Chosen on validation.
        validation: On what it was chosen.
    """
    if len(ensemble.runs) > 1 or ensemble.export is not None:
        return
    run = ensemble.runs[0]
    threshold = point.chosen and threshold_store.to_json(
        point.chosen,
        validation.scores,
        data_fingerprint=validation.first.fingerprint,
        model_sha256=run.sha256,
    )
    temperature = point.temperature and {
        **dataclasses.asdict(point.temperature),
        "model_sha256": run.sha256,
    }
    content = {"threshold": threshold, "temperature": temperature}
    with storage.reporting_errors(run.workdir):
        atomic.write_json(run.workdir / operating_point.FILE, content)
