"""Where images are kept and transformed changes nothing but the speed."""

import numpy as np
import pytest

import pipeline
from tests.helpers import loop_runs
from training import config as config_lib
from training import loop
import xray_tfds


@pytest.fixture(scope="module")
def on_host(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("host")
    return loop_runs.run(workdir, augment=loop_runs.AUGMENT)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cache_on": "device"},
        {"strategy": "mirrored", "num_virtual_devices": 2},
        {
            "strategy": "mirrored",
            "num_virtual_devices": 2,
            "cache_on": "device",
        },
    ],
    ids=str,
)
def test_augmenting_on_the_device_trains_the_same(on_host, fields, tmp_path):
    result = loop_runs.run(
        tmp_path, augment=loop_runs.AUGMENT, augment_on="device", **fields
    )
    assert loop_runs.max_difference(result.model, on_host.model) < 1e-5
    for ours, theirs in zip(result.records, on_host.records):
        np.testing.assert_allclose(ours["val_loss"], theirs["val_loss"], 1e-5)


def test_training_on_splits_larger_than_memory(image_tree, tmp_path, capsys):
    builder = xray_tfds.prepare(image_tree, tmp_path, image_size=(64, 64))
    budget = 41 * 64 * 64 - 1  # One byte less than the training images take.
    result = {}
    for name, num_bytes in (("whole", 2**30), ("parts", budget)):
        config = config_lib.TrainConfig(
            workdir=str(tmp_path / name),
            epochs=1,
            augment=pipeline.AugmentConfig(featurewise_center=True),
            memory_budget_gb=num_bytes / 2**30,
        )
        result[name] = loop.train_and_evaluate(config, builder)
    assert "larger than the memory budget: shuffling" in capsys.readouterr().out
    (record,) = result["parts"].records
    assert np.isfinite(record["loss"])
    mean = {
        name: np.load(tmp_path / name / "statistics.npz")["mean"]
        for name in result
    }
    np.testing.assert_allclose(mean["parts"], mean["whole"], rtol=1e-6)
