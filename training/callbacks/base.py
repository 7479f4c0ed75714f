"""What the callbacks of every run have in common."""

import keras


class DefaultCallback(keras.callbacks.Callback):
    """A callback of Keras's with one more hook: the end, however it comes.

    Logs of batches are scalar tensors; to look at one waits for the device.
    """

    def close(self) -> None:
        """Called once, however the run ends."""
