"""The configuration of a run: what it takes, what it says when it does not."""

import dataclasses
import subprocess
import sys

import pytest

import pipeline
from training import config as config_lib
from training.config import options
from xray_tfds.decode import images


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"batch_size": 0}, "`batch_size`.*Received: batch_size=0"),
        ({"batch_size": 2.5}, "`batch_size`.*Received: batch_size=2.5"),
        ({"epochs": -1}, "`epochs`.*Received: epochs=-1"),
        ({"epochs": True}, "`epochs`.*Received: epochs=True"),
        ({"learning_rate": 0.0}, "`learning_rate`.*learning_rate=0.0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
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
        ({"monitor": "auc"}, "one of val_loss, val_accuracy, val_auc"),
        ({"profile": (5, 5)}, "START < STOP. Received: profile=5,5"),
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


@pytest.mark.parametrize(
    "fields, message",
    [
        ({}, "Exactly one.*images_dir=None, dataset=None"),
        ({"images_dir": ".", "dataset": "x"}, "images_dir=., dataset=x"),
        ({"images_dir": "no/such"}, "existing directory.*images_dir=no/such"),
        ({"dataset": "x", "image_size": (0, 4)}, r"image_size=\(0, 4\)"),
        ({"dataset": "x", "image_size": (1, 2, 3)}, r"image_size=\(1, 2, 3\)"),
        ({"dataset": "x", "color_mode": "cmyk"}, "color_mode=cmyk"),
        ({"dataset": "x", "interpolation": "area"}, "interpolation=area"),
        ({"dataset": "x", "class_names": ("a",)}, "class_names=a"),
        ({"dataset": "x", "class_names": ("a", "a")}, "class_names=a,a"),
        ({"dataset": "x", "class_names": ("a", "")}, "class_names=a,"),
    ],
)
def test_data_config_names_what_it_received_when_wrong(fields, message):
    with pytest.raises(ValueError, match=message):
        config_lib.DataConfig(**fields)


def test_data_config_passes_on_only_what_was_given():
    config = config_lib.DataConfig(dataset="x", image_size=(64, 48))
    assert config.image_options() == {"image_size": (64, 48)}


def test_data_config_adds_options_of_the_builder():
    config = config_lib.DataConfig(
        dataset="x", color_mode="rgb", builder_config={"on_leak": "move"}
    )
    assert config.image_options() == {"color_mode": "rgb", "on_leak": "move"}


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config_lib.TrainConfig().epochs = 3


def test_choices_are_those_of_the_builder():
    assert set(config_lib.COLOR_MODES) == set(images.COLOR_MODES)
    assert set(config_lib.INTERPOLATIONS) == set(images.INTERPOLATIONS)


@pytest.mark.parametrize(
    "group, config, left_out",
    [
        (options.DATA, config_lib.DataConfig, set()),
        (
            options.TRAIN,
            config_lib.TrainConfig,
            {"augment"},
        ),
        (
            options.AUGMENTATION,
            pipeline.AugmentConfig,
            # No text stands for a function; splits are made when records are;
            # the networks take float32 with channels last.
            {
                "preprocessing_function",
                "validation_split",
                "data_format",
                "dtype",
                # Fitted to the training images, not written on a command line.
                "statistics",
            },
        ),
    ],
    ids=["data", "train", "augment"],
)
def test_options_are_the_fields_of_the_configuration(group, config, left_out):
    fields = {field.name: field.default for field in dataclasses.fields(config)}
    names = [option.name for option in group]
    assert sorted(names) == sorted(set(fields) - left_out)
    for option in group:
        assert option.default in (None, fields[option.name]), option.name
        assert len(option.help) > 10


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("integer", "12", 12),
        ("number", "0.5", 0.5),
        ("number", "1/255", 1 / 255),
        ("number", "1e-3", 0.001),
        ("range", "0.1", 0.1),
        ("range", "10", 10),
        ("range", "-8,0,8", [-8, 0, 8]),
        ("range", "0.1,0.2", [0.1, 0.2]),
        ("pair", "0.2", 0.2),
        ("pair", "0.8,1.2", (0.8, 1.2)),
        ("size", "128", (128, 128)),
        ("size", "256,192", (256, 192)),
        ("names", "normal, pneumonia", ("normal", "pneumonia")),
        ("string", "1,2", "1,2"),
        ("steps", "10,20", (10, 20)),
        ("class_weight", "balanced", "balanced"),
        ("class_weight", '{"a": 2}', {"a": 2}),
    ],
)
def test_option_reads_its_kind(kind, text, value):
    parsed = options.Option("x", kind, "").parse(text)
    assert parsed == value
    # An int number of pixels and a float fraction follow different laws.
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("integer", "1.5"),
        ("number", "one"),
        ("number", "1/0"),
        ("range", "1,,2"),
        ("pair", "a,b"),
        ("size", "256x256"),
        ("steps", "10"),
        ("class_weight", "heavy"),
    ],
)
def test_option_names_what_it_received_when_wrong(kind, text):
    with pytest.raises(ValueError, match=f"`x` must be .*Received: x={text}"):
        options.Option("x", kind, "").parse(text)


def test_parse_group_leaves_out_what_was_not_given():
    values = {option.name: None for option in options.AUGMENTATION}
    values["rescale"] = "1/255"
    values["vertical_flip"] = False
    assert options.parse_group(options.AUGMENTATION, values) == {
        "rescale": 1 / 255,
        "vertical_flip": False,
    }


def test_description_fits_a_terminal_and_names_every_option():
    text = options.describe()
    assert max(map(len, text.splitlines())) <= 80
    for group, group_options in options.GROUPS.items():
        assert group in text
        for option in group_options:
            assert option.name in text


def test_configuration_loads_without_tensorflow():
    code = (
        "import sys, training.config.options, training.workdir.directory;"
        "import training.quiet_import;"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
