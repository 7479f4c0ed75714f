"""A run in progress: its epochs, its checkpoints, its end."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import signal
import time
import typing

import keras
import tensorflow as tf

from training import callbacks as callbacks_lib
from training import config as config_lib
from training import errors
from training.callbacks import dispatch
from training.checkpoint import policy as policy_lib
from training.checkpoint import resume
from training.checkpoint import state as state_lib
from training.loop import epoch_metrics
from training.loop import runner
from training.loop import signals
from training.loop import strategy as strategy_lib
from training.model import averaging
from training.workdir import run_files

if typing.TYPE_CHECKING:
    from training.data import inputs as inputs_lib
    from training.loop import building

# More would not help anyone to find the image.
_MOST_FILENAMES = 64


class Run:
    """Goes through the epochs that are left, and leaves everything on disk.

    Attributes:
        state: How far it has come.
    """

    def __init__(
        self,
        config: config_lib.TrainConfig,
        strategy: tf.distribute.Strategy,
        parts: building.Parts,
        inputs: inputs_lib.Inputs,
        start: resume.Start,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        """Stands where the checkpoint of `start` was written.

        Args:
            config: What to train, and how.
            strategy: That the parts were built for.
            parts: What is trained, and what trains it.
            inputs: What it is fed with.
            start: How the run starts.
            callbacks: A user's.
        """
        self._config = config
        self._strategy = strategy
        self._parts = parts
        self._inputs = inputs
        self._is_finished = start.is_finished
        self._directory = start.directory.path if start.directory else None
        self._files = run_files.RunFiles(config, inputs, start.directory)
        self._has_callbacks = bool(callbacks)
        self.state = state_lib.make_train_state(config, inputs, start)
        self._checkpoints = policy_lib.CheckpointPolicy(
            config, self._directory, parts.model, parts.averages
        )
        self._callbacks = dispatch.Callbacks(
            parts.model,
            callbacks,
            self._make_default_callbacks(),
            epochs=config.epochs,
            steps=self.state.progress.num_steps,
        )

    def train(
        self,
        stop: signals.StopRequest,
        on_first_step: Callable[[], None] | None = None,
    ) -> int | None:
        """Trains to the end, or until a signal.

        Args:
            stop: Filled by a signal.
            on_first_step: Called after the first step.

        Returns:
            The number of the signal that ended it on any worker, or None.

        Raises:
            TrainingError: If it cannot go on.
        """
        self._parts.model.stop_training = False
        self._on_first_step = on_first_step
        if self._is_finished:
            self._files.summarize(self.state)
            return None
        self._files.begin(self.state.records)
        with (
            contextlib.closing(self._callbacks),
            self._checkpoints,
        ):
            try:
                signum = self._run_epochs(stop)
            except runner.NotFiniteStep as error:
                raise self._not_finite(error.step) from error
        self._finish(signum)
        return signum

    def _run_epochs(self, stop: signals.StopRequest) -> int | None:
        """Runs what is left; returns the number of the signal that ended it."""
        self._open_batches()
        self._checkpoints.start(self.state)
        self._callbacks.on_train_begin()
        logs, interrupted = None, False
        while not interrupted and self._has_more():
            logs, interrupted = self._run_epoch(stop)
        if interrupted:
            # First of all: whoever sent the signal may not wait for long.
            self._save_checkpoint()
        self._checkpoints.wait()
        self._callbacks.on_train_end(logs)
        # A signal may have reached another worker only.
        return (stop.signum or signal.SIGTERM) if interrupted else None

    def _has_more(self) -> bool:
        return (
            self.state.epoch < self._config.epochs
            and not self.state.early_stopping.should_stop
            and not self._parts.model.stop_training
        )

    def _open_batches(self) -> None:
        """Opens the iterators, once: after an epoch, the next follows."""
        state, inputs = self.state, self._inputs
        self._train_batches, self._validation_batches = (
            iter(strategy_lib.distribute(self._strategy, make_dataset))
            for make_dataset in (
                lambda ctx: inputs.make_train_dataset(
                    ctx, epoch=state.epoch, step=state.step
                ),
                inputs.make_validation_dataset,
            )
        )

    def _run_epoch(
        self, stop: signals.StopRequest
    ) -> tuple[dict[str, float] | None, bool]:
        """Trains and validates; returns logs, and whether a signal ended it.

        An epoch that a signal ends midway leaves no line in the metrics.
        """
        state, model = self.state, self._parts.model
        start = time.perf_counter() - state.progress.seconds

        def stop_requested() -> bool:
            return bool(stop) or model.stop_training

        self._callbacks.on_epoch_begin(state.epoch)
        ended = self._parts.runner.train(
            self._train_batches,
            state.progress,
            self._callbacks,
            epoch=state.epoch,
            stop_requested=stop_requested,
            after_execution=self._after_execution,
        )
        # Callbacks of all workers see the same and ask for the same.
        if ended and not model.stop_training:
            return None, True
        trained = state.progress.result()
        with averaging.swapped_in(self._parts.averages):
            # What `stop_training` ends is the training, as in `fit`.
            validation = self._evaluate(lambda: bool(stop))
            if not validation.is_complete:
                return None, True
            logs = trained.logs | _as_validation(validation.logs)
            if state.early_stopping.update(state.epoch, logs):
                self._files.save_best(model, state.epoch + 1)
        self._end_epoch(logs, trained, time.perf_counter() - start)
        return logs, False

    def _evaluate(
        self,
        stop_requested: Callable[[], bool] = runner.never,
        callbacks: dispatch.Callbacks | None = None,
    ) -> epoch_metrics.PassResult:
        progress = self._inputs.validation_progress()
        try:
            self._parts.runner.evaluate(
                self._validation_batches,
                progress,
                callbacks or self._callbacks,
                stop_requested=stop_requested,
            )
        except runner.NotFiniteStep as error:
            raise errors.NotFiniteError(
                "The validation loss is not finite after epoch "
                f"{self.state.epoch + 1}. {self._describe_last_state()}"
            ) from error
        return progress.result()

    def _after_execution(self) -> None:
        if self._on_first_step is not None:
            self._on_first_step()
            self._on_first_step = None
        self._checkpoints.save_if_due(self.state)

    def _end_epoch(
        self,
        logs: dict[str, float],
        trained: epoch_metrics.PassResult,
        seconds: float,
    ) -> None:
        """Ends the epoch: its line in the metrics, its checkpoint."""
        state = self.state
        record = {
            "epoch": state.epoch + 1,
            **logs,
            "images_per_second": trained.num_examples / trained.seconds,
            "input_wait_share": self._parts.meter.input_wait_share,
            "seconds": seconds,
        }
        if not trained.is_complete:
            record["partial"] = True
        state.records.append(record)
        epoch = state.epoch
        state.epoch += 1
        state.progress = self._inputs.train_progress()
        # Before the checkpoint: a callback may change the learning rate.
        self._callbacks.on_epoch_end(epoch, logs)
        records = list(state.records)
        # Then the metrics, when nothing can be lost: where there are some, a
        # checkpoint is missed.
        self._save_checkpoint(lambda: self._files.end_epoch(records))

    def _save_checkpoint(
        self, when_written: Callable[[], None] | None = None
    ) -> None:
        try:
            self._checkpoints.save(self.state, when_written)
        except errors.NotFiniteError as error:
            raise errors.NotFiniteError(
                f"{error} {self._describe_last_state()}"
            ) from error

    def _finish(self, signum: int | None) -> None:
        averages, validation = self._parts.averages, None
        with averaging.swapped_in(averages):
            if self._has_callbacks and signum is None:
                # They may have changed the weights, as `EarlyStopping` does
                # when it restores the best ones.
                silent = dispatch.Callbacks(self._parts.model)
                logs = self._evaluate(callbacks=silent).logs
                validation = _as_validation(logs)
            self._files.save_last(self._parts.model, self.state.epoch)
        self._files.finish(
            self.state,
            validation=validation,
            stopped_by=signal.Signals(signum).name if signum else None,
        )

    def _not_finite(self, step: int) -> errors.NotFiniteError:
        """Returns the error about a step after which not all is finite."""
        epoch = self.state.epoch
        names = self._inputs.train_filenames(epoch, step)
        listed = ", ".join(names[:_MOST_FILENAMES])
        return errors.NotFiniteError(
            f"The loss or a weight is not finite in step {step + 1} of epoch "
            f"{epoch + 1}. Its images are: {listed}. "
            f"{self._describe_last_state()}"
        )

    def _describe_last_state(self) -> str:
        where = self._directory or "the work directory of worker 0"
        return (
            f"The last good state is the newest checkpoint in {where}, if "
            "there is one. Resume it with a lower --learning_rate, or with "
            "--clip_norm=1, and --resume=force."
        )

    def _make_default_callbacks(self) -> list[callbacks_lib.DefaultCallback]:
        if self._directory is None:
            return []
        return callbacks_lib.make_default_callbacks(
            self._config, self._inputs, self._parts.meter, self._directory
        )


def _as_validation(logs: Mapping[str, float]) -> dict[str, float]:
    return {f"val_{name}": value for name, value in logs.items()}
