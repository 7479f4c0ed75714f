"""A run -> all that is to be known of it: scores, figures, report.

What is chosen (threshold, temperature) is chosen on validation, before anything
else is opened. A test split, or a folder, is scored once the ledger says so.
"""

from __future__ import annotations

import datetime
import pathlib
import sys
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from evaluation import assessment
from evaluation import comparison
from evaluation import figures
from evaluation import nulls
from evaluation import score_table
from evaluation import slice_table
from evaluation import slices
from evaluation import thresholds
from evaluation.report import cautions
from evaluation.report import claim
from evaluation.report import console
from evaluation.report import verdict
from inference import cases
from inference import config as config_lib
from inference import description
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import external
from inference import null_features
from inference import openings
from inference import output
from inference import robustness
from inference import run_files
from inference import runs as runs_lib
from inference import shift

SCHEMA = 1


def evaluate(config: config_lib.EvaluateConfig) -> pathlib.Path:
    """Evaluates, writes everything, and prints what matters.

    Args:
        config: What, and how.

    Returns:
        Path of the report.

    Raises:
        ValueError: If something is not as it must be; nothing is written then
            but what the ledger has to know.
    """
    # In a log, each of its updates would stay.
    tfds.display_progress_bar(sys.stderr.isatty())
    started = datetime.datetime.now(datetime.timezone.utc)
    workdirs = config.workdir
    if workdirs is None:
        workdirs = (str(run_files.find_newest()),)
        print(f"The run that was trained last: {workdirs[0]}", flush=True)
    directory = output.choose_directory(config, workdirs[0], started)
    ensemble = ensemble_lib.Ensemble(workdirs, weights=config.model)
    validation = ensemble.score(_open_validation)
    point = _choose(config, validation)
    models = [(ensemble, point)]
    if config.compare is not None:
        other = ensemble_lib.Ensemble([config.compare], weights=config.model)
        models.append((other, _choose(config, other.score(_open_validation))))
    subject, ledger = _open_subject(config, models, validation)
    results = {
        "schema": SCHEMA,
        "created": started.isoformat(timespec="seconds"),
        "title": _title(ensemble, subject),
        "model": description.describe_model(ensemble),
        **assessment.assess(
            subject.scores, point, prevalence=config.prevalence
        ),
        "ledger": ledger,
        **_measure(config, models, subject),
        "training": ensemble.runs[0].epochs,
        "provenance": description.read_provenance(subject.first),
        "flags": description.describe_flags(config),
        "versions": description.read_versions(),
    }
    results["cautions"] = cautions.find(results)
    results["verdict"] = verdict.sentences(results)
    results["claim"] = claim.answer(results)
    path = output.write(
        directory,
        results,
        score_table.Table(
            subject.scores,
            point.calibrate(subject.scores.probabilities),
            figures.decide(subject.scores, point.threshold),
        ),
    )
    output.keep_operating_point(ensemble, point, validation)
    print(console.render(results, path))
    return path


def _choose(
    config: config_lib.EvaluateConfig, validation: ensemble_lib.Subject
) -> assessment.OperatingPoint:
    return assessment.choose(
        validation.scores,
        rule=thresholds.parse(config.threshold),
        calibrate=config.calibrate,
    )


def _open_validation(run: runs_lib.Run) -> examples_lib.Examples:
    return examples_lib.open_split(run, "validation")


def _open_subject(
    config: config_lib.EvaluateConfig,
    models: list[openings.Model],
    validation: ensemble_lib.Subject,
) -> tuple[ensemble_lib.Subject, dict[str, Any] | None]:
    """Scores what is evaluated, once the ledger says so."""
    ensemble = models[0][0]
    if config.images_dir is not None:
        images_dir = config.images_dir
        examples = external.open_folder(ensemble.runs[0], images_dir)
        if examples.tested_images and not config.final:
            raise ValueError(
                f"`images_dir` holds {examples.tested_images} images of the "
                "test split of the run's own records: to score them is to open "
                "it, which is done once, when nothing is left to be chosen. "
                "Add --final if this is that moment. Received: "
                f"images_dir={images_dir}"
            )
        if examples.tested_images:
            openings.note_test(models)
        ledger = openings.note_folder(examples, models)
        return (
            ensemble.score(lambda run: external.open_folder(run, images_dir)),
            ledger,
        )
    if config.split == "test":
        ledger = openings.note_test(models)
        return (
            ensemble.score(lambda run: examples_lib.open_split(run, "test")),
            ledger,
        )
    return validation, None


def _title(
    ensemble: ensemble_lib.Ensemble, subject: ensemble_lib.Subject
) -> str:
    networks = sorted({run.network for run in ensemble.runs})
    number = len(ensemble.runs)
    model = f"{number} networks" if number > 1 else "One network"
    return f"{model} ({', '.join(networks)}) on {subject.name}"


def _measure(
    config: config_lib.EvaluateConfig,
    models: list[openings.Model],
    subject: ensemble_lib.Subject,
) -> dict[str, Any]:
    """Returns what the images and other models say beside the scores."""
    ensemble, point = models[0]
    scores = subject.scores
    train, evaluated = _features(ensemble.runs[0], subject)
    columns = _columns(config, subject)
    return {
        "data": description.describe_data(subject.first, train),
        "nulls": [
            nulls.measure(null, scores)
            for null in null_features.make_nulls(train, evaluated)
        ],
        "robustness": robustness.measure(ensemble, subject, point.threshold),
        "shift": shift.measure(train, evaluated, scores.class_names),
        "slices": slices.measure(columns, scores, threshold=point.threshold),
        "comparison": _compare(config, models, subject),
        "cases": cases.show(
            ensemble, subject, figures.decide(scores, point.threshold)
        ),
    }


def _features(
    run: runs_lib.Run, subject: ensemble_lib.Subject
) -> tuple[null_features.ImageFeatures, null_features.ImageFeatures]:
    """Returns the features of the training and the evaluated images."""
    train, evaluated = (
        null_features.measure(
            examples.batches(64),
            examples.labels,
            examples.patients,
            [examples.rows.get(key) for key in examples.keys.tolist()],
        )
        for examples in (
            examples_lib.open_split(run, "train"),
            subject.first,
        )
    )
    # Scores are in the order of the keys.
    return train, evaluated.take(np.argsort(subject.first.keys, kind="stable"))


def _columns(
    config: config_lib.EvaluateConfig, subject: ensemble_lib.Subject
) -> list[slices.Column]:
    """Returns what the examples are sliced by, in the order of the scores."""
    keys = subject.scores.keys.tolist()
    rows = [subject.first.rows.get(key, {}) for key in keys]
    widths, heights = (
        np.array([float(row.get(name) or "nan") for row in rows])
        for name in ("width", "height")
    )
    found = [slices.kinds(keys), slices.folders(keys, subject.scores.labels)]
    columns = [column for column in found if column is not None]
    columns += slices.sizes(widths, heights)
    seen = subject.first.seen
    if seen:
        texts = ["yes" if key in seen else "no" for key in keys]
        columns.append(slices.column_of("seen in training", texts))
    if config.slices is not None:
        columns += slice_table.read(config.slices, keys)
    return columns


def _compare(
    config: config_lib.EvaluateConfig,
    models: list[openings.Model],
    subject: ensemble_lib.Subject,
) -> dict[str, Any] | None:
    if config.compare is None:
        return None
    other, point = models[1]

    def open_same(run: runs_lib.Run) -> examples_lib.Examples:
        if config.images_dir is not None:
            return external.open_folder(run, config.images_dir)
        return examples_lib.open_split(run, config.split)

    found = comparison.compare(
        subject.scores,
        other.score(open_same).scores,
        thresholds=(models[0][1].threshold, point.threshold),
    )
    return {"other": config.compare, **found.as_json()}
