"""Signals as requests to stop: by themselves, and to a run."""

import json
import signal
import threading

import keras
import pytest

from tests.helpers import loop_runs
from training.loop import signals


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_to_stop(signum):
    before = signal.getsignal(signum)
    with signals.stop_on_signals() as stop:
        assert not stop and stop.signum is None
        signal.raise_signal(signum)
        assert stop
        assert stop.signum == signum
    assert signal.getsignal(signum) == before


def test_callback_that_stops_training_ends_the_epoch_and_the_run(tmp_path):
    """As in `fit`, which validates then."""

    def stop(batch, logs):
        callback.model.stop_training = batch == 1

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
    result = loop_runs.run(tmp_path, callbacks=[callback], batch_size=4)
    assert result.signum is None
    (record,) = result.records  # Three batches of validation.
    assert record["partial"] and "val_auc" in record
    assert json.loads((tmp_path / "run.json").read_text())["finished"]
    assert (tmp_path / "best.keras").exists()


@pytest.fixture
def python_sigint():
    """Python's own Ctrl-C, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_sigint")
def test_second_signal_acts_as_before():
    with pytest.raises(KeyboardInterrupt):
        with signals.stop_on_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_put_back_after_an_error():
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError):
        with signals.stop_on_signals():
            raise ZeroDivisionError
    after = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert before == after


def test_other_threads_go_without():
    stops = []

    def work():
        with signals.stop_on_signals() as stop:
            stops.append(stop)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(stops) == 1 and not stops[0]


@pytest.mark.parametrize(
    "signum, name",
    [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")],
)
def test_signal_ends_after_the_step_and_leaves_a_usable_workdir(
    signum, name, tmp_path, capsys
):
    def send(batch, logs):
        if len(seen) == 1 and batch == 1:
            signal.raise_signal(signum)

    seen = []
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    result = loop_runs.run(
        tmp_path,
        epochs=9,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=send,
                on_epoch_end=lambda epoch, logs: seen.append(epoch),
            )
        ],
    )
    after = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert result.signum == signum
    assert before == after
    # One epoch of four steps, and two steps of the second.
    assert int(result.model.optimizer.iterations.numpy()) == 6
    assert [r["epoch"] for r in loop_runs.read_metrics(tmp_path)] == [1]
    info = json.loads((tmp_path / "model.json").read_text())
    assert info["stopped_by"] == name and info["epochs"] == 1
    saved = keras.models.load_model(tmp_path / "model.keras")
    assert loop_runs.max_difference(saved, result.model) == 0
    assert (tmp_path / "curves.png").exists()
    assert f"Stopped by {name} after 1 epoch" in capsys.readouterr().out


def test_signal_before_the_first_epoch_ends_leaves_a_model(tmp_path):
    result = loop_runs.run(
        tmp_path,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: signal.raise_signal(
                    signal.SIGTERM
                )
            )
        ],
    )
    assert result.records == []
    assert keras.models.load_model(tmp_path / "model.keras")
    assert not (tmp_path / "curves.png").exists()
