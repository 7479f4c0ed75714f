"""What of a step XLA compiles changes the speed and nothing else."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import pipeline
from tests.helpers import loop_runs
from training import config as config_lib
from training.data import inputs as inputs_lib


def make_inputs(**fields):
    fields = {"augment": loop_runs.AUGMENT, "batch_size": 8} | fields
    config = config_lib.TrainConfig(**fields)
    return inputs_lib.Inputs(config, loop_runs.make_splits())


def pretend(gpus, monkeypatch):
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [kind] * gpus
    )


@pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")),
    reason="earlier tests have made operations deterministic, for good",
)
@pytest.mark.slow
def test_compiling_more_or_less_trains_the_same(tmp_path, monkeypatch):
    models = []
    for compiled in (False, True):
        monkeypatch.setattr(
            inputs_lib.Inputs,
            "compilation",
            lambda self, compiled=compiled: {
                "compile_training": compiled,
                "compile_evaluation": True,
                "compile_images": compiled,
            },
        )
        result = loop_runs.run(
            tmp_path / str(compiled),
            augment=loop_runs.AUGMENT,
            augment_on="device",
            cache_on="device",
            epochs=1,
        )
        models.append(result.model)
    assert loop_runs.max_difference(*models) < 1e-5


@pytest.mark.parametrize("deterministic", [False, True])
def test_gpus_train_deterministically_without_xla(deterministic, monkeypatch):
    inputs = make_inputs(deterministic=deterministic)
    pretend(1, monkeypatch)
    assert inputs.compilation()["compile_training"] != deterministic
    assert inputs.compilation()["compile_evaluation"]


@pytest.mark.parametrize("onednn", [0, 1])
def test_xla_trains_on_cpus_without_onednn(onednn):
    """As TensorFlow says itself whether it uses it, when it starts."""
    code = (
        "from tests.training.data import compilation_test\n"
        "print(compilation_test.make_inputs().compilation())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "TF_ENABLE_ONEDNN_OPTS": str(onednn),
            "TF_CPP_MIN_LOG_LEVEL": "0",
            "CUDA_VISIBLE_DEVICES": "",
        },
        cwd=pathlib.Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"'compile_training': {not onednn}" in done.stdout
    assert ("oneDNN custom operations are on" in done.stderr) == bool(onednn)


def test_what_is_asked_for_is_compiled():
    for asked in (False, True):
        found = make_inputs(jit_compile=asked).compilation()
        assert found["compile_training"] == asked
        assert found["compile_evaluation"] == asked


@pytest.mark.parametrize(
    "fields",
    [
        {"fill_mode": "constant"},
        {"fill_mode": "wrap"},
        {"interpolation_order": 0},
        {"brightness_range": (0.8, 1.2)},
        {"preprocessing_function": tf.identity},
    ],
    ids="-".join,
)
def test_xla_never_decides_about_a_pixel(fields, monkeypatch):
    pretend(1, monkeypatch)
    assert make_inputs().compilation()["compile_images"]
    inputs = make_inputs(augment=pipeline.AugmentConfig(**fields))
    assert not inputs.compilation()["compile_images"]


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
