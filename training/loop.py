"""Training from start to end: one loop for every strategy.

Keras's `fit` cannot run several workers (https://github.com/keras-team/keras
issue 20585) and weighs a partial last batch wrongly over replicas, so the
steps are ours, around `strategy.run`. The callbacks are Keras's own and are
called as `fit` calls them.

    builder = tfds.builder("xray_tfds")
    config = training_config.TrainConfig(epochs=5)
    result = loop.train_and_evaluate(config, builder)
"""

import dataclasses
import pathlib
import sys
import time

import keras
import tensorflow as tf

from training import artifacts
from training import data as data_lib
from training import inputs as inputs_lib
from training import interrupts
from training import model as model_lib
from training import passes
from training import report
from training import strategy as strategy_lib
from training import workdir

# What "auto" means for the metrics whose direction Keras cannot know.
_HIGHER_IS_BETTER = ("accuracy", "auc")


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What came of a run.

    Attributes:
        workdir: Directory of its files.
        model: The trained `keras.Model`, as it was saved.
        records: One dict an epoch, the lines of the metrics file.
        signum: Number of the signal that stopped the run; None if it finished.
    """

    workdir: pathlib.Path
    model: keras.Model
    records: list[dict[str, float]]
    signum: int | None


def train_and_evaluate(config, data, *, callbacks=(), flagfile=None):
    """Trains a model, validates it after each epoch and saves everything.

    SIGINT and SIGTERM end training after the step at hand; what is saved then
    is the model as it is and the metrics of the finished epochs.

    Args:
        config: `training.config.TrainConfig`.
        data: Prepared TFDS builder, its directory, or `training.data.Splits`.
        callbacks: `keras.callbacks.Callback`s, called as by `fit`.
        flagfile: Text to keep as the run's flag file, if any.

    Returns:
        A `TrainResult`.

    Raises:
        ValueError: If the working directory holds a run, a split is missing,
            or the images are too small for the model.
    """
    workdir.check(config.workdir)
    _make_reproducible(config)
    strategy = strategy_lib.build_strategy(
        config.strategy, num_virtual_devices=config.num_virtual_devices
    )
    splits = data_lib.load_splits(
        data, memory_budget_gb=config.memory_budget_gb
    )
    report.print_data(splits)
    with strategy.scope():
        model = model_lib.build_model(
            config.model, splits.image_shape, len(splits.class_names)
        )
        model_lib.compile_model(model, config.learning_rate)
    report.print_model(model, strategy)
    directory = workdir.create(config.workdir)
    if flagfile is not None:
        (directory / workdir.FLAGS_FILE).write_text(flagfile, encoding="utf-8")
    inputs = inputs_lib.Inputs(config, splits)
    with strategy.scope():
        inputs.cache_on_device()
    artifacts.save_statistics(inputs.statistics, directory)
    artifacts.save_contact_sheet(inputs, directory)
    run = _Run(config, strategy, model, inputs, directory)
    with interrupts.stop_on_signals() as stop:
        return run.train(callbacks, stop)


class _Run:
    """A run in progress: its model, its datasets and the epochs so far."""

    def __init__(self, config, strategy, model, inputs, directory):
        self._config = config
        self._model = model
        self._inputs = inputs
        self._directory = directory
        self._runner = passes.PassRunner(
            model,
            strategy,
            inputs.train_images,
            inputs.validation_images,
            **inputs.compilation(),
        )
        # Opened once: when an epoch is over, the next follows.
        self._train_batches = iter(
            strategy_lib.distribute(strategy, inputs.make_train_dataset)
        )
        self._validation_batches = iter(
            strategy_lib.distribute(
                strategy,
                lambda ctx: inputs.make_validation_dataset(ctx).repeat(),
            )
        )
        self._records = []

    def train(self, callbacks, stop):
        """Runs the epochs, saves the results and returns a `TrainResult`."""
        callback_list = self._make_callback_list(callbacks)
        self._model.stop_training = False
        callback_list.on_train_begin()
        logs, validation = None, None
        for epoch in range(self._config.epochs):
            logs, validation = self._run_epoch(epoch, callback_list, stop)
            if stop or self._model.stop_training:
                break
        callback_list.on_train_end(logs)
        if callbacks and not stop:
            # They may have changed the weights, as `EarlyStopping` does when
            # it restores the best ones.
            validation = self._evaluate(keras.callbacks.CallbackList(), stop)
        self._save(stop.signal_name)
        report.print_summary(
            self._directory, validation, len(self._records), stop.signal_name
        )
        return TrainResult(
            self._directory, self._model, self._records, stop.signum
        )

    def _run_epoch(self, epoch, callbacks, stop):
        """Trains and validates; returns the logs and the validation's result.

        An epoch that a signal ends midway leaves no line in the metrics and
        returns None for both.
        """
        start = time.perf_counter()
        callbacks.on_epoch_begin(epoch)
        trained = self._runner.train(
            self._train_batches,
            self._inputs.train_steps,
            callbacks,
            lambda: stop or self._model.stop_training,
        )
        validation = None if stop else self._evaluate(callbacks, stop)
        if validation is None or not validation.complete:
            return None, None
        logs = dict(trained.logs)
        logs.update((f"val_{k}", v) for k, v in validation.logs.items())
        record = {
            "epoch": epoch + 1,
            **logs,
            "images_per_second": trained.num_examples / trained.seconds,
            "seconds": time.perf_counter() - start,
        }
        if not trained.complete:
            record["partial"] = True
        self._record(record)
        callbacks.on_epoch_end(epoch, logs)
        return logs, validation

    def _evaluate(self, callbacks, stop):
        return self._runner.evaluate(
            self._validation_batches,
            self._inputs.validation_steps,
            callbacks,
            lambda: bool(stop),
        )

    def _record(self, record):
        self._records.append(record)
        workdir.append_metrics(self._directory, record)
        if not sys.stdout.isatty():
            report.print_epoch(record, self._config.epochs)

    def _save(self, stopped_by):
        artifacts.save_model(self._model, self._directory)
        artifacts.save_model_info(
            self._config,
            self._inputs,
            self._directory,
            epochs=len(self._records),
            stopped_by=stopped_by,
        )
        artifacts.save_curves(self._records, self._directory)

    def _make_callback_list(self, callbacks):
        tensorboard = keras.callbacks.TensorBoard(
            self._directory / workdir.TENSORBOARD_DIR
        )
        callback_list = keras.callbacks.CallbackList(
            [*callbacks, tensorboard],
            add_history=True,
            add_progbar=sys.stdout.isatty(),
            model=self._model,
            verbose=1,
            epochs=self._config.epochs,
            steps=self._inputs.train_steps,
        )
        for callback in callback_list.callbacks:
            watched = getattr(callback, "monitor", "").removeprefix("val_")
            if watched in _HIGHER_IS_BETTER and callback.mode == "auto":
                callback.mode = "max"
        return callback_list


def _make_reproducible(config):
    keras.utils.set_random_seed(config.seed)
    # The CPU kernels of these networks give equal bits as they are, and asking
    # for it makes `tf.data` run its maps one by one: four times slower input.
    if config.deterministic and tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
