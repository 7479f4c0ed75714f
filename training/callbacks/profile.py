"""A profile of some steps, for TensorBoard's profiler."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf

from training.callbacks import base


class Profiler(base.DefaultCallback):
    """Profiles the steps from `start` up to, and without, `stop`."""

    def __init__(
        self,
        directory: pathlib.Path,
        start: int,
        stop: int,
        *,
        steps_per_execution: int = 1,
    ) -> None:
        """Waits for the step.

        Args:
            directory: Of the events.
            start: First step, counted through all epochs from 1.
            stop: The step after the last.
            steps_per_execution: Those of an execution are profiled together.
        """
        super().__init__()
        self._steps_per_execution = steps_per_execution
        self._directory = directory
        self._start, self._stop = start, stop
        self._is_running = False
        self._is_done = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Notes the epoch, by which steps are counted on."""
        self._steps_before = epoch * self.params["steps"]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Starts before the execution of the first step that is left."""
        first = self._steps_before + batch + 1
        end = first + self._steps_per_execution
        is_due = first < self._stop and self._start < end
        if is_due and not (self._is_done or self._is_running):
            tf.profiler.experimental.start(str(self._directory))
            self._is_running = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stops after the last step."""
        if self._is_running and self._steps_before + batch + 2 >= self._stop:
            # What is under way on a device is part of the profile.
            float(logs["loss"])
            self._finish()

    def close(self) -> None:
        """Stops what still runs, or says that there was nothing to profile."""
        if self._is_running:
            self._finish()
        elif not self._is_done:
            print(
                f"No profile was written: the run did not come through steps "
                f"{self._start} to {self._stop - 1}."
            )

    def _finish(self) -> None:
        tf.profiler.experimental.stop()
        self._is_running, self._is_done = False, True
        print(f"A profile is in {self._directory / 'plugins' / 'profile'}")
