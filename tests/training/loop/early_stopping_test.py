"""The best epoch, against Keras's own callbacks."""

import keras
import numpy as np
import pytest

from training.loop import early_stopping

HISTORIES = {
    "rising": [0.5, 0.6, 0.7, 0.8],
    "peak": [0.5, 0.9, 0.8, 0.7, 0.6, 0.95],
    "ties": [0.5, 0.5, 0.5, 0.5],
    "gap": [0.5, float("nan"), 0.7, 0.6, 0.6, 0.6],
}


@pytest.mark.parametrize("monitor", ["val_auc", "val_accuracy", "val_loss"])
@pytest.mark.parametrize("patience", [1, 2])
@pytest.mark.parametrize("history", HISTORIES)
def test_best_and_end_are_those_of_keras(history, patience, monitor):
    values = np.array(HISTORIES[history])
    if monitor == "val_loss":
        values = -values
    ours = early_stopping.EarlyStopping(monitor, patience)
    keras_own = keras.callbacks.EarlyStopping(
        monitor,
        patience=patience,
        mode="min" if monitor == "val_loss" else "max",
    )
    model = keras.Sequential([keras.Input((1,))])
    model.stop_training = False
    keras_own.set_model(model)
    keras_own.on_train_begin()
    for epoch, value in enumerate(values):
        ours.update(epoch, {monitor: value})
        keras_own.on_epoch_end(epoch, {monitor: value})
        assert ours.best == keras_own.best
        assert ours.best_epoch == keras_own.best_epoch
        assert ours.should_stop == model.stop_training
        if ours.should_stop:
            break


def test_no_patience_never_stops():
    chosen = early_stopping.EarlyStopping("val_auc")
    assert [chosen.update(e, {"val_auc": 0.5}) for e in range(9)] == (
        [True] + [False] * 8
    )
    assert not chosen.should_stop


def test_last_epoch_is_the_best_of_epochs():
    chosen = early_stopping.EarlyStopping("epoch")
    for epoch, value in enumerate(HISTORIES["peak"]):
        assert chosen.update(epoch, {"val_auc": value})
    assert chosen.best_epoch == len(HISTORIES["peak"]) - 1


def test_undefined_metric_is_never_the_best_and_ends_the_patience():
    chosen = early_stopping.EarlyStopping("val_auc", 2)
    for epoch in range(2):
        assert not chosen.update(epoch, {"val_auc": float("nan")})
    assert chosen.best is None and chosen.should_stop


def test_state_gives_it_back():
    chosen = early_stopping.EarlyStopping("val_loss", 3)
    for epoch, value in enumerate((0.9, 0.4, 0.6)):
        chosen.update(epoch, {"val_loss": value})
    again = early_stopping.EarlyStopping("val_loss", 3)
    again.restore(chosen.to_state())
    assert again == chosen
    assert (again.best, again.best_epoch, again.wait) == (0.4, 1, 1)
