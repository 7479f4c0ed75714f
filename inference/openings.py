"""Openings of a test split or a folder, noted before they happen."""

from __future__ import annotations

import pathlib
import platform
from typing import Any

import tensorflow as tf

from evaluation import assessment
from evaluation import ledger
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import records
from xray_tfds import version

Model = tuple[ensemble_lib.Ensemble, assessment.OperatingPoint]


def note_test(models: list[Model]) -> dict[str, Any]:
    """Notes that models are about to see the test split of their records.

    Args:
        models: Each with what was chosen for it.

    Returns:
        `ledger` of `metrics.json`.

    Raises:
        ValueError: If there is no such split, or it cannot be noted.
    """
    run = models[0][0].runs[0]
    builder = records.open_builder(run)
    examples_lib.check_split(builder, "test")
    rows = [
        row
        for row in records.read_rows(builder.data_dir)
        if row["split"] == "test"
    ]
    # Of the files, if the build has listed them: then it is the same split at
    # any size of the images.
    fingerprint = (
        records.source_fingerprint(rows)
        or f"{run.dataset.get('fingerprint')} test"
    )
    return _append("test", fingerprint, str(builder.data_dir), models)


def note_folder(
    examples: examples_lib.Examples, models: list[Model]
) -> dict[str, Any]:
    """Notes that models are about to score a folder.

    Args:
        examples: Of the folder.
        models: As in `note_test`.
    """
    return _append("external", examples.fingerprint, examples.directory, models)


def _append(
    split: str, fingerprint: str, directory: str, models: list[Model]
) -> dict[str, Any]:
    # Above the directories of options and versions: a new size of the images,
    # or records that were built anew, change nothing about the films.
    beside = pathlib.Path(directory).parents[1]
    found: dict[str, Any] = {}
    for ensemble, point in models:
        workdirs = [run.workdir for run in ensemble.runs]
        opening = ledger.Opening(
            split=split,
            data_fingerprint=fingerprint,
            models=ensemble.digests,
            threshold=point.threshold,
            versions={
                "xray_tfds": version.__version__,
                "tensorflow": tf.__version__,
                "python": platform.python_version(),
            },
        )
        found = ledger.append([beside, *workdirs], opening).as_json()
    return found
