"""Progress bar, TensorBoard and profile of a run."""

import io
import sys

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2
import tensorflow as tf

from tests.helpers import loop_runs
from training import callbacks
from training.loop import throughput as throughput_lib
from training.workdir import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drive(bar, meter, steps=4):
    """Goes through an epoch as the loop does."""
    bar.set_params({"epochs": 3, "steps": steps})
    bar.on_epoch_begin(1)
    meter.start(10 * steps)
    for step in range(steps):
        meter.add(10)
        bar.on_train_batch_end(step, {"loss": 0.5, "accuracy": 0.75})
    bar.on_test_begin()


def test_bar_tells_what_an_epoch_does():
    meter, terminal = throughput_lib.ThroughputMeter(), Terminal()
    bar = callbacks.ProgressBar(meter, stream=terminal, refresh_seconds=0)
    drive(bar, meter)
    text = terminal.getvalue()
    for part in (
        "Epoch 2/3",
        "100%",
        "40/40 images",
        "/s",
        "left",
        "input wait",
        "loss 0.5000",
        "accuracy 0.7500",
        "validating",
    ):
        assert part in text, part
    bar.on_epoch_end(1, {})
    # What follows begins on a clean line.
    assert terminal.getvalue().endswith("\r")


def test_line_of_an_epoch_comes_above_the_bar_of_the_next(monkeypatch):
    meter, terminal = throughput_lib.ThroughputMeter(), Terminal()
    bar = callbacks.ProgressBar(meter, stream=terminal, refresh_seconds=0)
    drive(bar, meter)
    monkeypatch.setattr(sys, "stdout", terminal)
    names = ("seconds", "images_per_second", "loss", "accuracy", "auc")
    record = {"epoch": 1} | dict.fromkeys(names, 0.5)
    record |= dict.fromkeys(("val_loss", "val_accuracy", "val_auc"), 0.5)
    console.print_epoch(record, 3)
    before, _, after = terminal.getvalue().rpartition("Epoch 1/3  0.5 s")
    assert before.endswith(" \r")
    assert "\n" in after
    assert after.partition("\n")[2].startswith("\rEpoch 2/3")
    bar.close()


def test_bar_looks_at_the_device_only_when_it_is_drawn():
    class Costly(dict):
        def __getitem__(self, name):
            looks.append(name)
            return 0.5

    looks, meter = [], throughput_lib.ThroughputMeter()
    bar = callbacks.ProgressBar(meter, stream=Terminal(), refresh_seconds=3600)
    bar.set_params({"epochs": 1, "steps": 9})
    bar.on_epoch_begin(0)
    meter.start(9)
    for step in range(9):
        meter.add(1)
        bar.on_train_batch_end(step, Costly())
    bar.close()
    assert looks == ["loss", "accuracy"]


def test_bar_is_silent_where_there_is_no_terminal():
    meter, stream = throughput_lib.ThroughputMeter(), io.StringIO()
    drive(callbacks.ProgressBar(meter, stream=stream), meter)
    assert stream.getvalue() == ""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in two parts, profiled in the second."""
    workdir = tmp_path_factory.mktemp("watched")
    loop_runs.run(workdir, epochs=1, augment=loop_runs.AUGMENT)
    return loop_runs.run(
        workdir, epochs=2, augment=loop_runs.AUGMENT, profile=(5, 7)
    )


def read_events(directory):
    events = event_accumulator.EventAccumulator(
        str(directory), size_guidance={event_accumulator.IMAGES: 0}
    )
    events.Reload()
    return events


def scalars(events, tag):
    return {
        event.step: float(tf.make_ndarray(event.tensor_proto))
        for event in events.Tensors(tag)
    }


def test_tensorboard_has_scalars_of_steps_and_epochs(run):
    train = read_events(run.workdir / "tensorboard" / "train")
    # Four steps an epoch, counted through both parts.
    rates = scalars(train, "step_learning_rate")
    assert list(rates) == list(range(1, 9))
    assert list(rates.values()) == pytest.approx([0.005] * 8)
    for tag in ("step_loss", "step_images_per_second", "step_input_wait_share"):
        assert len(scalars(train, tag)) == 8
    validation = read_events(run.workdir / "tensorboard" / "validation")
    assert scalars(validation, "epoch_auc") == {
        record["epoch"]: pytest.approx(record["val_auc"])
        for record in run.records
    }
    assert scalars(train, "epoch_loss") == {
        record["epoch"]: pytest.approx(record["loss"]) for record in run.records
    }


def test_tensorboard_shows_the_augmented_images_once(run):
    train = read_events(run.workdir / "tensorboard" / "train")
    (event,) = train.Tensors("augmented")
    width, height, *images = event.tensor_proto.string_val
    assert (int(width), int(height)) == (64, 64)
    assert len(images) == 24 and images[0][1:4] == b"PNG"


def test_tensorboard_tells_runs_apart_by_their_settings(run):
    validation = read_events(run.workdir / "tensorboard" / "validation")
    content = validation.SummaryMetadata(
        "_hparams_/session_start_info"
    ).plugin_data.content
    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    hparams = data.session_start_info.hparams
    assert hparams["model"].string_value == "lesson"
    assert hparams["learning_rate"].number_value == 0.005
    assert hparams["vertical_flip"].bool_value is True


def test_profile_is_written_for_the_steps_asked_for(run):
    profiles = run.workdir / "tensorboard" / "plugins" / "profile"
    assert list(profiles.glob("*/*.xplane.pb"))


def test_profile_within_an_execution_is_one_of_all_its_steps(tmp_path):
    loop_runs.run(tmp_path, epochs=1, profile=(2, 3), steps_per_execution=4)
    profiles = tmp_path / "tensorboard" / "plugins" / "profile"
    assert list(profiles.glob("*/*.xplane.pb"))


def test_profile_beyond_the_end_is_reported(tmp_path, capsys):
    loop_runs.run(tmp_path, epochs=1, profile=(50, 60))
    assert "did not come through steps 50 to 59" in capsys.readouterr().out
    assert not (tmp_path / "tensorboard" / "plugins").exists()


def test_callbacks_end_what_they_began_when_a_run_fails(tmp_path):
    def fail(batch, logs):
        raise ZeroDivisionError

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(ZeroDivisionError):
        loop_runs.run(tmp_path, callbacks=[callback], profile=(1, 9))
    # Another profile could not be started if that one still ran.
    loop_runs.run(tmp_path, epochs=1, profile=(1, 3))
    profiles = tmp_path / "tensorboard" / "plugins" / "profile"
    assert np.all([p.stat().st_size for p in profiles.glob("*/*.xplane.pb")])
