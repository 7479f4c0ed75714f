"""A run in progress: its epochs, its checkpoints, its end."""

import signal
import time

from training import callbacks as callbacks_lib
from training import errors
from training.callbacks import dispatch
from training.checkpoint import policy
from training.checkpoint import state as state_lib
from training.loop import runner
from training.loop import strategy as strategy_lib
from training.model import averaging
from training.workdir import files
from training.workdir import run_files

# More would not help anyone to find the image.
_MOST_FILENAMES = 64


class Run:
    """Goes through the epochs that are left, and leaves everything on disk."""

    def __init__(self, config, strategy, parts, inputs, start, callbacks=()):
        """Stands where the checkpoint of `start` was written.

        Args:
            config: `TrainConfig`.
            strategy: `tf.distribute.Strategy` that the parts were built for.
            parts: `building.Parts`.
            inputs: `inputs.Inputs`.
            start: `resume.Start`.
            callbacks: A user's `keras.callbacks.Callback`s.
        """
        self._config = config
        self._strategy = strategy
        self._parts = parts
        self._inputs = inputs
        self._is_finished = start.is_finished
        self._directory = start.directory and start.directory.path
        self._files = run_files.RunFiles(config, inputs, start.directory)
        self._has_callbacks = bool(callbacks)
        self._position = state_lib.find_position(config, inputs, start)
        self._keeper = policy.Keeper(
            config, self._directory, parts.model, parts.averages
        )
        self._callbacks = dispatch.Callbacks(
            parts.model,
            callbacks,
            self._make_observers(),
            epochs=config.epochs,
            steps=self._position.progress.num_steps,
        )

    @property
    def records(self):
        """One dict for each epoch that is finished."""
        return self._position.records

    @property
    def epoch(self):
        """How many epochs are finished."""
        return self._position.epoch

    @property
    def step(self):
        """How many steps of the next epoch are done."""
        return self._position.step

    def train(self, stop, on_first_step=None):
        """Trains to the end, or until a signal.

        Args:
            stop: `signals.StopRequest`.
            on_first_step: Function without arguments, called after the first
                step.

        Returns:
            The number of the signal that ended it on any worker, or None.

        Raises:
            TrainingError: If it cannot go on.
        """
        self._parts.model.stop_training = False
        self._on_first_step = on_first_step
        if self._is_finished:
            self._files.summarize(self._position)
            return None
        self._files.begin(self.records)
        try:
            signum = self._run_epochs(stop)
        except runner.NotFiniteStep as error:
            raise self._not_finite(error.step) from error
        finally:
            self._callbacks.close()
        self._finish(signum)
        return signum

    def _run_epochs(self, stop):
        """Runs what is left; returns the number of the signal that ended it."""
        self._open_batches()
        self._keeper.start_from(self._position)
        self._callbacks.on_train_begin()
        logs, interrupted = None, False
        while not interrupted and self._has_more():
            logs, interrupted = self._run_epoch(stop)
        if interrupted:
            # First of all: whoever sent the signal may not wait for long.
            self._save_checkpoint()
        self._callbacks.on_train_end(logs)
        # A signal may have reached another worker only.
        return (stop.signum or signal.SIGTERM) if interrupted else None

    def _has_more(self):
        return (
            self._position.epoch < self._config.epochs
            and not self._position.selection.should_stop
            and not self._parts.model.stop_training
        )

    def _open_batches(self):
        """Opens the iterators, once: after an epoch, the next follows."""
        position, inputs = self._position, self._inputs
        self._train_batches, self._validation_batches = (
            iter(strategy_lib.distribute(self._strategy, make_dataset))
            for make_dataset in (
                lambda ctx: inputs.make_train_dataset(
                    ctx, epoch=position.epoch, step=position.step
                ),
                inputs.make_validation_dataset,
            )
        )

    def _run_epoch(self, stop):
        """Trains and validates; returns logs, and whether a signal ended it.

        An epoch that a signal ends midway leaves no line in the metrics.
        """
        position, model = self._position, self._parts.model
        start = time.perf_counter() - position.progress.seconds

        def wish():
            return bool(stop) or model.stop_training

        self._callbacks.on_epoch_begin(position.epoch)
        ended = self._parts.runner.train(
            self._train_batches,
            position.progress,
            self._callbacks,
            wish=wish,
            between=self._after_execution,
        )
        # Callbacks of all workers see the same and ask for the same.
        if ended and not model.stop_training:
            return None, True
        trained = position.progress.result()
        with averaging.swapped_in(self._parts.averages):
            validation = self._evaluate(wish)
            if not validation.complete:
                return None, True
            logs = dict(trained.logs)
            logs.update((f"val_{k}", v) for k, v in validation.logs.items())
            if position.selection.update(position.epoch, logs):
                self._files.save_model(model, files.BEST_MODEL_FILE)
        self._record(logs, trained, time.perf_counter() - start)
        return logs, False

    def _evaluate(self, wish=bool, callbacks=None):
        progress = self._inputs.validation_progress()
        try:
            self._parts.runner.evaluate(
                self._validation_batches,
                progress,
                callbacks or self._callbacks,
                wish=wish,
            )
        except runner.NotFiniteStep as error:
            raise errors.NotFiniteError(
                "The validation loss is not finite after epoch "
                f"{self._position.epoch + 1}. {self._describe_last_state()}"
            ) from error
        return progress.result()

    def _after_execution(self):
        if self._on_first_step is not None:
            self._on_first_step()
            self._on_first_step = None
        self._keeper.save_if_due(self._position)

    def _record(self, logs, trained, seconds):
        """Ends the epoch: its line in the metrics, its checkpoint."""
        position = self._position
        record = {
            "epoch": position.epoch + 1,
            **logs,
            "images_per_second": trained.num_examples / trained.seconds,
            "input_wait_share": self._parts.meter.input_wait_share,
            "seconds": seconds,
        }
        if not trained.complete:
            record["partial"] = True
        position.records.append(record)
        self._files.end_epoch(position.records)
        epoch = position.epoch
        position.epoch += 1
        position.progress = self._inputs.train_progress()
        # Before the checkpoint: a callback may change the learning rate.
        self._callbacks.on_epoch_end(epoch, logs)
        # After it, too: the progress bar has left its line.
        self._files.print_epoch(record)
        self._save_checkpoint()

    def _save_checkpoint(self):
        try:
            self._keeper.save(self._position)
        except errors.NotFiniteError as error:
            raise errors.NotFiniteError(
                f"{error} {self._describe_last_state()}"
            ) from error

    def _finish(self, signum):
        averages, validation = self._parts.averages, None
        with averaging.swapped_in(averages):
            if self._has_callbacks and signum is None:
                # They may have changed the weights, as `EarlyStopping` does
                # when it restores the best ones.
                silent = dispatch.Callbacks(self._parts.model)
                logs = self._evaluate(callbacks=silent).logs
                validation = {f"val_{k}": v for k, v in logs.items()}
            self._files.save_model(self._parts.model, files.MODEL_FILE)
        self._files.finish(
            self._position,
            validation=validation,
            stopped_by=signal.Signals(signum).name if signum else None,
        )

    def _not_finite(self, step):
        """Returns the error about a step after which not all is finite."""
        position = self._position
        names = self._inputs.train_filenames(position.epoch, step)
        listed = ", ".join(names[:_MOST_FILENAMES])
        return errors.NotFiniteError(
            f"The loss or a weight is not finite in step {step + 1} of epoch "
            f"{position.epoch + 1}. Its images are: {listed}. "
            f"{self._describe_last_state()}"
        )

    def _describe_last_state(self):
        where = self._directory or "the work directory of worker 0"
        return (
            f"The last good state is the newest checkpoint in {where}, if "
            "there is one. A lower --learning_rate, or --clip_norm=1, with "
            "--resume=force goes on from it."
        )

    def _make_observers(self):
        if self._directory is None:
            return []
        return callbacks_lib.make_observers(
            self._config, self._inputs, self._parts.meter, self._directory
        )
