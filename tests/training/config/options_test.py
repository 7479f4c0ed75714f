"""The options that are derived from the fields of the configurations."""

import dataclasses
import subprocess
import sys

import pytest

import pipeline
from training import config as config_lib
from training.config import options


@pytest.mark.parametrize(
    "group, config, left_out",
    [
        (options.DATA, config_lib.DataConfig, set()),
        (options.TRAIN, config_lib.TrainConfig, {"augment"}),
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
        assert option.default == fields[option.name]
        assert len(option.help) > 10


def test_every_option_is_in_one_group():
    grouped = [o.name for group in options.GROUPS.values() for o in group]
    assert sorted(grouped) == sorted(option.name for option in options.ALL)
    assert len(set(grouped)) == len(grouped)


def test_options_of_a_process_are_neither_repeated_nor_tried():
    assert {o.name for o in options.ALL if not o.in_flagfile} == {
        "publish_dir",
        "workdir",
        "resume",
        "workers",
        "worker_index",
    }
    assert {o.name for o in options.ALL if not o.can_sweep} == {
        *(option.name for option in options.DATA),
        "workdir",
        "resume",
        "workers",
        "worker_index",
        "tpu",
        "profile",
    }


def test_parse_group_leaves_out_what_was_not_given():
    given = {"rescale": "1/255", "vertical_flip": False, "epochs": "3"}
    assert options.parse_group(options.AUGMENTATION, given) == {
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
