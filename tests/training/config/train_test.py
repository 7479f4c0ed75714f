"""`TrainConfig`: what it takes, what it says when it does not."""

import dataclasses
import math

import numpy as np
import pytest

from training import config as config_lib


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"batch_size": 0}, "`batch_size`.*Received: batch_size=0"),
        ({"batch_size": 2.5}, "`batch_size`.*Received: batch_size=2.5"),
        ({"epochs": -1}, "`epochs`.*Received: epochs=-1"),
        ({"epochs": True}, "`epochs`.*Received: epochs=True"),
        ({"learning_rate": 0.0}, "`learning_rate`.*learning_rate=0.0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"learning_rate": 10**400}, "`learning_rate` must be a positive"),
        ({"learning_rate": "0.1"}, "Received: learning_rate='0.1'"),
        ({"learning_rate": float("inf")}, "learning_rate=inf"),
        ({"seed": -1}, "`seed` must be an int from 0.*Received: seed=-1"),
        ({"seed": 2**32}, "Received: seed=4294967296"),
        ({"model": "ResNet5"}, "Did you mean ResNet50.*model=ResNet5"),
        ({"strategy": "tpus"}, "one of default, mirrored.*strategy=tpus"),
        ({"devices": ("gpu:0",)}, "needs strategy=mirrored.*strategy=default"),
        ({"workers": ("a:1",)}, "`workers` needs strategy=multi_worker"),
        ({"worker_index": 0}, "`worker_index` needs strategy=multi_worker"),
        ({"tpu": "local"}, "`tpu` needs strategy=tpu"),
        (
            {
                "strategy": "mirrored",
                "devices": ("cpu:0",),
                "num_virtual_devices": 2,
            },
            "must not both be given",
        ),
        ({"optimizer": "rmsprop"}, "one of adam, adamw, sgd"),
        ({"schedule": "step"}, "one of constant, cosine, exponential"),
        ({"weight_decay": 0.1}, "needs optimizer=adamw or sgd"),
        ({"warmup_epochs": 5}, "less than `epochs`.*warmup_epochs=5"),
        ({"label_smoothing": 1.0}, "0 to below 1.*label_smoothing=1.0"),
        ({"clip_norm": -1}, "0 or more. Received: clip_norm=-1"),
        ({"class_weight": "even"}, "none, balanced. Received: class_weight"),
        ({"class_weight": {"a": math.nan}}, "`class_weight`.*class_weight=nan"),
        ({"monitor": "auc"}, "one of val_loss, val_accuracy, val_auc, epoch"),
        (
            {"monitor": "epoch", "early_stopping_patience": 3},
            "needs a `monitor` of validation.*patience=3, monitor=epoch",
        ),
        ({"profile": (5, 5)}, "START < STOP. Received: profile=5,5"),
        ({"profile": (1, 2, 3)}, r"two steps.*profile=\(1, 2, 3\)"),
        ({"profile": 7}, "two steps.*Received: profile=7"),
        ({"resume": "yes"}, "one of auto, force, never"),
        ({"keep_checkpoints": 0}, "at least 1. Received: keep_checkpoints=0"),
        (
            {"strategy": "mirrored", "num_virtual_devices": -2},
            "Received: num_virtual_devices=-2",
        ),
        ({"num_virtual_devices": 2}, "needs strategy=mirrored.*=2"),
    ],
)
def test_train_config_names_what_it_received_when_wrong(fields, message):
    with pytest.raises(ValueError, match=message):
        config_lib.TrainConfig(**fields)


def test_train_config_keeps_python_numbers_of_numpy_ones():
    config = config_lib.TrainConfig(
        batch_size=np.int64(8), learning_rate=np.float32(0.5)
    )
    assert type(config.batch_size) is int
    assert type(config.learning_rate) is float


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config_lib.TrainConfig().epochs = 3
