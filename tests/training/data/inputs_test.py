"""The datasets of a run."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import loop_runs
from training import config as config_lib
from training.data import inputs as inputs_lib
from training.data import splits as splits_lib


def make_inputs(**fields):
    fields = {"augment": loop_runs.AUGMENT, "batch_size": 8} | fields
    config = config_lib.TrainConfig(**fields)
    return inputs_lib.Inputs(config, loop_runs.make_splits())


@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_batches_of_a_run_have_no_state(augment_on):
    inputs = make_inputs(augment_on=augment_on)
    datasets = [inputs.make_train_dataset(), inputs.make_validation_dataset()]
    for dataset in datasets:
        # Refuses what would make deterministic operations wait for each other.
        tf.raw_ops.DatasetToGraphV2(
            input_dataset=tf.data.experimental.to_variant(dataset),
            external_state_policy=2,
        )


def test_training_data_are_all_epochs_over_and_over():
    inputs = make_inputs(epochs=2)
    steps = 2 * inputs.train_progress().num_steps
    ds = inputs.make_train_dataset().take(2 * steps)
    images = [batch[0].numpy() for batch in ds]
    for first, again in zip(images[:steps], images[steps:], strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(images[0], images[steps // 2])


def test_images_that_are_not_in_memory_cannot_be_on_the_device(prepared):
    splits = splits_lib.load_splits(prepared, memory_budget_gb=1e-6)
    config = config_lib.TrainConfig(augment_on="device", cache_on="device")
    message = "add --cache_on=host, or more GiB by --memory_budget_gb.*train"
    with pytest.raises(ValueError, match=message):
        inputs_lib.Inputs(config, splits).cache_on_device()


def test_images_on_the_device_are_those_of_their_split():
    splits = loop_runs.make_splits()
    # As `Split.from_arrays` names them, unless it is told.
    validation = dataclasses.replace(splits.validation, name="train")
    splits = dataclasses.replace(splits, validation=validation)
    config = config_lib.TrainConfig(augment_on="device", cache_on="device")
    inputs = inputs_lib.Inputs(config, splits)
    inputs.cache_on_device()
    for split, to_images in (
        (splits.train, inputs.train_images),
        (splits.validation, inputs.validation_images),
    ):
        features = {"index": tf.constant([0, 1]), "params": {}}
        np.testing.assert_array_equal(to_images(features), split.images[:2])
