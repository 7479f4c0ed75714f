"""The options of the dataset, and the names they give it."""

import pytest

import xray_tfds
from xray_tfds import config
from xray_tfds.decode import images


@pytest.mark.parametrize(
    "option",
    [
        {"image_size": [256]},
        {"image_size": (0, 4)},
        {"image_size": (10**5, 10**5)},
        {"color_mode": "gray"},
        {"interpolation": "area"},
        {"class_names": ["normal"]},
        {"class_names": ["normal", "Normal"]},
        {"class_names": "normal"},
        {"class_names": ["two\nlines", "b"]},
        {"class_names": ["a ", "b"]},
        {"class_names": ["\udcf6", "b"]},
        {"validation_fraction": 0.0},
        {"class_names": None},
        {"test_fraction": "0.1"},
        {"keep_aspect_ratio": "false"},
        {"max_bad_fraction": "0.1"},
        {"max_bad_fraction": float("nan")},
        {"min_image_size": True},
        {"seed": None},
        {"patient_pattern": 5},
        {"patients_csv": ["table.csv"]},
        {"name": "mine"},
    ],
    ids=str,
)
def test_config_refuses_a_bad_option_and_names_it(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}="):
        xray_tfds.XrayConfig(**option)


def test_builder_takes_the_default_config_by_any_means(tmp_path):
    configs = [None, "grayscale_256x256_bilinear", xray_tfds.XrayConfig()]
    builders = [xray_tfds.Builder(data_dir=tmp_path, config=c) for c in configs]
    assert len({builder.data_dir for builder in builders}) == 1


def test_config_name_differs_with_every_option():
    options = [
        {},
        {"image_size": [128, 128]},
        {"color_mode": "rgb"},
        {"interpolation": "nearest"},
        {"keep_aspect_ratio": True},
        {"class_names": ["pneumonia", "normal"]},
        {"validation_fraction": 0.2},
        {"seed": 1},
    ]
    names = {xray_tfds.XrayConfig(**option).name for option in options}
    assert len(names) == len(options)
    assert xray_tfds.XrayConfig(image_size=[256, 256]).name == (
        xray_tfds.XrayConfig().name
    )


def test_choices_are_those_that_can_be_carried_out():
    for field, names in (
        ("color_mode", images.COLOR_MODES),
        ("interpolation", images.INTERPOLATIONS),
        ("harmonize", ("none", *images.FITS)),
    ):
        assert set(config._CHOICES[field]) == set(names)
