"""The files of a run that are more than a line of text."""

import dataclasses
import platform

import keras
import numpy as np
import pipeline
import tensorflow as tf
import tensorflow_datasets as tfds

from evaluation import plots
from training import workdir

_CONTACT_SHEET_IMAGES = 24


def save_model(model, directory):
    """Saves weights, architecture and optimizer in Keras's own format."""
    with workdir.replacing(directory / workdir.MODEL_FILE) as path:
        model.save(path)


def save_model_info(config, splits, directory, **progress):
    """Saves what the model file does not say: what to feed it, what it means.

    Args:
        config: `TrainConfig` of the run.
        splits: `training.data.Splits` it was trained on.
        directory: The run's directory.
        **progress: How far training came, by name.
    """
    height, width, channels = splits.image_shape
    augment = config.augment or pipeline.AugmentConfig()
    info = {
        "model": config.model,
        "class_names": list(splits.class_names),
        "image_size": [height, width],
        "channels": channels,
        "color_mode": splits.metadata.get("color_mode"),
        "interpolation": splits.metadata.get("interpolation"),
        "rescale": augment.rescale,
        "preprocessing": _plain(augment.without_augmentation()),
        "dataset": {"name": splits.name, **splits.metadata},
        **progress,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
            "tensorflow_datasets": tfds.__version__,
            "keras": keras.__version__,
        },
    }
    workdir.write_json(directory / workdir.MODEL_INFO_FILE, info)


def save_curves(records, directory):
    """Draws the metrics of all epochs; nothing where there are none."""
    if records:
        with workdir.replacing(directory / workdir.CURVES_FILE) as path:
            plots.plot_curves(records, path)


def save_contact_sheet(config, split, directory):
    """Draws the first training images as they are in the first epoch.

    The order and the augmentation of an example depend on seed and epoch
    alone, so these are exactly images that the network will be shown.

    Args:
        config: `TrainConfig` of the run.
        split: `pipeline.Split` that is trained on.
        directory: The run's directory.
    """
    dataset = pipeline.make_train_dataset(
        split,
        split.name,
        config.augment,
        batch_size=min(_CONTACT_SHEET_IMAGES, split.num_examples),
        seed=config.seed,
        label_mode="sparse",
    )
    images, labels = next(iter(dataset))
    titles = [split.class_names[int(label)] for label in labels.numpy()]
    with workdir.replacing(directory / workdir.CONTACT_SHEET_FILE) as path:
        plots.plot_contact_sheet(images.numpy(), titles, path)


def _plain(augment):
    """Returns the fields of an `AugmentConfig` as JSON has them."""
    values = dataclasses.asdict(augment)
    return {
        name: getattr(value, "__qualname__", value)
        for name, value in values.items()
    }
