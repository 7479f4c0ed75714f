"""When a run writes a checkpoint, and how: while it trains on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
import pathlib
import time

import keras

from training import config as config_lib
from training import errors
from training.checkpoint import state as state_lib
from training.checkpoint import store
from training.model import averaging
from training.workdir import files


class CheckpointPolicy:
    """Writes the checkpoints of a run when they are due.

    A run waits for the copy of its variables, not for the disk. There is one
    such copy at a time: the next checkpoint waits until the last is written.
    """

    def __init__(
        self,
        config: config_lib.TrainConfig,
        directory: pathlib.Path | None,
        model: keras.Model,
        averages: averaging.WeightAverages | None,
    ) -> None:
        """Starts counting.

        Args:
            config: How often to write, and how many to keep.
            directory: The run's; None where nothing is written.
            model: That is trained.
            averages: Of its weights, if there are any.
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
        self._executor = futures.ThreadPoolExecutor(
            1, thread_name_prefix="checkpoints"
        )
        self._writing: futures.Future[None] | None = None
        self._when_written: Callable[[], None] | None = None

    def start(self, state: state_lib.TrainState) -> None:
        """Counts steps and minutes from a state on."""
        self._last_step = state.global_step
        self._last_time = time.monotonic()

    def save_if_due(self, state: state_lib.TrainState) -> None:
        """Begins a checkpoint if so many steps, or minutes, have passed.

        Raises:
            NotFiniteError: If a weight is not finite: nothing is written.
            StorageError: If the last one could not be written.
        """
        if self._writing is not None and self._writing.done():
            self.wait()
        steps = state.global_step - self._last_step
        seconds = time.monotonic() - self._last_time
        if (0 < self._every_steps <= steps) or (
            0 < self._every_seconds <= seconds
        ):
            self.save(state)

    def save(
        self,
        state: state_lib.TrainState,
        when_written: Callable[[], None] | None = None,
    ) -> None:
        """Begins to write a checkpoint, once the last one is written.

        Args:
            state: As it is now: later steps do not change what is written.
            when_written: Called as soon as the checkpoint is on the disk, by
                the thread that trains, between two steps: it may print.

        Raises:
            NotFiniteError: If a weight is not finite: nothing is written.
            StorageError: If the last one could not be written.
        """
        self.wait()
        self.start(state)
        # A loss that is not finite is about to be reported with its step.
        if self._store and state.progress.is_finite:
            self._writing = self._executor.submit(
                self._store.save,
                state.to_checkpoint(self._model, self._averages),
            )
        self._when_written = when_written

    def wait(self) -> None:
        """Returns when the last checkpoint is on the disk.

        Raises:
            StorageError: If it could not be written.
        """
        if self._writing is not None:
            # A second Ctrl-C ends this, and the end of the block waits again.
            futures.wait([self._writing])
        writing, self._writing = self._writing, None
        when_written, self._when_written = self._when_written, None
        if writing is not None:
            writing.result()
        if when_written is not None:
            when_written()

    def __enter__(self) -> CheckpointPolicy:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, *unused: object
    ) -> None:
        """Waits, however the run ends; raises what `wait` does.

        Of two errors the one that ended the run is told.
        """
        try:
            self.wait()
        except (errors.StorageError, OSError):
            if kind is None:
                raise
        finally:
            self._executor.shutdown()
