"""What makes two runs the same: as it was when their directories were written.

The names and values below are in the `run.json` of runs that were begun by
earlier versions, which are resumed only if nothing of them differs.
"""

import json

import numpy as np
import pytest

import pipeline
from training import config as config_lib

_DEFAULTS = {
    "model": "lesson",
    "weights": None,
    "mixed_precision": "none",
    "batch_size": 32,
    "optimizer": "adam",
    "learning_rate": 0.005,
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "decay_rate": 0.9,
    "weight_decay": 0.0,
    "momentum": 0.9,
    "label_smoothing": 0.0,
    "clip_norm": 0.0,
    "ema_decay": 0.0,
    "class_weight": "none",
    "sampling": "natural",
    "monitor": "val_auc",
    "seed": 0,
    "memory_budget_gb": 4.0,
}
_AUGMENT_DEFAULTS = {
    "featurewise_center": False,
    "samplewise_center": False,
    "featurewise_std_normalization": False,
    "samplewise_std_normalization": False,
    "local_contrast_normalization": False,
    "zca_whitening": False,
    "zca_epsilon": 1e-06,
    "rotation_range": 0,
    "width_shift_range": 0.0,
    "height_shift_range": 0.0,
    "brightness_range": None,
    "shear_range": 0.0,
    "zoom_range": [1.0, 1.0],
    "channel_shift_range": 0.0,
    "sharpness_range": 0.0,
    "gamma_range": 0.0,
    "fill_mode": "nearest",
    "cval": 0.0,
    "horizontal_flip": False,
    "vertical_flip": False,
    "rescale": 0,
    "preprocessing_function": None,
    "data_format": "channels_last",
    "validation_split": 0.0,
    "interpolation_order": 1,
    "dtype": "float32",
    "keras_quirks": True,
}
_MANY = {
    "model": "EfficientNetB0",
    "weights": "/w/model.keras",
    "mixed_precision": "bfloat16",
    "batch_size": 16,
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "schedule": "cosine",
    "warmup_epochs": 1.5,
    "decay_rate": 0.8,
    "weight_decay": 0.01,
    "momentum": 0.8,
    "label_smoothing": 0.1,
    "clip_norm": 1.0,
    "ema_decay": 0.999,
    "class_weight": {"normal": 2, "pneumonia": 1.5},
    "sampling": "balanced",
    "monitor": "val_loss",
    "seed": 7,
    "memory_budget_gb": 2.0,
    "epochs": 12,
    "featurewise_center": False,
    "samplewise_center": True,
    "featurewise_std_normalization": False,
    "samplewise_std_normalization": True,
    "local_contrast_normalization": True,
    "zca_whitening": False,
    "zca_epsilon": 1e-06,
    "rotation_range": 10.0,
    "width_shift_range": 0.05,
    "height_shift_range": [-8, 0, 8],
    "brightness_range": [0.8, 1.2],
    "shear_range": 5.0,
    "zoom_range": [0.8, 1.2],
    "channel_shift_range": 10.0,
    "sharpness_range": 0.5,
    "gamma_range": 0.7,
    "fill_mode": "constant",
    "cval": 3.0,
    "horizontal_flip": True,
    "vertical_flip": False,
    "rescale": 0.00392156862745098,
    "preprocessing_function": "half",
    "data_format": "channels_last",
    "validation_split": 0.25,
    "interpolation_order": 3,
    "dtype": "float32",
    "keras_quirks": False,
}


def half(image):
    return image / 2


def make_many():
    return config_lib.TrainConfig(
        workdir="runs/a",
        model="EfficientNetB0",
        weights="/w/model.keras",
        mixed_precision="bfloat16",
        batch_size=16,
        epochs=12,
        optimizer="adamw",
        learning_rate=0.001,
        schedule="cosine",
        warmup_epochs=1.5,
        decay_rate=0.8,
        weight_decay=0.01,
        momentum=0.8,
        label_smoothing=0.1,
        clip_norm=1.0,
        ema_decay=0.999,
        class_weight={"normal": 2, "pneumonia": 1.5},
        sampling="balanced",
        monitor="val_loss",
        early_stopping_patience=3,
        seed=7,
        strategy="mirrored",
        devices=("gpu:0", "gpu:1"),
        start_timeout=60.0,
        deterministic=False,
        jit_compile=True,
        steps_per_execution=4,
        checkpoint_every_steps=100,
        checkpoint_every_minutes=5.0,
        keep_checkpoints=3,
        resume="force",
        profile=(10, 20),
        augment_on="device",
        cache_on="device",
        memory_budget_gb=2.0,
        augment=pipeline.AugmentConfig(
            samplewise_center=True,
            samplewise_std_normalization=True,
            rotation_range=10.0,
            width_shift_range=0.05,
            height_shift_range=[-8, 0, 8],
            brightness_range=(0.8, 1.2),
            shear_range=5.0,
            zoom_range=0.2,
            channel_shift_range=10.0,
            sharpness_range=0.5,
            gamma_range=0.7,
            local_contrast_normalization=True,
            fill_mode="constant",
            cval=3.0,
            horizontal_flip=True,
            rescale=1 / 255,
            preprocessing_function=half,
            data_format="channels_last",
            validation_split=0.25,
            interpolation_order=3,
            dtype="float32",
            keras_quirks=False,
        ),
    )


@pytest.mark.parametrize(
    "make, expected",
    [
        (config_lib.TrainConfig, _DEFAULTS),
        (
            lambda: config_lib.TrainConfig(augment=pipeline.AugmentConfig()),
            _DEFAULTS | _AUGMENT_DEFAULTS,
        ),
        (make_many, _MANY),
    ],
    ids=["defaults", "augmentation", "many"],
)
def test_settings_are_those_of_runs_begun_before(make, expected):
    settings = config_lib.settings_of(make())
    # As text: to JSON, though not to Python, 0 and 0.0 and False differ.
    assert json.dumps(settings, sort_keys=True) == json.dumps(
        expected, sort_keys=True
    )


def test_settings_of_numpy_numbers_are_those_of_python_numbers():
    augment = pipeline.AugmentConfig(rotation_range=np.float32(8))
    settings = config_lib.settings_of(config_lib.TrainConfig(augment=augment))
    assert json.loads(json.dumps(settings))["rotation_range"] == 8


def test_statistics_are_no_setting():
    statistics = pipeline.Statistics(mean=np.zeros((1, 1, 1)))
    augment = pipeline.AugmentConfig(statistics=statistics)
    settings = config_lib.settings_of(config_lib.TrainConfig(augment=augment))
    assert "statistics" not in settings


def test_changes_are_described_by_name():
    before = config_lib.settings_of(config_lib.TrainConfig())
    after = config_lib.settings_of(config_lib.TrainConfig(learning_rate=0.1))
    assert config_lib.describe_changes(before, after) == [
        "learning_rate: 0.005 -> 0.1"
    ]


def test_option_that_a_run_did_not_have_is_its_default():
    augment = pipeline.AugmentConfig(rescale=1 / 255)
    after = config_lib.settings_of(config_lib.TrainConfig(augment=augment))
    before = dict(after)
    del before["sharpness_range"], before["gamma_range"]
    assert config_lib.describe_changes(before, after) == []
    assert config_lib.describe_changes(
        before, after | {"sharpness_range": 0.5}
    ) == ["sharpness_range: 0.0 -> 0.5"]
