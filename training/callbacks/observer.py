"""What all observers have in common."""

import keras


class Observer(keras.callbacks.Callback):
    """A callback of Keras's that is told one thing more: that it is over.

    Logs of batches are scalar tensors; to look at one waits for the device.
    """

    def close(self):
        """Called once, however the run ends."""
