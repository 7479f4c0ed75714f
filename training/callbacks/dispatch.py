"""Who is told what happens in a run: a user's callbacks, and our observers."""

import keras

# What "auto" means for the metrics whose direction Keras cannot know.
_HIGHER_IS_BETTER = ("accuracy", "auc")


class Callbacks:
    """Calls Keras's callbacks and our observers as `fit` calls callbacks.

    They differ in the logs of a batch: callbacks get floats, for which the
    host waits until the device is done; observers get tensors and decide
    themselves when to look.
    """

    def __init__(self, model, callbacks=(), observers=(), *, epochs=1, steps=1):
        """Makes them known to the model.

        Args:
            model: The `keras.Model` that is trained.
            callbacks: A user's `keras.callbacks.Callback`s.
            observers: Ours, of the same class.
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
        self._observers = list(observers)
        for observer in self._observers:
            observer.set_model(model)
            observer.set_params(self._list.params)
        for callback in self._list.callbacks:
            watched = getattr(callback, "monitor", "").removeprefix("val_")
            if watched in _HIGHER_IS_BETTER and callback.mode == "auto":
                callback.mode = "max"

    def on_train_begin(self):
        """Once, before the first epoch of this process."""
        self._call("on_train_begin")

    def on_train_end(self, logs=None):
        """Once, after the last epoch."""
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch):
        """Before an epoch, or the rest of one."""
        self._call("on_epoch_begin", epoch)

    def on_epoch_end(self, epoch, logs):
        """After an epoch and its validation; `logs` are floats by name."""
        self._call("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, step):
        """Before an execution; `step` is its first."""
        self._call("on_train_batch_begin", step)

    def on_train_batch_end(self, step, logs):
        """After an execution; `step` is its last, `logs` scalar tensors."""
        self._call("on_train_batch_end", step, logs)

    def on_test_begin(self):
        """Before a validation."""
        self._call("on_test_begin")

    def on_test_end(self, logs):
        """After a validation."""
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, step):
        """As `on_train_batch_begin`."""
        self._call("on_test_batch_begin", step)

    def on_test_batch_end(self, step, logs):
        """As `on_train_batch_end`."""
        self._call("on_test_batch_end", step, logs)

    def close(self):
        """Lets observers end what they have begun, however the run ends."""
        for observer in self._observers:
            observer.close()

    def _call(self, hook, *arguments):
        for listener in (self._list, *self._observers):
            getattr(listener, hook)(*arguments)
