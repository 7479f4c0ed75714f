"""What a run tells its user, in a few lines."""

import os
import sys

import tqdm

from training.workdir import files

_CONTENTS = (
    (files.MODEL_FILE, "the trained model, as it is after the last epoch"),
    (files.BEST_MODEL_FILE, "the same after the best epoch"),
    (files.MODEL_INFO_FILE, "how to feed it: size, scaling, class names"),
    (files.STATISTICS_FILE, "mean, deviation, ZCA matrix to normalise with"),
    (files.METRICS_FILE, "a line of metrics an epoch"),
    (files.CURVES_FILE, "the same as curves"),
    (files.CONTACT_SHEET_FILE, "augmented training images"),
    (files.TENSORBOARD_DIR, "events for `tensorboard --logdir`"),
    (files.CHECKPOINTS_DIR, "what the same command goes on from"),
    (files.FLAGS_FILE, "repeats the run with `train.py --flagfile=`"),
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
        in_memory = split.images is not None
        # Not known before they are read, where a split is not in memory.
        unknown = ["?"] * len(splits.class_names)
        counts = split.count_labels() if in_memory else unknown
        _print_row(split.name, [*counts, split.num_examples], widths)
        if not in_memory:
            print(f"    larger than the memory budget: {split.reading}")


def print_model(model, strategy):
    """Prints what is trained, and on how many devices."""
    replicas = strategy.num_replicas_in_sync
    print(
        f"Model: {model.name}, {model.count_params():,} weights, on {replicas} "
        f"device{'s' if replicas > 1 else ''}",
        flush=True,
    )


def print_start(start, epochs, position):
    """Prints where a run that was there before goes on.

    Args:
        start: `resume.Start`.
        epochs: How many epochs there will be.
        position: Epochs and steps of the next that are done.
    """
    for notice in start.notices:
        print(notice)
    if start.checkpoint is None:
        return
    epoch, step = position
    if start.is_finished or epoch >= epochs:
        print(f"The run in {start.directory.path} is finished already.")
        return
    where = f"after step {step}" if step else "at its start"
    print(f"Goes on in {start.directory.path}, in epoch {epoch + 1} {where}")


def print_first_step(seconds):
    """Prints how long it took to come to the end of the first step."""
    # Above the progress bar, if there is one.
    tqdm.tqdm.write(f"First step {seconds:.1f} s after the start")
    sys.stdout.flush()


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


def print_summary(
    directory, records, selection, *, validation=None, stopped_by=None
):
    """Prints the validation results and where everything is.

    Args:
        directory: The run's directory.
        records: One dict for each epoch that was finished.
        selection: `early_stopping.Selection` of the run.
        validation: Logs of the model as it was saved, if they are not those of
            the last record.
        stopped_by: Name of the signal that ended the run, or None.
    """
    done = f"{len(records)} epoch{'' if len(records) == 1 else 's'}"
    print()
    if stopped_by:
        print(
            f"Stopped by {stopped_by} after {done}; the same command goes on "
            "from here."
        )
    elif selection.should_stop:
        print(
            f"Stopped after {done}: {selection.monitor} has not become better "
            f"for {selection.waited}."
        )
    validation = validation or (records[-1] if records else None)
    if validation:
        print(f"Validation after {done}")
        for name, title in _TITLES:
            print(f"  {title:<10}{_number(validation[f'val_{name}'])}")
    if selection.epoch is not None:
        print(
            f"Best {selection.monitor} {selection.best:.4f} in epoch "
            f"{selection.epoch + 1}"
        )
    print(f"Everything is in {directory}")
    for name, meaning in _CONTENTS:
        if os.path.exists(os.path.join(directory, name)):
            print(f"  {name:<20}{meaning}")


_TITLES = (("loss", "loss"), ("accuracy", "accuracy"), ("auc", "AUC"))


def _number(value):
    return "undefined" if value is None else f"{value:.4f}"


def _print_row(title, cells, widths):
    columns = (f"{cell:>{width}}" for cell, width in zip(cells, widths))
    print(f"  {title:<12}" + "  ".join(columns))
