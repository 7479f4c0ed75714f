"""Training passes over noise, for the benchmarks that time them."""

from typing import Any

import numpy as np
import tensorflow as tf

import pipeline
from training.callbacks import dispatch
from training.checkpoint import resume
from training.data import inputs as inputs_lib
from training.data import splits as splits_lib
from training.loop import building
from training.loop import strategy as strategy_lib


class ReadyBatches:
    """An iterator that has nothing to do: the same batch, which stays put."""

    def __init__(self, batches):
        """Takes its batch from another iterator."""
        self.element_spec = batches.element_spec
        self._batch = tf.nest.map_structure(tf.identity, next(batches))

    def __next__(self):
        return self._batch


def make_splits(num_images, image_size):
    """Returns `Splits` of grey noise: so many images to train, few to validate.

    Args:
        num_images: int.
        image_size: Height and width in pixels.
    """
    splits: dict[str, Any] = {}
    for name, count in {"train": num_images, "validation": 32}.items():
        rng = np.random.default_rng(count)
        splits[name] = pipeline.Split.from_arrays(
            rng.integers(0, 256, (count, image_size, image_size, 1), np.uint8),
            rng.integers(0, 2, count),
            class_names=("normal", "pneumonia"),
            name=name,
        )
    return splits_lib.Splits(name="noise", **splits)


def make_parts(config, splits):
    """Returns the `Inputs` and `building.Parts` of a run on one device."""
    inputs = inputs_lib.Inputs(config, splits)
    strategy = tf.distribute.get_strategy()
    parts = building.build_parts(
        config, strategy, inputs, resume.Start(None, {})
    )
    return inputs, parts


def make_trainer(config, splits, *, ready=False):
    """Returns a function that trains for an epoch by our loop.

    Args:
        config: `TrainConfig`; its epochs bound the calls.
        splits: `training.data.splits.Splits`.
        ready: Whether every step is of one batch that lies ready.

    Returns:
        A function without arguments that returns the epoch's `PassResult`.
    """
    inputs, parts = make_parts(config, splits)
    batches = iter(
        strategy_lib.distribute(
            tf.distribute.get_strategy(), inputs.make_train_dataset
        )
    )
    if ready:
        batches = ReadyBatches(batches)
    callbacks = dispatch.Callbacks(parts.model)

    def train():
        progress = inputs.train_progress()
        parts.runner.train(batches, progress, callbacks)
        return progress.result()

    return train
