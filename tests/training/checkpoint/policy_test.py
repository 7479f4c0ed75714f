"""Checkpoints are written while a run trains on, and promised only after."""

import errno
import os
import threading

import keras
import numpy as np
import pytest

from tests.helpers import loop_runs
from training import errors
from training.checkpoint import store as store_lib

_SECONDS = 120  # after which a test fails that would hang


@pytest.fixture
def disk(monkeypatch):
    """An event for which the disk waits, at each checkpoint."""
    ready, save = threading.Event(), store_lib.CheckpointStore.save

    def save_when_ready(self, checkpoint):
        assert ready.wait(_SECONDS), "the run waits for its disk"
        save(self, checkpoint)

    monkeypatch.setattr(store_lib.CheckpointStore, "save", save_when_ready)
    return ready


def newest(workdir):
    return store_lib.CheckpointStore(workdir / "checkpoints").newest()[0]


def test_steps_do_not_change_the_checkpoint_that_is_being_written(
    disk, tmp_path
):
    weights = []

    def look(batch, logs):
        weights.append(callback.model.get_weights())
        if len(weights) == 4:
            disk.set()

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    loop_runs.run(
        tmp_path,
        callbacks=[callback],
        epochs=1,
        checkpoint_every_steps=2,
        keep_checkpoints=9,
    )
    checkpoints = tmp_path / "checkpoints"
    first = min(checkpoints.glob("checkpoint-*"))
    for path in set(checkpoints.iterdir()) - {first}:
        path.rename(tmp_path / path.name)
    checkpoint = newest(tmp_path)
    assert checkpoint.state["step"] == 2
    saved = [a for n, a in checkpoint.arrays.items() if n.startswith("model/")]
    for ours, expected in zip(saved, weights[1], strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert not np.array_equal(saved[0], weights[3][0])


def test_epoch_is_reported_once_it_is_saved_also_when_the_run_fails(
    disk, tmp_path, capsys
):
    steps = []

    def fail(batch, logs):
        steps.append(batch)
        if len(steps) > loop_runs.STEPS_PER_EPOCH + 1:
            assert "Epoch 1/2" not in capsys.readouterr().out
            assert not (tmp_path / "metrics.jsonl").exists()
            disk.set()
            raise RuntimeError("of a callback")

    callback = keras.callbacks.LambdaCallback(on_train_batch_begin=fail)
    with pytest.raises(RuntimeError, match="of a callback"):
        loop_runs.run(tmp_path, callbacks=[callback])
    assert newest(tmp_path).state["epoch"] == 1
    assert len(loop_runs.read_metrics(tmp_path)) == 1
    assert "Epoch 1/2" in capsys.readouterr().out


def test_what_ended_a_run_is_told_where_its_disk_fails_too(
    tmp_path, monkeypatch
):
    def full(self, checkpoint):
        raise errors.StorageError("No space left")

    def fail(batch, logs):
        raise RuntimeError("of a callback")

    monkeypatch.setattr(store_lib.CheckpointStore, "save", full)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with pytest.raises(RuntimeError, match="of a callback"):
        loop_runs.run(
            tmp_path,
            callbacks=[callback],
            checkpoint_every_steps=loop_runs.STEPS_PER_EPOCH,
        )


def test_epoch_that_cannot_be_saved_is_not_reported(
    tmp_path, monkeypatch, capsys
):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(
            errors.StorageError, match="checkpoint could not.*No space left"
        ):
            loop_runs.run(tmp_path)
    assert "Epoch 1/2" not in capsys.readouterr().out
    assert not (tmp_path / "metrics.jsonl").exists()
    assert len(loop_runs.run(tmp_path).records) == 2
