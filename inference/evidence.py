"""A run -> all that is to be known of it: scores, figures, report.

What is chosen (threshold, temperature) is chosen on validation, before anything
else is opened. A test split, or a folder, is scored once the ledger says so.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import datetime
import math
import pathlib
import sys
from typing import Any

import tensorflow_datasets as tfds

from console import streams
from evaluation import assessment
from evaluation import calibration
from evaluation import comparison
from evaluation import figures
from evaluation import score_table
from evaluation import thresholds
from evaluation.report import cautions
from evaluation.report import claim
from evaluation.report import console
from evaluation.report import verdict
from inference import config as config_lib
from inference import contrasts
from inference import description
from inference import ensemble as ensemble_lib
from inference import openings
from inference import operating_point
from inference import output
from inference import run_files
from inference import runs as runs_lib
from inference.exports import manifest

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
    tfds.display_progress_bar(streams.is_live(sys.stderr))
    started = datetime.datetime.now(datetime.timezone.utc)
    workdirs = config.workdir or _find_newest()
    directory = output.choose_directory(config, workdirs[0], started)
    models, validation = _open_models(config, workdirs)
    ensemble, point = models[0]
    open_examples = openings.make_opener(
        config, config.split, config.images_dir
    )
    runs = [run for each, _ in models for run in each.runs]
    openings.check(config, models, validation, open_examples)
    output.keep_operating_point(ensemble, point, validation)
    ledger = _note_opening(config, models, runs, open_examples)
    subject = validation if ledger is None else ensemble.score(open_examples)
    results = {
        "schema": SCHEMA,
        "created": started.isoformat(timespec="seconds"),
        "ledger": ledger,
        **_describe(ensemble, subject),
        **assessment.assess(
            subject.scores, point, prevalence=config.prevalence
        ),
        **contrasts.measure(config, ensemble, point, subject),
        "comparison": _compare(models, subject, open_examples),
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
        is_named=config.output_dir is not None,
    )
    print(console.render(results, path))
    return path


def _find_newest() -> tuple[str]:
    workdir = str(run_files.find_newest())
    print(f"The run that was trained last: {workdir}", flush=True)
    return (workdir,)


def _open_models(
    config: config_lib.EvaluateConfig, workdirs: Sequence[str]
) -> tuple[list[openings.Model], ensemble_lib.Subject]:
    """Returns the models, each with what is chosen for it, and on what."""
    ensemble = ensemble_lib.Ensemble(workdirs, model=config.model)
    assessment.check_prevalence(config.prevalence, ensemble.class_names)
    open_validation = openings.make_opener(config, "validation")
    validation = ensemble.score(open_validation)
    kept = operating_point.read_rule(ensemble.runs[0].workdir)
    if ensemble.export is None:
        point = _choose(config, kept, validation)
    else:
        point = _choose_of_export(
            config, ensemble.export, validation, thresholds.parse(kept[0])
        )
    models = [(ensemble, point)]
    if config.compare is not None:
        # With an export, what it was made of.
        weights = ensemble.runs[0].weights
        other = ensemble_lib.Ensemble(
            [config.compare], model=weights, option="compare"
        )
        scored = other.score(open_validation)
        pair = validation.scores, scored.scores
        if config.images_dir is not None:
            # Of runs on different records the classes alone must be the same.
            pair = pair[0].take([]), pair[1].take([])
        # What cannot be compared is refused before anything is opened.
        comparison.align(*pair)
        models.append((other, _choose(config, kept, scored)))
    return models, validation


def _choose(
    config: config_lib.EvaluateConfig,
    kept: tuple[str, assessment.Calibration],
    validation: ensemble_lib.Subject,
) -> assessment.OperatingPoint:
    rule, calibrate = kept
    return assessment.choose(
        validation.scores,
        rule=thresholds.parse(config.threshold or rule),
        calibrate=config.calibrate or calibrate,
    )


def _choose_of_export(
    config: config_lib.EvaluateConfig,
    export: manifest.Manifest,
    validation: ensemble_lib.Subject,
    kept: thresholds.Rule = thresholds.HALF,
) -> assessment.OperatingPoint:
    """Returns how an export decides, unless the options say otherwise.

    Args:
        config: The options.
        export: Its manifest.
        validation: The validation split.
        kept: By which rule its run decides now.
    """
    rule = thresholds.HALF
    if config.threshold is not None:
        rule = thresholds.parse(config.threshold)
    elif export.threshold is not None:
        rule = thresholds.Rule("fixed", export.threshold)
    point = assessment.choose(
        validation.scores, rule=rule, calibrate=config.calibrate or "none"
    )
    if config.threshold is None and _was_chosen(export, kept):
        # With what spread, the export does not say.
        point = dataclasses.replace(
            point,
            thresholds=tuple(
                (
                    dataclasses.replace(
                        each,
                        low=math.nan,
                        high=math.nan,
                        chosen_on="validation",
                    )
                    if each is point.chosen
                    else each
                )
                for each in point.thresholds
            ),
        )
    # Exports of earlier versions have 1 where nothing could be fitted.
    if config.calibrate is not None or export.temperature in (None, 1):
        return point
    return dataclasses.replace(
        point, temperature=calibration.Temperature(export.temperature)
    )


def _was_chosen(export: manifest.Manifest, kept: thresholds.Rule) -> bool:
    """Whether the threshold of an export was chosen on validation."""
    if export.threshold is None:
        return False
    if export.rule is not None:
        return thresholds.parse(export.rule).kind != "fixed"
    # Exports of earlier versions do not say: it was, unless the number itself
    # is the rule of the run.
    own = thresholds.Rule("fixed", export.threshold)
    return own not in (thresholds.HALF, kept)


def _note_opening(
    config: config_lib.EvaluateConfig,
    models: list[openings.Model],
    runs: Sequence[runs_lib.Run],
    open_examples: openings.Opener,
) -> dict[str, Any] | None:
    """Returns the ledger, in which the opening stands; None for validation."""
    if config.images_dir is None:
        is_test = config.split == "test"
        return openings.note_test(models, config.data_dir) if is_test else None
    opened = [(run, open_examples(run)) for run in runs]
    return openings.note_folder(opened, models, config.data_dir)


def _describe(
    ensemble: ensemble_lib.Ensemble, subject: ensemble_lib.Subject
) -> dict[str, Any]:
    """Returns what was known of model and data before."""
    return {
        "title": f"{description.name_model(ensemble)} on {subject.name}",
        "model": description.describe_model(ensemble),
        "training": ensemble.runs[0].epochs,
        "provenance": description.read_provenance(subject.first),
    }


def _compare(
    models: list[openings.Model],
    subject: ensemble_lib.Subject,
    open_examples: openings.Opener,
) -> dict[str, Any] | None:
    if len(models) == 1:
        return None
    (_, point), (other, other_point) = models
    other_subject = other.score(open_examples)
    scores, other_scores = subject.scores, other_subject.scores
    calibrated = None
    if point.temperature or other_point.temperature:
        # As the figures of either report are.
        calibrated = (
            point.calibrate(scores.probabilities),
            other_point.calibrate(other_scores.probabilities),
        )
    found = comparison.compare(
        scores,
        other_scores,
        thresholds=(point.threshold, other_point.threshold),
        calibrated=calibrated,
    )
    return {
        "other": str(other.runs[0].workdir),
        "overlap": description.describe_overlap(other_subject),
        **found.as_json(),
    }
