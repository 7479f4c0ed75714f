"""Openings of a test split or a folder: checked and noted beforehand."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import pathlib
import platform
from typing import Any

import tensorflow as tf

from evaluation import assessment
from evaluation import ledger
from evaluation import slice_table
from inference import config as config_lib
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import external
from inference import records
from inference import runs
from xray_tfds import version

Model = tuple[ensemble_lib.Ensemble, assessment.OperatingPoint]
Opener = Callable[[runs.Run], examples_lib.Examples]


def make_opener(
    config: config_lib.EvaluateConfig,
    split: examples_lib.Split,
    images_dir: str | None = None,
) -> Opener:
    """Returns what opens a split or a folder, once for each set of records."""
    opened: dict[tuple[str, str], examples_lib.Examples] = {}

    def open_examples(run: runs.Run) -> examples_lib.Examples:
        builder = records.open_builder(run, config.data_dir)
        place = str(builder.data_dir), run.data_fingerprint
        if place not in opened:
            examples = (
                examples_lib.open_split(run, split, data_dir=config.data_dir)
                if images_dir is None
                else external.open_folder(
                    run, images_dir, records_dir=config.data_dir
                )
            )
            examples_lib.check_classes(
                images_dir or f"The split {split}",
                [run.class_names[label] for label in examples.labels],
                run.class_names,
            )
            opened[place] = examples
        return opened[place]

    return open_examples


def check(
    config: config_lib.EvaluateConfig,
    models: Sequence[Model],
    validation: ensemble_lib.Subject,
    open_examples: Opener,
) -> None:
    """Raises ValueError where options are wrong, before anything is written.

    Args:
        config: The options.
        models: Of which each run is to be shown what is opened.
        validation: The subject that they were chosen on.
        open_examples: Opens what is evaluated.
    """
    runs_shown = _runs(models)
    if config.images_dir is not None:
        opened = [open_examples(run) for run in runs_shown]
        keys = _check_same(
            f"`images_dir`, {config.images_dir},",
            runs_shown,
            [examples.keys.tolist() for examples in opened],
        )
        tested = max(examples.tested_images for examples in opened)
        if tested and not config.final:
            raise ValueError(
                f"`images_dir` holds {tested} images of the test split of the "
                "run's own records: to score them is to open it, which is done "
                "once, when nothing is left to be chosen. Add --final if this "
                f"is that moment. Received: images_dir={config.images_dir}"
            )
    elif config.split == "test":
        keys = _check_same(
            "The test split",
            runs_shown,
            [
                examples_lib.check_listed(run, "test", config.data_dir)
                for run in runs_shown
            ],
        )
    else:
        keys = validation.scores.keys.tolist()
    if config.slices is not None and keys:
        slice_table.read(config.slices, keys)


def _check_same(
    what: str, runs_shown: Sequence[runs.Run], keys: Sequence[list[str]]
) -> list[str]:
    """Returns the keys of the first run, which all others must have, too.

    Args:
        what: Is opened.
        runs_shown: The runs.
        keys: Of each, as its records are, or would be; none where they do not
            say.
    """
    for run, own in zip(runs_shown, keys):
        different = set(own).symmetric_difference(keys[0])
        if own and keys[0] and different:
            raise ValueError(
                f"{what} must hold the same images for all runs. The records "
                f"of {run.workdir} have other images, or options, than those "
                f"of {runs_shown[0].workdir}: {min(different)} is in one of "
                "the two alone. Evaluate each run on its own."
            )
    return keys[0]


def note_test(
    models: Sequence[Model], data_dir: str | None = None
) -> dict[str, Any]:
    """Notes that models are about to see the test split of their records.

    Args:
        models: Each with what was chosen for it.
        data_dir: As for `records.open_builder`.

    Returns:
        `ledger` of `metrics.json`.

    Raises:
        ValueError: If there is no such split, they have different ones, or it
            cannot be noted.
    """
    places: dict[str, set[pathlib.Path]] = {}
    first, *others = _runs(models)
    for run in (first, *others):
        fingerprint, place = _find_test(run, data_dir)
        places.setdefault(fingerprint, set()).add(place)
        if len(places) > 1:
            raise ValueError(
                "The records of all runs must have the same test split. Those "
                f"of {run.workdir} have another than those of {first.workdir}."
            )
    ((fingerprint, beside),) = places.items()
    return _append("test", fingerprint, beside, models)


def note_folder(
    opened: Sequence[tuple[runs.Run, examples_lib.Examples]],
    models: Sequence[Model],
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Notes that models are about to score a folder.

    It may hold films of their test splits: these are opened with it.

    Args:
        opened: All runs, each with the folder as it is shown it.
        models: As in `note_test`, like the next.
        data_dir: Of the runs' records.

    Returns:
        `ledger` of `metrics.json`: of the folder.
    """
    folder = opened[0][1].fingerprint
    splits = {folder: "external"}
    places = {
        folder: {
            # Above the directories of options and version.
            pathlib.Path(examples.directory).parents[1]
            for _, examples in opened
        }
    }
    for run, examples in opened:
        if examples.tested_images:
            fingerprint, place = _find_test(run, data_dir)
            splits[fingerprint] = "test"
            places.setdefault(fingerprint, set()).add(place)
    notes = {
        fingerprint: _append(split, fingerprint, places[fingerprint], models)
        for fingerprint, split in splits.items()
    }
    return notes[folder]


def _runs(models: Sequence[Model]) -> list[runs.Run]:
    return [run for ensemble, _ in models for run in ensemble.runs]


def _find_test(run: runs.Run, data_dir: str | None) -> tuple[str, pathlib.Path]:
    """Returns the fingerprint of a run's test split, and where to note it.

    That is above the directories of options and versions: a new size of the
    images, or records that were built anew, change nothing about the films.
    """
    builder = records.open_builder(run, data_dir)
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
    return fingerprint, records.find_home(builder)


def _append(
    split: str,
    fingerprint: str,
    beside: set[pathlib.Path],
    models: Sequence[Model],
) -> dict[str, Any]:
    """Notes each model once; returns what all places know."""
    for ensemble, point in _different(models):
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
        workdirs = [run.workdir for run in ensemble.runs]
        ledger.append([*beside, *workdirs], opening)
    everywhere = [*beside, *(run.workdir for run in _runs(models))]
    return ledger.read(everywhere, fingerprint).as_json()


def _different(models: Sequence[Model]) -> list[Model]:
    """Returns models without those that are the same networks again."""
    return list(
        {
            frozenset(each.digests): (each, point) for each, point in models
        }.values()
    )
