"""Flags: what is read of them, and what a flag file repeats."""

import os
import re

from absl import flags as absl_flags
import pytest

from tests.helpers import flag_values
from training.config import flags as flags_lib
from training.config import options

# Of a run that was begun before options were declared at the fields, as it was
# written, with more in it than most.
_OLD_FLAGFILE = """\
# Repeats this run: python train.py --flagfile=THIS_FILE

# Data
--images_dir=/d/x rays
--image_size=64,48
--color_mode=rgb
--class_names=normal,pneumonia
--builder_config={"on_leak": "move"}

# Model
--model=lesson
--mixed_precision=none

# Training
--batch_size=32
--epochs=5
--optimizer=adam
--learning_rate=1e-3
--schedule=constant
--warmup_epochs=0.0
--decay_rate=0.9
--weight_decay=0.0
--momentum=0.9
--label_smoothing=0.0
--clip_norm=0.0
--ema_decay=0.0
--class_weight={"normal": 2, "pneumonia": 1}
--sampling=natural
--monitor=val_auc
--early_stopping_patience=0

# Augmentation (of training images; names and units of Keras)
--rescale=1/255
--vertical_flip
--width_shift_range=0.05
--height_shift_range=-8,0,8
--rotation_range=10
--zoom_range=0.8,1.2
--brightness_range=0.8,1.2
--fill_mode=wrap
--interpolation_order=3
--nokeras_quirks

# Devices
--strategy=mirrored
--devices=gpu:0,gpu:1
--num_virtual_devices=0
--start_timeout=120.0
--deterministic
--jit_compile
--steps_per_execution=1
--augment_on=host
--cache_on=host
--memory_budget_gb=4.0

# Run
--checkpoint_every_steps=0
--checkpoint_every_minutes=0.0
--keep_checkpoints=2
--seed=0
--profile=10,20
"""


@pytest.fixture
def parse():
    """Returns a function from arguments to the flags of a new process."""

    def parse_arguments(*arguments):
        values = absl_flags.FlagValues()
        defining = flag_values.module_of(values)
        flags_lib.define(defining)
        # Of absl's own, which read it.
        absl_flags.DEFINE_string("flagfile", None, "", flag_values=values)
        values(["train.py", *arguments])
        return values

    return parse_arguments


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\xef\xbb\xbf--epochs=3\n", "byte order mark.*without one"),
        ("--epochs=3\n".encode("utf-16"), "must be a text file in UTF-8"),
    ],
    ids=["UTF-8 with a mark", "UTF-16, as PowerShell writes"],
)
def test_flag_file_of_a_windows_editor_is_told_in_words(
    content, message, tmp_path, capsys
):
    file = tmp_path / "flags"
    file.write_bytes(content)
    defining = flag_values.module_of(absl_flags.FlagValues())
    defining.Error = absl_flags.Error
    flags_lib.define(defining)
    absl_flags.DEFINE_string("flagfile", None, "", flag_values=defining.FLAGS)
    with pytest.raises(SystemExit, match="2"):
        flags_lib.parse(["x.py", f"--flagfile={file}"], defining, about="")
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["images_dir", "workdir"])
def test_path_that_is_no_utf8_is_refused(name, parse):
    with pytest.raises(ValueError, match=f"`{name}` must be a path in UTF-8"):
        flags_lib.read(parse(f"--{name}=x\udcff"))


def test_flags_left_out_are_the_defaults_of_the_configuration(parse):
    _, config = flags_lib.read(parse("--dataset=x"))
    for option in options.TRAIN:
        assert getattr(config, option.name) == option.default
    # An int, as Keras has it: its text in a run's directory is 0, not 0.0.
    assert type(config.augment.rotation_range) is int


def test_flag_file_of_an_earlier_run_is_read(parse, tmp_path):
    images = tmp_path / "x rays"
    images.mkdir()
    file = tmp_path / "flags.flagfile"
    file.write_text(_OLD_FLAGFILE.replace("/d/x rays", str(images)))
    data, config = flags_lib.read(parse(f"--flagfile={file}"))
    assert data.images_dir == str(images)
    assert data.image_size == (64, 48)
    assert data.class_names == ("normal", "pneumonia")
    assert data.builder_config == {"on_leak": "move"}
    assert config.class_weight == {"normal": 2, "pneumonia": 1}
    assert config.learning_rate == 0.001
    assert config.devices == ("gpu:0", "gpu:1")
    assert config.jit_compile is True
    assert config.profile == (10, 20)
    assert config.augment.rescale == 1 / 255
    assert config.augment.height_shift_range == (-8, 0, 8)
    assert config.augment.zoom_range == (0.8, 1.2)
    assert config.augment.keras_quirks is False


def test_flag_file_repeats_the_configurations(parse, tmp_path):
    given = parse(
        f"--images_dir={tmp_path}",
        "--workdir=run",
        "--resume=never",
        "--zoom_range=0.8,1.2",
        "--width_shift_range=-8,8",
        "--novertical_flip",
        "--schedule=cosine",
        "--checkpoint_every_minutes=1/2",
    )
    data, config = flags_lib.read(given)
    file = tmp_path / "flags.flagfile"
    file.write_text(flags_lib.write(given))
    again = parse(f"--flagfile={file}", "--workdir=run", "--resume=never")
    assert flags_lib.read(again) == (data, config)
    text = file.read_text()
    assert "workdir" not in text and "resume" not in text


def test_json_of_several_lines_is_one_line_of_a_flag_file(parse, tmp_path):
    given = parse(
        f"--images_dir={tmp_path}",
        '--builder_config={"on_leak": "move",\r\n  "max_bad_fraction": 0.1}',
        '--class_weight={\n"normal": 2, "pneumonia": 1\n}',
    )
    data, config = flags_lib.read(given)
    file = tmp_path / "flags.flagfile"
    file.write_text(flags_lib.write(given), newline="")
    assert flags_lib.read(parse(f"--flagfile={file}")) == (data, config)


def test_paths_are_absolute_in_a_flag_file(parse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    os.mkdir("images")
    values = parse(
        "--images_dir=images",
        "--data_dir=~/records",
        "--weights=model.keras",
        "--workdir=~/run",
    )
    data, config = flags_lib.read(values)
    assert data.images_dir == str(tmp_path / "images")
    assert data.data_dir == "/home/someone/records"
    assert config.weights == str(tmp_path / "model.keras")
    assert config.workdir == "/home/someone/run"
    assert f"--images_dir={tmp_path / 'images'}\n" in flags_lib.write(values)


def test_table_of_patients_is_absolute_in_a_flag_file(
    parse, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = parse(
        f"--images_dir={tmp_path}",
        '--builder_config={"patients_csv": "\u00e4.csv", "on_leak": "move"}',
    )
    data, _ = flags_lib.read(given)
    table = str(tmp_path / "\u00e4.csv")
    assert data.builder_config == {"patients_csv": table, "on_leak": "move"}
    assert f'"patients_csv": "{table}"' in flags_lib.write(given)


@pytest.mark.parametrize(
    "text",
    ['{"patients_csv": "s3://b/t.csv"}', '{"patients_csv": ""}', '{"seed": 1}'],
)
def test_options_of_the_builder_without_such_a_table_are_as_given(text, parse):
    given = parse("--images_dir=.", f"--builder_config={text}")
    flags_lib.read(given)
    assert f"--builder_config={text}\n" in flags_lib.write(given)


def test_bucket_is_the_same_from_any_directory(parse):
    values = parse("--images_dir=s3://hospital/films")
    data, _ = flags_lib.read(values)
    assert data.images_dir == "s3://hospital/films"
    assert "--images_dir=s3://hospital/films\n" in flags_lib.write(values)


def test_where_records_are_published_is_absolute_and_not_repeated(
    parse, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    values = parse("--images_dir=.", "--publish_dir=copies")
    data, _ = flags_lib.read(values)
    assert data.publish_dir == str(tmp_path / "copies")
    assert "publish_dir" not in flags_lib.write(values)
    data, _ = flags_lib.read(parse("--images_dir=.", "--publish_dir=gs://b/x"))
    assert data.publish_dir == "gs://b/x"


def test_bucket_for_records_is_told_how_to_get_them(parse):
    with pytest.raises(
        ValueError,
        match="data_dir=s3://b .--publish_dir has.*copy those .* this machine",
    ):
        flags_lib.read(parse("--dataset=x", "--data_dir=s3://b"))


@pytest.mark.parametrize("name", ["data_dir", "workdir", "weights"])
def test_what_cannot_be_a_bucket_is_refused(name, parse):
    flags = parse("--dataset=x", "--model=MobileNet", f"--{name}=s3://b/x")
    with pytest.raises(ValueError, match=f"machine. Received: {name}=s3://b"):
        flags_lib.read(flags)


def test_imagenet_is_no_path(parse):
    flags = parse("--dataset=x", "--model=MobileNet", "--weights=imagenet")
    _, config = flags_lib.read(flags)
    assert config.weights == "imagenet"
    assert "--weights=imagenet" in flags_lib.write(flags)


@pytest.mark.parametrize("name", ["images_dir", "data_dir", "workdir"])
def test_empty_path_is_not_the_current_directory(name, parse):
    with pytest.raises(ValueError, match=f"`{name}` must be a path"):
        flags_lib.read(parse(f"--{name}="))


@pytest.mark.parametrize(
    "flag, message",
    [
        ("--zoom_range=0.9,x", "`zoom_range`.*Received: zoom_range=0.9,x"),
        ("--rotation_range=inf", "`rotation_range`.*rotation_range=inf"),
        ("--brightness_range=1", "pair of floats.*brightness_range=1.0"),
        ("--interpolation_order=6", "from 0 to 5.*interpolation_order=6"),
    ],
)
def test_bad_augmentation_is_refused_as_flags_are_read(flag, message, parse):
    with pytest.raises(ValueError, match=message):
        flags_lib.read(parse("--dataset=x", flag))


def test_program_that_runs_again_in_a_process_has_its_flags_alone():
    values = absl_flags.FlagValues()
    defining = flag_values.module_of(values)
    absl_flags.DEFINE_string("of_others", None, "", flag_values=values)
    # As `%run` does it in a notebook: one program, again, and another.
    flags_lib.define(defining)
    values(["train.py", "--epochs=3", "--of_others=x"])
    flags_lib.define(defining)
    assert not values["epochs"].present
    flags_lib.define(defining, options.DATA)
    assert "epochs" not in values and "images_dir" in values
    assert values["of_others"].value == "x"
