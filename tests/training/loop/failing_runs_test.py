"""Losses and weights that are not finite: what is said, and what is kept."""

import dataclasses
import errno
import io
import sys

import keras
import numpy as np
import pytest

import pipeline
from tests.helpers import loop_runs
from training import errors


def test_loss_that_is_not_finite_names_step_and_images(tmp_path):
    path = tmp_path / "run"
    splits = loop_runs.make_splits()
    names = tuple(f"film-{i}.png" for i in range(loop_runs.NUM_TRAIN))
    train = dataclasses.replace(splits.train, filenames=names)
    splits = dataclasses.replace(splits, train=train)
    seen = []

    def poison(batch, logs):
        seen.append(batch)
        if len(seen) == 7:
            weight = callback.model.trainable_variables[0]
            weight.assign(weight.numpy() * np.nan)

    callback = keras.callbacks.LambdaCallback(on_train_batch_begin=poison)
    with pytest.raises(errors.NotFiniteError) as error:
        loop_runs.run(path, splits=splits, callbacks=[callback])
    text = str(error.value)
    assert "in step 3 of epoch 2" in text
    expected = pipeline.filenames_of_step(
        train, "train", batch_size=loop_runs.BATCH_SIZE, seed=0, epoch=1, step=2
    )
    assert len(expected) == loop_runs.BATCH_SIZE
    assert f"Its images are: {', '.join(expected)}." in text
    # The last good state is there, and is resumed.
    result = loop_runs.run(path, splits=splits)
    assert len(result.records) == 2
    assert np.isfinite(result.records[-1]["loss"])


def test_epoch_is_saved_before_its_line_is_printed(tmp_path, monkeypatch):
    class Pipe(io.StringIO):
        def write(self, text):
            if text.startswith("Epoch 1/"):
                raise BrokenPipeError(errno.EPIPE, "Broken pipe")
            return super().write(text)

    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Pipe())
        with pytest.raises(BrokenPipeError):
            loop_runs.run(tmp_path)
    assert len(loop_runs.read_metrics(tmp_path)) == 1
    result = loop_runs.run(tmp_path)
    iterations = int(result.model.optimizer.iterations.numpy())
    assert iterations == 2 * loop_runs.STEPS_PER_EPOCH
    # What the first part had no time for.
    assert (tmp_path / "contact_sheet.png").exists()


def test_weights_that_are_not_finite_reach_no_checkpoint(tmp_path):
    def poison(batch, logs):
        weight = callback.model.trainable_variables[0]
        weight.assign(weight.numpy() * np.inf)

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=poison)
    with pytest.raises(errors.NotFiniteError, match="not finite any more"):
        loop_runs.run(tmp_path, callbacks=[callback], checkpoint_every_steps=1)
    assert list((tmp_path / "checkpoints").glob("checkpoint-*")) == []
