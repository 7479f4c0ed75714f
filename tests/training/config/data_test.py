"""`DataConfig`: what it takes, what it says when it does not."""

import pytest

from training import config as config_lib
from xray_tfds.decode import images


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
        ({"dataset": "x", "class_names": "ab"}, "class_names=ab"),
        *(
            (
                {
                    "dataset": "x",
                    "class_names": ("a", "b"),
                    "builder_config": {"class_names": names},
                },
                "`class_names` must be at least two different",
            )
            for names in (5, [1, 1], {"a": 1})
        ),
        (
            {
                "dataset": "x",
                "image_size": (64, 64),
                "builder_config": {"image_size": [128, 128]},
            },
            r"`image_size` must not be given twice.*--image_size.*\(64, 64\)",
        ),
        (
            {"dataset": "x", "publish_dir": "s3://b/x"},
            "`publish_dir` must be given with `images_dir`.*leave --publish_dir"
            " out. Received: publish_dir=s3://b/x, dataset=x",
        ),
        (
            {"images_dir": ".", "publish_dir": ""},
            "`publish_dir` must be a path. Received: publish_dir=$",
        ),
        (
            {"images_dir": ".", "builder_config": {"publish_dir": "x"}},
            "`builder_config` must not have `publish_dir`.*--publish_dir=x",
        ),
        (
            {"dataset": "x", "builder_config": {"rehash": True}},
            "`builder_config` must not have `rehash`.*: --rehash=True",
        ),
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


def test_same_value_in_both_places_is_taken():
    config = config_lib.DataConfig(
        dataset="x",
        image_size=(64, 64),
        class_names=("a", "b"),
        # As in the flag file of a run whose classes were found.
        builder_config={"image_size": [64, 64], "class_names": "auto"},
    )
    assert config.image_options() == {
        "image_size": (64, 64),
        "class_names": ("a", "b"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"class_names": ("auto",)},
        {"class_names": "auto"},
        {"builder_config": {"class_names": "auto"}},
        {"builder_config": {"class_names": ["auto"]}},
    ],
    ids=str,
)
def test_classes_are_found_in_folders_and_known_of_records(fields, tmp_path):
    config = config_lib.DataConfig(images_dir=str(tmp_path), **fields)
    assert config.finds_classes and "class_names" in config.image_options()
    config = config_lib.DataConfig(dataset="x", **fields)
    assert not config.finds_classes and config.image_options() == {}


def test_choices_are_those_of_the_builder():
    assert set(config_lib.COLOR_MODES) == set(images.COLOR_MODES)
    assert set(config_lib.INTERPOLATIONS) == set(images.INTERPOLATIONS)
