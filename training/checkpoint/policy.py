"""When a run writes a checkpoint, and how it fails if it cannot."""

import contextlib
import errno
import time

import numpy as np

from training import errors
from training.checkpoint import store
from training.workdir import files

_CANNOT_WRITE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
)


class Keeper:
    """Writes the checkpoints of a run, when they are due."""

    def __init__(self, config, directory, model, averages):
        """Starts counting.

        Args:
            config: `TrainConfig`.
            directory: The run's directory; None where nothing is written.
            model: The `keras.Model` that is trained.
            averages: Its `averaging.WeightAverages`, if there are any.
        """
        self._every_steps = config.checkpoint_every_steps
        self._every_seconds = 60 * config.checkpoint_every_minutes
        self._model = model
        self._averages = averages
        self._store = None
        if directory is not None:
            self._store = store.CheckpointStore(
                directory / files.CHECKPOINTS_DIR, config.keep_checkpoints
            )
        self._last_step = 0
        self._last_time = time.monotonic()

    def start_from(self, position):
        """Counts steps and minutes from a position on."""
        self._last_step = position.global_step
        self._last_time = time.monotonic()

    def save_if_due(self, position):
        """Writes a checkpoint if so many steps, or minutes, have passed."""
        steps = position.global_step - self._last_step
        seconds = time.monotonic() - self._last_time
        if (0 < self._every_steps <= steps) or (
            0 < self._every_seconds <= seconds
        ):
            self.save(position)

    def save(self, position):
        """Writes a checkpoint.

        Args:
            position: `state.Position`.

        Raises:
            NotFiniteError: If a weight is not finite: nothing is written.
            StorageError: If it cannot be written.
        """
        self.start_from(position)
        # A loss that is not finite is about to be reported with its step.
        if self._store and np.isfinite(position.progress.totals.numpy()).all():
            self._store.save(
                position.to_checkpoint(self._model, self._averages)
            )


@contextlib.contextmanager
def writing_to(directory):
    """Turns an error of a full or read-only disk into one that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise errors.StorageError(
            f"Files of the run could not be written to {directory}: "
            f"{error.strerror}. Its checkpoints are whole: make room or give "
            "access, and run the same command again."
        ) from error
