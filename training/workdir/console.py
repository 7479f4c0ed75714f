"""What a run prints for its user, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import os
import pathlib
import sys
import typing
from typing import Any

import keras
import tensorflow as tf
import tqdm.auto

from training.workdir import files

if typing.TYPE_CHECKING:
    from training.checkpoint import resume
    from training.checkpoint import state as state_lib
    from training.data import splits as splits_lib
    from training.loop import early_stopping as early_stopping_lib

_CONTENTS = (
    (files.MODEL_FILE, "the trained model, as it is after the last epoch"),
    (files.BEST_MODEL_FILE, "the same after the best epoch"),
    (files.MODEL_INFO_FILE, "how to feed it: size, scaling, class names"),
    (files.STATISTICS_FILE, "mean, deviation, ZCA matrix to normalise with"),
    (files.METRICS_FILE, "a line of metrics an epoch"),
    (files.CURVES_FILE, "the same as curves"),
    (files.CONTACT_SHEET_FILE, "augmented training images"),
    (files.TENSORBOARD_DIR, "events for `tensorboard --logdir`"),
    (files.CHECKPOINTS_DIR, "what the same command resumes from"),
    (files.FLAGS_FILE, "repeats the run with `train.py --flagfile=`"),
)


def print_data(splits: splits_lib.Splits) -> None:
    """Prints how many examples each split and class has."""
    height, width, channels = splits.image_shape
    print(f"Data: {splits.name}, {height}x{width}x{channels}")
    names = [*splits.class_names, "total"]
    widths = [max(len(name), 6) for name in names]
    _print_row("", names, widths)
    for split in (splits.train, splits.validation):
        in_memory = split.images is not None
        # Not known before they are read, where a split is not in memory.
        unknown = ["?"] * len(splits.class_names)
        counts = split.count_labels() if in_memory else unknown
        _print_row(split.name, [*counts, split.num_examples], widths)
        if not in_memory:
            print(f"    larger than the memory budget: {split.reading}")
    if len(splits.class_names) == 2:
        print(f"  positive is {splits.class_names[1]}, the second class")


def print_model(model: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Prints what is trained, and on how many devices."""
    replicas = strategy.num_replicas_in_sync
    print(
        f"Model: {model.name}, {model.count_params():,} weights, on {replicas} "
        f"device{'s' if replicas > 1 else ''}",
        flush=True,
    )


def print_start(
    start: resume.Start, epochs: int, state: state_lib.TrainState
) -> None:
    """Prints where a run that was there before is resumed.

    Args:
        start: How the run starts.
        epochs: How many epochs there will be.
        state: How far it has come.
    """
    for notice in start.notices:
        print(notice)
    if start.checkpoint is None or start.directory is None:
        return
    path = start.directory.path
    if start.is_finished or state.epoch >= epochs:
        print(f"The run in {path} is finished already.")
        return
    print(
        f"Resumed the run in {path} from checkpoint {start.checkpoint.number} "
        f"(epoch {state.epoch + 1}, step {state.step})"
    )


def print_first_step(seconds: float) -> None:
    """Prints how long it took to come to the end of the first step."""
    # Above the progress bar, if there is one.
    tqdm.auto.tqdm.write(f"First step {seconds:.1f} s after the start")
    sys.stdout.flush()


def print_epoch(record: Mapping[str, Any], epochs: int) -> None:
    """Prints the metrics of an epoch on one line.

    Args:
        record: The epoch's line in the metrics file.
        epochs: How many epochs there will be.
    """
    metrics = "".join(
        f"  {name} {record[name]:.4f}"
        for prefix in ("", "val_")
        for name in (f"{prefix}loss", f"{prefix}accuracy", f"{prefix}auc")
    )
    # Above the bar of the next epoch, if it is drawn already.
    with tqdm.auto.tqdm.external_write_mode():
        print(
            f"Epoch {record['epoch']}/{epochs}  {record['seconds']:.1f} s  "
            f"{record['images_per_second']:.0f} images/s{metrics}",
            flush=True,
        )


def print_summary(
    directory: pathlib.Path,
    records: Sequence[Mapping[str, Any]],
    early_stopping: early_stopping_lib.EarlyStopping,
    *,
    validation: Mapping[str, float] | None = None,
    stopped_by: str | None = None,
) -> None:
    """Prints the validation results and where everything is.

    Args:
        directory: The run's.
        records: One for each epoch that was finished.
        early_stopping: Of the run.
        validation: Logs of the model as it was saved, if they are not those of
            the last record.
        stopped_by: Name of the signal that ended the run, or None.
    """
    done = f"{len(records)} epoch{'' if len(records) == 1 else 's'}"
    print()
    if stopped_by:
        print(
            f"Stopped by {stopped_by} after {done}; the same command resumes "
            "it."
        )
    elif early_stopping.should_stop:
        print(
            f"Stopped after {done}: {early_stopping.monitor} has not become "
            f"better for {early_stopping.wait}."
        )
    validation = validation or (records[-1] if records else None)
    if validation:
        print(f"Validation after {done}")
        for name, title in _TITLES:
            print(f"  {title:<10}{_number(validation[f'val_{name}'])}")
    # That the last epoch is the last needs no line.
    is_found = early_stopping.monitor != "epoch"
    if is_found and early_stopping.best_epoch is not None:
        print(
            f"Best {early_stopping.monitor} {early_stopping.best:.4f} in epoch "
            f"{early_stopping.best_epoch + 1}"
        )
    print(f"Everything is in {directory}")
    for name, meaning in _CONTENTS:
        if os.path.exists(os.path.join(directory, name)):
            print(f"  {name:<20}{meaning}")


_TITLES = (("loss", "loss"), ("accuracy", "accuracy"), ("auc", "AUC"))


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _print_row(title: str, cells: Iterable[Any], widths: Iterable[int]) -> None:
    columns = (f"{cell:>{width}}" for cell, width in zip(cells, widths))
    print(f"  {title:<12}" + "  ".join(columns))
