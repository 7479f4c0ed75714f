"""Training from start to end: one loop for every strategy.

Keras's `fit` cannot run several workers (https://github.com/keras-team/keras
issue 20585) and weighs a partial last batch wrongly over replicas, so the
steps are ours, around `strategy.run`. The callbacks are Keras's own and are
called as `fit` calls them.

    builder = tfds.builder("xray_tfds")
    config = training_config.TrainConfig(epochs=5)
    result = loop.train_and_evaluate(config, builder)
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import pathlib
import time
import typing
from typing import Any

import keras
import tensorflow as tf

from training import config as config_lib
from training import model as model_lib
from training.checkpoint import resume
from training.cluster import rendezvous
from training.data import inputs as inputs_lib
from training.data import splits as splits_lib
from training.loop import building
from training.loop import run as run_lib
from training.loop import signals
from training.loop import strategy as strategy_lib
from training.workdir import atomic
from training.workdir import console
from training.workdir import files
from training.workdir import storage

if typing.TYPE_CHECKING:
    from training.cluster import channel as channel_lib
    from training.workdir import directory as directory_lib


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What came of a run.

    Attributes:
        workdir: Directory of its files; None on workers that write nothing.
        model: As it was saved.
        records: One dict an epoch, the lines of the metrics file.
        signum: Number of the signal that stopped the run; None if it finished.
    """

    workdir: pathlib.Path | None
    model: keras.Model
    records: list[dict[str, Any]]
    signum: int | None


def train_and_evaluate(
    config: config_lib.TrainConfig,
    data: Any,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    flagfile: str | None = None,
    strategy: tf.distribute.Strategy | None = None,
    channel: channel_lib.Channel | None = None,
    started: float | None = None,
) -> TrainResult:
    """Trains a model, validates it after each epoch and saves everything.

    A run that is in its directory already is resumed, bit for bit as if it had
    never ended (on CPUs, and on GPUs with `config.deterministic`). SIGINT and
    SIGTERM end training after the step at hand, with a checkpoint.

    Args:
        config: What to train, and how.
        data: Prepared TFDS builder, its directory, or `splits.Splits`.
        callbacks: Called as by `fit`. What they remember is not part of a
            checkpoint.
        flagfile: Text to keep as the run's flag file, if any.
        strategy: To run on; None for that of `config`.
        channel: To the other workers, if there are any.
        started: `time.monotonic()` when the process began, if the time to the
            first step is to be reported.

    Raises:
        ValueError: If a split is missing, the images are too small for the
            model, or the run in the working directory is another one.
        TrainingError: If the loss is not finite any more, or the files of the
            run cannot be written.
    """
    channel = channel or rendezvous.meet(None)
    make_reproducible(config)
    strategy = strategy or strategy_lib.build_strategy(
        config.strategy,
        devices=config.devices,
        num_virtual_devices=config.num_virtual_devices,
        tpu=config.tpu,
    )
    splits = splits_lib.load_splits(
        data, memory_budget_gb=config.memory_budget_gb
    )
    model_lib.check_input_shape(config.model, splits.image_shape)
    inputs = inputs_lib.Inputs(config, splits)
    start = resume.start_run(config, inputs.fingerprint(), channel)
    with contextlib.ExitStack() as stack:
        if start.directory:
            stack.enter_context(_writing_to(start.directory))
            if not start.is_finished:
                _write_flags(flagfile, start.directory.path)
            console.print_data(splits)
        # Records are read for class weights, before the first step.
        stack.enter_context(splits.naming_damage())
        parts = building.build_parts(
            config,
            strategy,
            inputs,
            start,
            multi_worker=channel.num_workers > 1,
        )
        run = run_lib.Run(config, strategy, parts, inputs, start, callbacks)
        if start.directory:
            _print_start(config, strategy, parts, start, run)
        stop = stack.enter_context(signals.stop_on_signals())
        signum = run.train(stop, _first_step_printer(started, start))
    workdir = start.directory.path if start.directory else None
    return TrainResult(workdir, parts.model, run.state.records, signum)


@contextlib.contextmanager
def _writing_to(directory: directory_lib.RunDirectory) -> Iterator[None]:
    """Says what fails in the directory of a run, and closes it at the end."""
    # TensorFlow's own errors are those of TensorBoard and profiles.
    reporting = storage.reporting_errors(directory.path, tf.errors.OpError)
    with contextlib.closing(directory), reporting:
        yield


def make_reproducible(config: config_lib.TrainConfig) -> None:
    """Seeds everything that Keras draws, and orders what GPUs would not."""
    keras.utils.set_random_seed(config.seed)
    # The CPU kernels of these networks give equal bits as they are, and asking
    # for it makes `tf.data` run its maps one by one: four times slower input.
    if config.deterministic and tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def _print_start(
    config: config_lib.TrainConfig,
    strategy: tf.distribute.Strategy,
    parts: building.Parts,
    start: resume.Start,
    run: run_lib.Run,
) -> None:
    console.print_model(parts.model, strategy)
    for notice in parts.notices:
        print(notice)
    console.print_start(start, config.epochs, run.state)


def _first_step_printer(
    started: float | None, start: resume.Start
) -> Callable[[], None] | None:
    """Returns what is to be called after the first step, if anything."""
    if started is None or start.directory is None:
        return None
    return lambda: console.print_first_step(time.monotonic() - started)


def _write_flags(flagfile: str | None, directory: pathlib.Path) -> None:
    if flagfile is not None:
        with atomic.replacing(directory / files.FLAGS_FILE) as path:
            path.write_text(flagfile, encoding="utf-8")
