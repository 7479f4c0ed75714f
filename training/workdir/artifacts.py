"""The files of a run that are more than a line of text."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import importlib
import pathlib
import platform
import types
import typing
from typing import Any
import zipfile

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from training import config as config_lib
from training.workdir import atomic
from training.workdir import files

if typing.TYPE_CHECKING:
    from training.data import inputs as inputs_lib

_CONTACT_SHEET_IMAGES = 24


def save_model(
    model: keras.Model, directory: pathlib.Path, name: str, epoch: int
) -> None:
    """Saves weights, architecture and optimizer in Keras's own format.

    Args:
        model: To be saved.
        directory: The run's.
        name: One of `files`.
        epoch: After which it is as it is, from 1. The file itself says so: a
            process may be killed before it writes anything else.
    """
    with atomic.replacing(directory / name) as path:
        model.save(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = f"{files.EPOCH_MARK}{epoch}".encode()


def save_model_info(
    config: config_lib.TrainConfig,
    inputs: inputs_lib.Inputs,
    directory: pathlib.Path,
    **progress: Any,
) -> None:
    """Saves what the model file does not say: what to feed it, what it means.

    Args:
        config: Of the run.
        inputs: Of the run.
        directory: The run's.
        **progress: How far training came, by name.
    """
    splits, augment = inputs.splits, inputs.augment
    height, width, channels = splits.image_shape
    info = {
        "model": config.model,
        "class_names": list(splits.class_names),
        "image_size": [height, width],
        "channels": channels,
        "color_mode": splits.metadata.get("color_mode"),
        "interpolation": splits.metadata.get("interpolation"),
        "rescale": augment.rescale,
        "preprocessing": _plain(augment.without_augmentation()),
        "statistics": files.STATISTICS_FILE if inputs.statistics else None,
        "dataset": {"name": splits.name, **splits.metadata},
        "records": splits.directory,
        **progress,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
            "tensorflow_datasets": tfds.__version__,
            "keras": keras.__version__,
        },
    }
    atomic.write_json(directory / files.MODEL_INFO_FILE, info)


def save_statistics(
    statistics: pipeline.Statistics | None, directory: pathlib.Path
) -> None:
    """Saves the arrays of the statistics; nothing for None."""
    if statistics is None:
        return
    arrays = {
        field.name: getattr(statistics, field.name)
        for field in dataclasses.fields(statistics)
        if getattr(statistics, field.name) is not None
    }
    with atomic.replacing(directory / files.STATISTICS_FILE) as path:
        np.savez(path, **arrays)


def save_curves(
    records: Sequence[Mapping[str, Any]], directory: pathlib.Path
) -> None:
    """Draws the metrics of all epochs; nothing where there are none."""
    if records:
        with atomic.replacing(directory / files.CURVES_FILE) as path:
            _plots().plot_curves(records, path)


def save_contact_sheet(
    inputs: inputs_lib.Inputs, directory: pathlib.Path
) -> None:
    """Draws the first training images as they are in the first epoch.

    Args:
        inputs: Of the run.
        directory: The run's.
    """
    images, labels = inputs.first_train_images(_CONTACT_SHEET_IMAGES)
    titles = [inputs.splits.class_names[label] for label in labels]
    with atomic.replacing(directory / files.CONTACT_SHEET_FILE) as path:
        _plots().plot_contact_sheet(images, titles, path)


def _plots() -> types.ModuleType:
    """Imports what draws, with Matplotlib: not before the first step."""
    return importlib.import_module("evaluation.plots")


def _plain(augment: pipeline.AugmentConfig) -> dict[str, Any]:
    """Returns the fields of an `AugmentConfig` as JSON has them."""
    values = {
        field.name: getattr(augment, field.name)
        for field in dataclasses.fields(augment)
        # They have a file of their own.
        if field.name != "statistics"
    }
    return {
        name: (
            getattr(value, "__qualname__", repr(value))
            if callable(value)
            else value
        )
        for name, value in values.items()
    }
