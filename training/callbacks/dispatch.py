"""Calls a user's callbacks, and those of every run, as Keras's `fit` does."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from training.callbacks import base

# What "auto" means for the metrics whose direction Keras cannot know.
_HIGHER_IS_BETTER = ("accuracy", "auc")


class Callbacks:
    """Calls callbacks as Keras's `fit` does.

    A user's and ours differ in the logs of a batch: the user's get floats, for
    which the host waits until the device is done; ours get tensors and decide
    themselves when to look.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        defaults: Sequence[base.DefaultCallback] = (),
        *,
        epochs: int = 1,
        steps: int = 1,
    ) -> None:
        """Makes them known to the model.

        Args:
            model: That is trained.
            callbacks: A user's.
            defaults: Those of every run.
            epochs: Of the run.
            steps: Global batches in an epoch.
        """
        self._list = keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            model=model,
            verbose=0,
            epochs=epochs,
            steps=steps,
        )
        self._defaults = list(defaults)
        for callback in self._defaults:
            callback.set_model(model)
            callback.set_params(self._list.params)
        for callback in self._list.callbacks:
            # Keras looks at it when the first epoch ends, and knows directions
            # of metrics that `compile` was given only (3.15). Another's
            # callback may use these names for anything.
            watched = str(getattr(callback, "monitor", "")).removeprefix("val_")
            is_auto = getattr(callback, "mode", None) == "auto"
            if watched in _HIGHER_IS_BETTER and is_auto:
                callback.mode = "max"

    def on_train_begin(self) -> None:
        """Once, before the first epoch of this process."""
        self._call("on_train_begin")

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Once, after the last epoch."""
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch, or the rest of one."""
        self._call("on_epoch_begin", epoch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """After an epoch and its validation."""
        self._call("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, step: int) -> None:
        """Before an execution; `step` is its first."""
        self._call("on_train_batch_begin", step)

    def on_train_batch_end(
        self, step: int, logs: Mapping[str, tf.Tensor]
    ) -> None:
        """After an execution; `step` is its last, `logs` are scalars."""
        self._call("on_train_batch_end", step, logs)

    def on_test_begin(self) -> None:
        """Before a validation."""
        self._call("on_test_begin")

    def on_test_end(self, logs: Mapping[str, float]) -> None:
        """After a validation."""
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, step: int) -> None:
        """As `on_train_batch_begin`."""
        self._call("on_test_batch_begin", step)

    def on_test_batch_end(
        self, step: int, logs: Mapping[str, tf.Tensor]
    ) -> None:
        """As `on_train_batch_end`."""
        self._call("on_test_batch_end", step, logs)

    def close(self) -> None:
        """Lets ours end what they have begun, however the run ends."""
        for callback in self._defaults:
            callback.close()

    def _call(self, hook: str, *arguments: Any) -> None:
        for listener in (self._list, *self._defaults):
            getattr(listener, hook)(*arguments)
