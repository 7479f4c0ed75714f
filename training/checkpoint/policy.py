"""When a run writes a checkpoint."""

from __future__ import annotations

import pathlib
import time

import keras

from training import config as config_lib
from training.checkpoint import state as state_lib
from training.checkpoint import store
from training.model import averaging
from training.workdir import files


class CheckpointPolicy:
    """Writes the checkpoints of a run when they are due."""

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

    def start(self, state: state_lib.TrainState) -> None:
        """Counts steps and minutes from a state on."""
        self._last_step = state.global_step
        self._last_time = time.monotonic()

    def save_if_due(self, state: state_lib.TrainState) -> None:
        """Writes a checkpoint if so many steps, or minutes, have passed."""
        steps = state.global_step - self._last_step
        seconds = time.monotonic() - self._last_time
        if (0 < self._every_steps <= steps) or (
            0 < self._every_seconds <= seconds
        ):
            self.save(state)

    def save(self, state: state_lib.TrainState) -> None:
        """Writes a checkpoint.

        Raises:
            NotFiniteError: If a weight is not finite: nothing is written.
            StorageError: If it cannot be written.
        """
        self.start(state)
        # A loss that is not finite is about to be reported with its step.
        if self._store and state.progress.is_finite:
            self._store.save(state.to_checkpoint(self._model, self._averages))
