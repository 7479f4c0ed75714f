"""Keras's callbacks, driven by our loop as by `fit`."""

import csv

import keras
import numpy as np
import pytest

import pipeline
from tests.helpers import loop_runs
from training.callbacks import dispatch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished loop_runs.run on one device, for tests that only look."""
    return loop_runs.run(
        tmp_path_factory.mktemp("finished"), augment=loop_runs.AUGMENT
    )


class _Recorder(keras.callbacks.Callback):
    """Writes down every hook with the names in its logs."""

    def __init__(self):
        super().__init__()
        self.events = []

    def _note(self, event, logs):
        self.events.append((event, tuple(logs or ())))
        for value in (logs or {}).values():
            assert isinstance(value, float)

    def on_train_begin(self, logs=None):
        self._note("train_begin", logs)

    def on_train_end(self, logs=None):
        self._note("train_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._note(f"epoch_begin {epoch}", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._note(f"epoch_end {epoch}", sorted_logs(logs))

    def on_train_batch_begin(self, batch, logs=None):
        self._note(f"train_batch_begin {batch}", logs)

    def on_train_batch_end(self, batch, logs=None):
        self._note(f"train_batch_end {batch}", sorted_logs(logs))

    def on_test_begin(self, logs=None):
        self._note("test_begin", logs)

    def on_test_batch_begin(self, batch, logs=None):
        self._note(f"test_batch_begin {batch}", logs)

    def on_test_batch_end(self, batch, logs=None):
        self._note(f"test_batch_end {batch}", sorted_logs(logs))

    def on_test_end(self, logs=None):
        self._note("test_end", sorted_logs(logs))


def sorted_logs(logs):
    """The logs without the metric `fit` cannot compute exactly, by name."""
    return {k: logs[k] for k in sorted(logs) if not k.endswith("auc")}


def test_callbacks_are_called_as_by_fit(tmp_path):
    ours, keras_own = _Recorder(), _Recorder()
    splits = loop_runs.make_splits()
    result = loop_runs.run(tmp_path, splits=splits, callbacks=[ours])
    arguments = {"batch_size": loop_runs.BATCH_SIZE}
    result.model.fit(
        pipeline.make_eval_dataset(splits.train, "train", **arguments),
        validation_data=pipeline.make_eval_dataset(
            splits.validation, "validation", **arguments
        ),
        epochs=2,
        callbacks=[keras_own],
        verbose=0,
    )
    ends = [i for i, e in enumerate(ours.events) if e[0] == "train_end"]
    assert [e for e, _ in ours.events] == [e for e, _ in keras_own.events]
    assert ends == [len(ours.events) - 1]
    in_batches = [
        [e for e in recorder.events if "epoch" in e[0] or "batch" in e[0]]
        for recorder in (ours, keras_own)
    ]
    assert in_batches[0] == in_batches[1]


def test_history_has_the_logs_of_each_epoch(finished):
    history = finished.model.history.history
    assert history["val_auc"] == [r["val_auc"] for r in finished.records]
    assert history["loss"] == [r["loss"] for r in finished.records]


def test_early_stopping_stops_and_restores_the_best_weights(tmp_path):
    # At this learning rate training falls apart at once.
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=1, restore_best_weights=True
    )
    result = loop_runs.run(
        tmp_path, epochs=20, learning_rate=0.5, callbacks=[stopping]
    )
    losses = [record["val_loss"] for record in result.records]
    assert len(losses) < 20
    assert min(losses) == losses[-2]
    validation = loop_runs.make_splits().validation
    images = validation.images.numpy() * np.float32(1 / 255)
    loss = keras.losses.categorical_crossentropy(
        np.eye(2)[validation.labels], result.model.predict(images, verbose=0)
    )
    assert float(np.mean(loss)) == pytest.approx(min(losses), rel=1e-4)


def test_model_checkpoint_keeps_the_best_auc_without_being_told_max(tmp_path):
    path = tmp_path / "best.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(
        path, monitor="val_auc", save_best_only=True
    )
    result = loop_runs.run(
        tmp_path / "loop_runs.run", epochs=3, callbacks=[checkpoint]
    )
    best = max(record["val_auc"] for record in result.records)
    assert checkpoint.best == best
    assert keras.models.load_model(path).count_params() > 0


@pytest.mark.parametrize("monitor", [None, "val_auc"])
def test_callback_may_have_a_monitor_of_its_own(monitor):
    callback = keras.callbacks.Callback()
    callback.monitor = monitor
    dispatch.Callbacks(keras.Sequential(), [callback])
    assert not hasattr(callback, "mode")


def test_learning_rate_callbacks_reach_the_optimizer(tmp_path):
    # The schedule switches learning off from the second epoch on.
    weights = []
    result = loop_runs.run(
        tmp_path,
        epochs=3,
        callbacks=[
            keras.callbacks.LearningRateScheduler(
                lambda epoch, rate: rate if epoch == 0 else 0.0
            ),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: weights.append(
                    float(logs["val_loss"])
                )
            ),
        ],
    )
    assert weights[0] == weights[1] == weights[2]
    assert float(result.model.optimizer.learning_rate) == 0


def test_reduce_lr_on_plateau_lowers_the_learning_rate(tmp_path):
    result = loop_runs.run(
        tmp_path,
        epochs=4,
        learning_rate=1e-12,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau("val_auc", factor=0.5, patience=1)
        ],
    )
    # The first epoch sets the mark, each of the three after it falls short.
    rate = float(result.model.optimizer.learning_rate)
    assert rate == pytest.approx(1e-12 / 8)


def test_csv_logger_writes_the_logs(tmp_path):
    path = tmp_path / "log.csv"
    result = loop_runs.run(
        tmp_path / "loop_runs.run", callbacks=[keras.callbacks.CSVLogger(path)]
    )
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_auc"]) for row in rows] == [
        record["val_auc"] for record in result.records
    ]
