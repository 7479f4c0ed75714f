"""Runs that are resumed have the bits of runs that were not ended."""

import json
import signal

import keras
import numpy as np
import pytest

from tests.helpers import loop_runs
from training import config as config_lib
from training.checkpoint import resume

FIELDS = loop_runs.STATEFUL | {"epochs": 3}


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


# The first step, one in the middle, the last of an epoch, one of the next, and
# the very last.
@pytest.mark.parametrize("step", [1, 3, 4, 6, 12])
def test_run_after_a_signal_has_the_bits_of_one_without(step, whole, tmp_path):
    path = tmp_path / "run"
    first = loop_runs.run(path, callbacks=[loop_runs.stop_at(step)], **FIELDS)
    assert first.signum == signal.SIGTERM
    assert len(first.records) == (step - 1) // loop_runs.STEPS_PER_EPOCH
    second = loop_runs.run(path, **FIELDS)
    assert second.signum is None
    assert_same_run(second, whole)
    # What the first part did was not done again.
    iterations = second.model.optimizer.iterations
    assert int(iterations.numpy()) == 3 * loop_runs.STEPS_PER_EPOCH


def test_run_is_resumed_from_a_checkpoint_within_an_epoch(whole, tmp_path):
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


def test_damaged_newest_checkpoint_is_reported_and_skipped(
    whole, tmp_path, capsys
):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(6)], **FIELDS)
    newest = sorted((path / "checkpoints").iterdir())[-1]
    data = (newest / "arrays.npz").read_bytes()
    (newest / "arrays.npz").write_bytes(data[: len(data) // 2])
    capsys.readouterr()
    second = loop_runs.run(path, **FIELDS)
    output = capsys.readouterr().out
    assert f"Skipped a damaged checkpoint: {newest.name}" in output
    assert "(epoch 2, step 0)" in output
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


class Worker:
    """One end of a channel that is a list."""

    def __init__(self, frames, is_chief):
        self.frames, self.is_chief = frames, is_chief
        self.agreed = []

    def agree(self, name, value):
        self.agreed.append((name, value))

    def broadcast(self, data):
        if self.is_chief:
            self.frames.append(bytes(data))
            return data
        return self.frames.pop(0)


def test_other_workers_get_the_checkpoint_array_by_array(tmp_path):
    path = tmp_path / "run"
    loop_runs.run(path, callbacks=[loop_runs.stop_at(6)], **FIELDS)
    config = config_lib.TrainConfig(
        workdir=str(path), batch_size=loop_runs.BATCH_SIZE, **FIELDS
    )
    frames = []
    data = json.loads((path / "run.json").read_text())["data"]
    sent = resume.start_run(config, data, Worker(frames, True))
    sent.directory.close()
    largest = max(a.nbytes for a in sent.checkpoint.arrays.values())
    assert max(map(len, frames[1:])) == largest
    received = resume.start_run(config, data, Worker(frames, False))
    assert frames == [] and received.directory is None
    assert received.checkpoint.state == sent.checkpoint.state
    for name, array in sent.checkpoint.arrays.items():
        other = received.checkpoint.arrays[name]
        assert other.dtype == array.dtype
        np.testing.assert_array_equal(other, array)


def test_several_steps_an_execution_change_no_bit(whole, tmp_path):
    # Three does not divide the four steps of an epoch.
    result = loop_runs.run(tmp_path, steps_per_execution=3, **FIELDS)
    assert_same_run(result, whole)


@pytest.mark.parametrize(
    "fields",
    [{"epochs": 3}, {"early_stopping_patience": 1}, {"steps_per_execution": 2}],
)
def test_workers_agree_on_what_decides_when_they_end(fields):
    # Else one waits for ever for steps that the other does not take.
    header = json.dumps({"state": None, "changed": [], "is_finished": False})
    agreed = []
    for options in ({}, fields):
        worker = Worker([header], False)
        config = config_lib.TrainConfig(**options)
        resume.start_run(config, "data", worker)
        agreed.append(dict(worker.agreed)["the options"])
    assert agreed[0] != agreed[1]
