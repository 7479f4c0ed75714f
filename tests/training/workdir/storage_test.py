"""Disks that refuse, and directories that are not what they were."""

import errno
import os

import keras
import pytest

from tests.helpers import loop_runs
from training import errors
from training.workdir import storage


@pytest.mark.parametrize(
    "error, text",
    [
        (OSError(errno.ENOSPC, "No space left"), "run: No space left"),
        (OSError(errno.EIO, "Input/output error"), "run: Input/output"),
        (IsADirectoryError(21, "Is a dir", "run/x"), "run/x: Is a dir"),
        (FileNotFoundError(2, "None", "run/a", None, "run/b"), "run/b: None"),
    ],
    ids=str,
)
def test_error_of_the_run_is_reported_with_file_and_remedy(
    error, text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.StorageError, match=text) as caught:
        with storage.reporting_errors(
            tmp_path.joinpath("run").relative_to(tmp_path)
        ):
            raise error
    assert "run the same command again" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "elsewhere/log.csv"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    ids=str,
)
def test_error_of_something_else_is_left_alone(error, tmp_path):
    with pytest.raises(type(error)):
        with storage.reporting_errors(tmp_path):
            raise error


def at_start(action):
    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: action())


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "best.keras", "model.keras", "curves.png"]
)
def test_directory_in_the_place_of_a_file_is_reported(name, tmp_path):
    callback = at_start(lambda: os.makedirs(tmp_path / name / "x"))
    with pytest.raises(errors.StorageError, match=f"{tmp_path / name}: Is a"):
        loop_runs.run(tmp_path, epochs=1, callbacks=[callback])


def test_file_in_the_place_of_the_events_is_reported(tmp_path):
    path = tmp_path / "tensorboard"
    callback = at_start(lambda: path.write_text("x"))
    with pytest.raises(errors.StorageError, match="tensorboard"):
        loop_runs.run(tmp_path, epochs=1, callbacks=[callback])
