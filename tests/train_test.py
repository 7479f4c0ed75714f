"""`train.py` from the command line: real processes, real records."""

import errno
import json
import os
import re
import signal
import subprocess

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
from tests.helpers import processes
from tests.helpers import programs
import train as train_lib
from training import config as config_lib
from training import errors

SMALL = (
    "--image_size=64",
    "--epochs=2",
    "--batch_size=8",
    "--rescale=1/255",
    "--width_shift_range=0.1",
    "--vertical_flip",
)


def read_weights(workdir):
    return keras.models.load_model(workdir / "model.keras").get_weights()


@pytest.fixture(scope="module")
def first_run(image_tree, tmp_path_factory):
    """The work directory of a run on a folder, and its output."""
    root = tmp_path_factory.mktemp("train")
    result = programs.train(
        *SMALL,
        f"--images_dir={image_tree}",
        f"--data_dir={root / 'records'}",
        f"--workdir={root / 'run'}",
        "--class_names=auto",
        fresh=True,
    )
    return root / "run", result


def test_folder_becomes_a_trained_model(first_run):
    workdir, result = first_run
    epochs = [record["epoch"] for record in programs.read_metrics(workdir)]
    assert epochs == [1, 2]
    info = json.loads((workdir / "model.json").read_text())
    assert info["class_names"] == ["normal", "pneumonia"]
    assert info["image_size"] == [64, 64]
    assert info["color_mode"] == "grayscale"
    assert info["interpolation"] == "bilinear"
    assert info["rescale"] == 1 / 255
    model = keras.models.load_model(workdir / "model.keras", safe_mode=True)
    assert model.predict(np.zeros((1, 64, 64, 1)), verbose=0).shape == (1, 2)
    assert "Validation after 2 epochs" in result.stdout
    assert f"Everything is in {workdir}" in result.stdout


def test_classes_that_were_found_are_said_and_kept(first_run):
    workdir, result = first_run
    assert "2 classes, with their images: " in result.stdout
    assert "positive is pneumonia, the second class" in result.stdout
    kept = (workdir / "flags.flagfile").read_text().splitlines()
    assert "--class_names=normal,pneumonia" in kept


def test_tensorflow_says_nothing_of_itself(first_run):
    _, result = first_run
    for chatter in ("cuda", "oneDNN", "WARNING", "InitializeLog", "I0000"):
        assert chatter not in programs.said(result.stderr) + result.stdout


def test_flagfile_repeats_the_run_from_any_directory(first_run, tmp_path):
    workdir, _ = first_run
    programs.train(
        f"--flagfile={workdir / 'flags.flagfile'}",
        f"--workdir={tmp_path / 'again'}",
        cwd=tmp_path,
    )
    assert programs.read_metrics(tmp_path / "again") == programs.read_metrics(
        workdir
    )
    for a, b in zip(read_weights(tmp_path / "again"), read_weights(workdir)):
        np.testing.assert_array_equal(a, b)


def test_prepared_dataset_and_virtual_devices_give_the_same(
    first_run, tmp_path
):
    workdir, _ = first_run
    info = json.loads((workdir / "model.json").read_text())
    name, config, _ = info["dataset"]["name"].split("/")
    (data_dir,) = (workdir.parent / "records").glob("[!.]*")
    result = programs.train(
        *SMALL,
        f"--dataset={name}/{config}",
        f"--data_dir={data_dir}",
        "--strategy=mirrored",
        "--num_virtual_devices=2",
        f"--workdir={tmp_path / 'mirrored'}",
    )
    assert "on 2 devices" in result.stdout
    for a, b in zip(read_weights(tmp_path / "mirrored"), read_weights(workdir)):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_prepared_dataset_of_another_size_is_refused(first_run, tmp_path):
    workdir, _ = first_run
    info = json.loads((workdir / "model.json").read_text())
    name, config, _ = info["dataset"]["name"].split("/")
    (data_dir,) = (workdir.parent / "records").glob("[!.]*")
    result = programs.train(
        f"--dataset={name}/{config}",
        f"--data_dir={data_dir}",
        "--image_size=128",
        f"--workdir={tmp_path / 'run'}",
        check=False,
    )
    assert result.returncode == 2
    assert "Received: image_size=(128, 128)" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "signum, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signal_leaves_a_usable_workdir(signum, status, first_run, tmp_path):
    workdir, _ = first_run
    process = subprocess.Popen(
        programs.command(
            f"--flagfile={workdir / 'flags.flagfile'}",
            f"--workdir={tmp_path / 'run'}",
            "--epochs=100000",
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if line.startswith("Epoch 2/"):
                process.send_signal(signum)
                break
        output = process.communicate(timeout=300)[0]
    finally:
        process.kill()
    assert process.returncode == status
    assert f"Stopped by {signal.Signals(signum).name} after" in output
    assert "the same command resumes it" in output
    info = json.loads((tmp_path / "run" / "model.json").read_text())
    assert info["epochs"] == len(programs.read_metrics(tmp_path / "run")) >= 2
    assert read_weights(tmp_path / "run")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--batch_size=0",), "`batch_size` must be.*batch_size=0"),
        (("--batch_size=many",), "whole number. Received: batch_size=many"),
        (("--learning_rate=-1",), "`learning_rate`.*learning_rate=-1.0"),
        (("--image_size=big",), "`image_size` must be.*image_size=big"),
        (("--strategy=tpus",), "--strategy=tpus.*default.mirrored"),
        (("--strategy=multi_worker",), "--workers=host:port.*TF_CONFIG"),
        (("--weights=no/such.keras",), "existing file.*no/such.keras"),
        (("--weights=imagenet",), "must be a file for lesson.*model=lesson"),
        (("--model=lessen",), "Did you mean lesson.*model=lessen"),
        (("--num_virtual_devices=2",), "needs strategy=mirrored"),
        (("--rescale=1/0",), "`rescale` must be.*Received: rescale=1/0"),
        (("--zoom_range=1,2,3",), r"zoom_range=\(1.0, 2.0, 3.0\)"),
        (("--zoom_range=0.9,x",), "`zoom_range` must be.*zoom_range=0.9,x"),
        (("--rotation_range=inf",), "`rotation_range` must.*=inf"),
        (("--brightness_range=1",), "pair of floats.*brightness_range=1.0"),
        (("--fill_mode=foo",), "--fill_mode=foo.*nearest.constant"),
        (("--cval=nan",), "Received: cval=nan"),
        (("--images_dir=",), "`images_dir` must be a path"),
        (("--epoch=3",), "'epoch'.*Did you mean: epochs"),
        (("--dataset=x",), "Exactly one of `images_dir`"),
        (("--images_dir=no/such",), "existing directory.*no/such"),
        (("--images_dir=.", "--workdir=run"), "`workdir` must be outside the"),
        (("stray",), "Options begin with --. Received: stray"),
        (("--flagfile=no/such",), "no/such"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_bad_flag_fails_before_tensorflow_loads(arguments, message, tmp_path):
    # A `tensorflow` that fails the process if it is imported.
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported')")
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    result = subprocess.run(
        programs.command(f"--images_dir={processes.ROOT}", *arguments),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("train.py: ")
    assert re.search(message, line), line
    assert not (tmp_path / "runs").exists()


def test_run_begun_among_the_images_leaves_them_alone(tmp_path, monkeypatch):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=2)
    monkeypatch.chdir(images / "normal")
    config = config_lib.TrainConfig(workdir="../../run")
    config = train_lib._keep_apart("..", config)
    assert os.getcwd() == str(tmp_path)
    assert os.path.samefile(os.path.dirname(config.workdir), tmp_path)


def test_finished_run_is_told_and_changed_flags_are_refused(first_run):
    workdir, _ = first_run
    before = {p: p.read_bytes() for p in workdir.rglob("*") if p.is_file()}
    flags = (
        f"--flagfile={workdir / 'flags.flagfile'}",
        f"--workdir={workdir}",
    )
    assert "is finished already" in programs.train(*flags).stdout
    result = programs.train(*flags, "--learning_rate=0.1", check=False)
    assert result.returncode == 2
    assert "learning_rate: 0.005 -> 0.1" in result.stderr
    assert "--resume=force" in result.stderr
    after = {p: p.read_bytes() for p in workdir.rglob("*") if p.is_file()}
    assert {p: b for p, b in after.items() if p.name != "flags.flagfile"} == {
        p: b for p, b in before.items() if p.name != "flags.flagfile"
    }


def test_missing_validation_split_is_an_error_with_a_remedy(tmp_path):
    result = programs.train(
        "--dataset=xray_tfds", f"--data_dir={tmp_path}", check=False
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "No records of " in line and "--data_dir=DIR" in line


def test_missing_library_is_named(tmp_path):
    for name in ("normal", "pneumonia"):
        folder = tmp_path / "images" / "train" / name
        folder.mkdir(parents=True)
        (folder / "a.dcm").write_bytes(bytes(128) + b"DICM" + bytes(64))
    broken = tmp_path / "packages" / "pydicom.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('not installed')")
    process = programs.train(
        f"--images_dir={tmp_path / 'images'}",
        f"--data_dir={tmp_path / 'records'}",
        check=False,
        PYTHONPATH=str(broken.parent),
    )
    assert process.returncode == 2
    assert "pydicom" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_grouped_and_fits_a_terminal(flag):
    output = programs.train(flag).stdout
    order = ["Data", "Model", "Training", "Augmentation", "Devices", "Run"]
    lines = output.splitlines()
    found = [line.split()[0] for line in lines if line[:1].strip()]
    assert [word for word in found if word in order] == order
    assert max(map(len, lines)) <= 80
    assert "--[no]vertical_flip" in output


def test_helpfull_is_absls_own():
    result = programs.train("--helpfull", check=False)
    assert "--[no]vertical_flip" in result.stdout
    assert "absl.logging" in result.stdout


def test_program_runs_without_docstrings():
    result = programs.train(
        "--epochs=0", "--images_dir=.", check=False, PYTHONOPTIMIZE="2"
    )
    assert result.returncode == 2
    assert "`epochs` must be an int of at least 1" in result.stderr


def test_records_that_may_not_be_read_are_told_in_words(monkeypatch, tmp_path):
    def refuse(name, data_dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), data_dir)

    # Whoever runs the tests may read all files.
    monkeypatch.setattr(tfds, "builder", refuse)
    config = config_lib.DataConfig(dataset="xray_tfds", data_dir=str(tmp_path))
    message = f"read at {tmp_path}: Permission denied.*--data_dir=DIR"
    with pytest.raises(errors.StorageError, match=message):
        train_lib._open_builder(config)
