"""Runs that are gone on with: the same bits, or a clear refusal."""

import dataclasses
import json
import os
import signal

import keras
import loop_runs
import numpy as np
import pytest

import pipeline
from training import config as config_lib
from training import failures
from training import loop
from training import workdir

# All that has a state of its own: slots of an optimizer, a schedule, averages
# of weights, the best epoch; and steps that are cut short by the split's end.
FIELDS = {
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "ema_decay": 0.9,
    "label_smoothing": 0.1,
    "class_weight": "balanced",
    "sampling": "balanced",
    "epochs": 3,
    "augment": loop_runs.AUGMENT,
}
STEPS_PER_EPOCH = 4


def stop_at(step, signum=signal.SIGTERM):
    """A callback that sends a signal after a step, counted from 1."""
    seen = []

    def send(batch, logs):
        seen.append(batch)
        if len(seen) == step:
            os.kill(os.getpid(), signum)

    return keras.callbacks.LambdaCallback(on_train_batch_end=send)


def assert_same_run(a, b):
    """Equal bits: weights of the last and of the best model, metrics."""
    for x, y in zip(a.model.get_weights(), b.model.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
    records = [
        loop_runs.without_timings(loop_runs.read_metrics(r.workdir))
        for r in (a, b)
    ]
    assert records[0] == records[1]
    for name in ("model.keras", "best.keras"):
        models = [
            keras.models.load_model(r.workdir / name, safe_mode=True)
            for r in (a, b)
        ]
        assert loop_runs.max_difference(*models) == 0
        # Optimizers, too: their slots are what training would go on with.
        states = [m.optimizer.variables for m in models]
        for x, y in zip(*states, strict=True):
            np.testing.assert_array_equal(x.numpy(), y.numpy())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing has interrupted."""
    return loop_runs.run(tmp_path_factory.mktemp("whole"), **FIELDS)


@pytest.mark.parametrize(
    "step", [1, 3, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 2, 3 * STEPS_PER_EPOCH]
)
def test_run_after_a_signal_has_the_bits_of_one_without(step, whole, tmp_path):
    path = tmp_path / "run"
    first = loop_runs.run(path, callbacks=[stop_at(step)], **FIELDS)
    assert first.signum == signal.SIGTERM
    assert len(first.records) == (step - 1) // STEPS_PER_EPOCH
    second = loop_runs.run(path, **FIELDS)
    assert second.signum is None
    assert_same_run(second, whole)
    # What the first part did was not done again.
    iterations = second.model.optimizer.iterations
    assert int(iterations.numpy()) == 3 * STEPS_PER_EPOCH


def test_run_goes_on_from_a_checkpoint_within_an_epoch(whole, tmp_path):
    path = tmp_path / "run"
    fields = FIELDS | {"checkpoint_every_steps": 3, "keep_checkpoints": 9}

    class Crash(Exception):
        pass

    def crash(batch, logs):
        seen.append(batch)
        if len(seen) == 8:
            raise Crash

    seen = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=crash)
    with pytest.raises(Crash):
        loop_runs.run(path, callbacks=[callback], **fields)
    states = [
        json.loads((p / "state.json").read_text())
        for p in sorted((path / "checkpoints").iterdir())
    ]
    places = [(s["epoch"], s["step"]) for s in states]
    # Counted through the epochs, and one at the end of each epoch.
    assert places == [(0, 3), (1, 0), (1, 3)]
    assert_same_run(loop_runs.run(path, **fields), whole)


def test_damaged_newest_checkpoint_is_told_and_passed_over(
    whole, tmp_path, capsys
):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[stop_at(6)], **FIELDS)
    newest = sorted((path / "checkpoints").iterdir())[-1]
    data = (newest / "arrays.npz").read_bytes()
    (newest / "arrays.npz").write_bytes(data[: len(data) // 2])
    capsys.readouterr()
    second = loop_runs.run(path, **FIELDS)
    output = capsys.readouterr().out
    assert f"Passed over a damaged checkpoint: {newest.name}" in output
    assert "in epoch 2 at its start" in output
    assert_same_run(second, whole)


def test_finished_run_is_left_as_it_is(whole, tmp_path, capsys):
    path = tmp_path / "run"
    loop_runs.run(path, epochs=1)
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    result = loop_runs.run(path, epochs=1)
    assert "is finished already" in capsys.readouterr().out
    assert len(result.records) == 1
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert before == after


def test_more_epochs_are_the_same_run_longer(tmp_path):
    whole = loop_runs.run(tmp_path / "whole", epochs=3)
    loop_runs.run(tmp_path / "run", epochs=1)
    assert_same_run(loop_runs.run(tmp_path / "run", epochs=3), whole)


def test_changed_settings_are_refused_with_what_has_changed(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[stop_at(2)])
    before = sorted(path.rglob("*"))
    augment = pipeline.AugmentConfig(rescale=1 / 255, vertical_flip=True)
    with pytest.raises(ValueError, match="--resume=force") as error:
        loop_runs.run(path, learning_rate=0.5, augment=augment, seed=3)
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[1:4] == [
        "learning_rate: 0.005 -> 0.5",
        "seed: 0 -> 3",
        "vertical_flip: False -> True",
    ]
    assert sorted(path.rglob("*")) == before


def test_epochs_matter_where_the_schedule_depends_on_them(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, schedule="cosine", callbacks=[stop_at(2)])
    with pytest.raises(ValueError, match="epochs: 2 -> 3"):
        loop_runs.run(path, schedule="cosine", epochs=3)


def test_forced_learning_rate_is_used_and_remembered(tmp_path, capsys):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[stop_at(6)])
    forced = loop_runs.run(path, learning_rate=1e-9, resume="force")
    assert "learning_rate: 0.005 -> 1e-09" in capsys.readouterr().out
    rate = float(forced.model.optimizer.learning_rate)
    assert rate == pytest.approx(1e-9)
    assert len(forced.records) == 2
    # The epoch began anew: all its examples count.
    assert int(forced.model.optimizer.iterations.numpy()) == 6 + 4
    # It is now a run with this learning rate.
    again = loop_runs.run(path, learning_rate=1e-9)
    assert again.records == [workdir.plain_record(r) for r in forced.records]


@pytest.mark.parametrize(
    "fields", [{"batch_size": 5}, {"optimizer": "sgd"}, {"ema_decay": 0.5}]
)
def test_forced_run_goes_on_with_other_batches_or_optimizer(fields, tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[stop_at(6)])
    result = loop_runs.run(path, resume="force", **fields)
    assert [record["epoch"] for record in result.records] == [1, 2]


def test_forced_run_with_another_network_says_that_it_cannot(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[stop_at(2)])
    with pytest.raises(ValueError, match="network of the checkpoint"):
        loop_runs.run(path, model="residual", resume="force")


def test_never_begins_in_a_new_directory_and_leaves_the_old(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, epochs=1)
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    result = loop_runs.run(path, epochs=1, resume="never")
    assert result.workdir == tmp_path / "run-2"
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert before == after


def test_changed_data_are_refused(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[stop_at(2)])
    with pytest.raises(ValueError, match="the images or labels"):
        loop_runs.run(path, splits=loop_runs.make_splits(contrast=30))


def test_same_settings_without_a_directory_find_the_unfinished_run(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = {"workdir": None, "epochs": 1}
    stopped = run_anywhere(config, callbacks=[stop_at(2)])
    other = run_anywhere(config | {"seed": 1}, callbacks=[stop_at(2)])
    assert other.workdir != stopped.workdir
    again = run_anywhere(config)
    assert again.workdir == stopped.workdir
    # That one is finished: the next is a new one.
    assert run_anywhere(config).workdir not in (again.workdir, other.workdir)


def run_anywhere(fields, **kwargs):
    options = {"batch_size": loop_runs.BATCH_SIZE, "augment": loop_runs.PLAIN}
    options["jit_compile"] = False
    config = config_lib.TrainConfig(**(options | fields))
    return loop.train_and_evaluate(config, loop_runs.make_splits(), **kwargs)


def test_directory_in_use_is_refused(tmp_path):
    with_lock = workdir.open_directory(tmp_path, matches=bool)
    with pytest.raises(ValueError, match="in use by another process"):
        loop_runs.run(tmp_path)
    with_lock.close()
    loop_runs.run(tmp_path, epochs=1)


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
    with pytest.raises(failures.NotFiniteError) as error:
        loop_runs.run(path, splits=splits, callbacks=[callback])
    text = str(error.value)
    assert "in step 3 of epoch 2" in text
    expected = pipeline.filenames_of_step(
        train, "train", batch_size=loop_runs.BATCH_SIZE, seed=0, epoch=1, step=2
    )
    assert len(expected) == loop_runs.BATCH_SIZE
    assert f"Its images are: {', '.join(expected)}." in text
    # The last good state is there, and is gone on from.
    result = loop_runs.run(path, splits=splits)
    assert len(result.records) == 2
    assert np.isfinite(result.records[-1]["loss"])


def test_weights_that_are_not_finite_reach_no_checkpoint(tmp_path):
    def poison(batch, logs):
        weight = callback.model.trainable_variables[0]
        weight.assign(weight.numpy() * np.inf)

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=poison)
    with pytest.raises(failures.NotFiniteError, match="not finite any more"):
        loop_runs.run(
            tmp_path, callbacks=[callback], checkpoint_every_steps=1
        )
    assert list((tmp_path / "checkpoints").glob("checkpoint-*")) == []


def test_early_stopping_keeps_the_best_and_the_last_model(tmp_path, capsys):
    result = loop_runs.run(
        tmp_path,
        epochs=20,
        learning_rate=0.5,
        monitor="val_loss",
        early_stopping_patience=2,
    )
    losses = [record["val_loss"] for record in result.records]
    assert len(losses) < 20
    best = int(np.argmin(losses))
    assert len(losses) == best + 3
    assert "val_loss has not become better for 2" in capsys.readouterr().out
    validation = loop_runs.make_splits().validation
    images = validation.images.numpy() * np.float32(1 / 255)
    for name, value in (("best", losses[best]), ("model", losses[-1])):
        model = keras.models.load_model(tmp_path / f"{name}.keras")
        scores = model.predict(images, verbose=0)
        loss = keras.losses.categorical_crossentropy(
            np.eye(2)[validation.labels], scores
        )
        assert float(np.mean(loss)) == pytest.approx(value, rel=1e-4)
    # More patience goes on; the same has nothing left to do.
    again = loop_runs.run(
        tmp_path,
        epochs=20,
        learning_rate=0.5,
        monitor="val_loss",
        early_stopping_patience=2,
    )
    assert len(again.records) == len(losses)


def test_several_steps_an_execution_change_no_bit(whole, tmp_path):
    # Three does not divide the four steps of an epoch.
    result = loop_runs.run(tmp_path, steps_per_execution=3, **FIELDS)
    assert_same_run(result, whole)
