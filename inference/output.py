"""Where an evaluation goes: all files at once, or none."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import datetime
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
        ValueError: If it holds something, or is none.
    """
    if config.output_dir is None:
        name: str = config.split
        if config.images_dir is not None:
            name = pathlib.Path(config.images_dir).resolve().name
        stamp = now.astimezone().strftime("%Y%m%d-%H%M%S")
        return _free(pathlib.Path(workdir, _FOLDER, f"{name}-{stamp}"))
    directory = pathlib.Path(config.output_dir)
    if directory.exists() and (
        not directory.is_dir() or any(directory.iterdir())
    ):
        raise ValueError(
            "`output_dir` must be a new or an empty directory: an earlier "
            f"evaluation is never overwritten. Received: output_dir={directory}"
        )
    return directory


def write(
    directory: pathlib.Path,
    results: Mapping[str, Any],
    table: score_table.Table,
) -> pathlib.Path:
    """Writes numbers, scores, report and model card.

    They are written beside the directory and take its name at once: nobody
    finds half of an evaluation.

    Args:
        directory: As `choose_directory` returns it.
        results: The content of `metrics.json`.
        table: The content of `scores.csv`.

    Returns:
        Path of the report.

    Raises:
        ValueError: If it cannot be written.
    """
    unfinished = directory.with_name(f".{directory.name}.{os.getpid()}")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
        text = json.dumps(results, indent=1, allow_nan=False)
        (unfinished / METRICS_FILE).write_bytes(
            # A file name need not be valid Unicode.
            f"{text}\n".encode("utf-8", "backslashreplace")
        )
        score_table.write(unfinished / SCORES_FILE, table)
        page = report.write_report(results, unfinished)
        if directory.exists():
            directory.rmdir()
        unfinished.rename(directory)
    except OSError as error:
        raise ValueError(
            f"The evaluation cannot be written to {directory}: "
            f"{error.strerror or error}. Name another place: --output_dir=DIR."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return directory / page.name


def _free(path: pathlib.Path) -> pathlib.Path:
    """Returns the path, with a number behind it if it is taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def keep_operating_point(
    ensemble: ensemble_lib.Ensemble,
    point: assessment.OperatingPoint,
    validation: ensemble_lib.Subject,
) -> None:
    """Writes into a run how it is to be used; nothing for an ensemble.

    Args:
        ensemble: Whose run.
        point: Chosen on validation.
        validation: On what it was chosen.
    """
    if len(ensemble.runs) > 1:
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
