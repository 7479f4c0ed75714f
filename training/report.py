"""What a run tells its user, in a few lines."""

import os

import numpy as np

import pipeline
from training import workdir

_CONTENTS = (
    (workdir.MODEL_FILE, "the trained model"),
    (workdir.MODEL_INFO_FILE, "how to feed it: size, scaling, class names"),
    (workdir.STATISTICS_FILE, "mean, deviation, ZCA matrix to normalise with"),
    (workdir.METRICS_FILE, "a line of metrics an epoch"),
    (workdir.CURVES_FILE, "the same as curves"),
    (workdir.CONTACT_SHEET_FILE, "augmented training images"),
    (workdir.TENSORBOARD_DIR, "events for `tensorboard --logdir`"),
    (workdir.FLAGS_FILE, "repeats the run with `train.py --flagfile=`"),
)


def print_data(splits):
    """Prints how many examples each split and class has.

    Args:
        splits: `training.splits.Splits`.
    """
    height, width, channels = splits.image_shape
    print(f"Data: {splits.name}, {height}x{width}x{channels}")
    names = [*splits.class_names, "total"]
    widths = [max(len(name), 6) for name in names]
    _print_row("", names, widths)
    for split in (splits.train, splits.validation):
        # Not known before they are read, where a split is not in memory.
        counts: list = ["?"] * len(splits.class_names)
        if isinstance(split, pipeline.Split):
            counts = list(np.bincount(split.labels, minlength=len(counts)))
        _print_row(split.name, [*counts, split.num_examples], widths)
        if "?" in counts:
            print(f"    larger than the memory budget: {split.reading}")


def print_model(model, strategy):
    """Prints what is trained, and on how many devices."""
    replicas = strategy.num_replicas_in_sync
    print(
        f"Model: {model.name}, {model.count_params():,} weights, on {replicas} "
        f"device{'s' if replicas > 1 else ''}",
        flush=True,
    )


def print_epoch(record, epochs):
    """Prints the metrics of an epoch on one line.

    Args:
        record: The epoch's line in the metrics file, as a dict.
        epochs: How many epochs there will be.
    """
    metrics = "".join(
        f"  {name} {record[name]:.4f}"
        for prefix in ("", "val_")
        for name in (f"{prefix}loss", f"{prefix}accuracy", f"{prefix}auc")
    )
    print(
        f"Epoch {record['epoch']}/{epochs}  {record['seconds']:.1f} s  "
        f"{record['images_per_second']:.0f} images/s{metrics}",
        flush=True,
    )


def print_summary(directory, validation, epochs_done, stopped_by):
    """Prints the validation results and where everything is.

    Args:
        directory: The run's directory.
        validation: `PassResult` of the model that was saved, or None.
        epochs_done: How many epochs were finished.
        stopped_by: Name of the signal that ended the run, or None.
    """
    done = f"{epochs_done} epoch{'' if epochs_done == 1 else 's'}"
    print()
    if stopped_by:
        print(f"Stopped by {stopped_by} after {done}; the model is as it was.")
    if validation is not None:
        print(f"Validation after {done}, {validation.num_examples} images")
        for name, title in _TITLES:
            print(f"  {title:<10}{validation.logs[name]:.4f}")
    print(f"Everything is in {directory}")
    for name, meaning in _CONTENTS:
        if os.path.exists(os.path.join(directory, name)):
            print(f"  {name:<20}{meaning}")


_TITLES = (("loss", "loss"), ("accuracy", "accuracy"), ("auc", "AUC"))


def _print_row(title, cells, widths):
    columns = (f"{cell:>{width}}" for cell, width in zip(cells, widths))
    print(f"  {title:<12}" + "  ".join(columns))
