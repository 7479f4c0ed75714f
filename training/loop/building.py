"""Puts the parts of a run together: network, optimizer, averages, steps."""

from __future__ import annotations

import dataclasses
import math
import typing

import keras
import tensorflow as tf

from training import config as config_lib
from training import model as model_lib
from training.checkpoint import variables
from training.loop import compilation
from training.loop import execution
from training.loop import runner as runner_lib
from training.loop import steps
from training.loop import throughput as throughput_lib
from training.model import averaging
from training.model import optimizers

if typing.TYPE_CHECKING:
    from training.checkpoint import resume
    from training.data import inputs as inputs_lib

# With others of these, the rate of the checkpoint is none of the run's.
_OF_THE_RATE = {"learning_rate", "schedule", "warmup_epochs"}


@dataclasses.dataclass(frozen=True)
class Parts:
    """What is trained, and what trains it.

    Attributes:
        model: Compiled.
        averages: Of its weights; None where none are wanted.
        runner: Of its passes.
        meter: Of the training passes.
        notices: Lines for the user about where its variables come from.
    """

    model: keras.Model
    averages: averaging.WeightAverages | None
    runner: runner_lib.Runner
    meter: throughput_lib.ThroughputMeter
    notices: tuple[str, ...]


def build_parts(
    config: config_lib.TrainConfig,
    strategy: tf.distribute.Strategy,
    inputs: inputs_lib.Inputs,
    start: resume.Start,
    *,
    multi_worker: bool = False,
) -> Parts:
    """Builds all parts, with the variables of the checkpoint if there is one.

    Args:
        config: What to build.
        strategy: To run on.
        inputs: What the model is fed with.
        start: How the run starts.
        multi_worker: Whether there are several workers.

    Raises:
        ValueError: If the initial weights, or those of the checkpoint, are of
            another network, or the warm-up takes all steps.
    """
    notices: tuple[str, ...] = ()
    with strategy.scope():
        model = _build_model(config, inputs)
        if config.weights and start.checkpoint is None:
            loaded = model_lib.load_initial_weights(model, config.weights)
            notices = (f"Initial weights: {loaded}",)
        _compile(config, model)
        averages = None
        if config.ema_decay:
            averages = averaging.WeightAverages(model, config.ema_decay)
        if start.checkpoint is not None:
            restored_all = variables.restore(
                start.checkpoint.arrays,
                model,
                averages,
                keep_learning_rate=not _OF_THE_RATE.isdisjoint(start.changed),
            )
            if not restored_all:
                notices = ("The optimizer and its averages begin anew.",)
        inputs.cache_on_device()
    meter = throughput_lib.ThroughputMeter()
    runner = runner_lib.Runner(
        model,
        strategy,
        _step_options(config, strategy, inputs, averages),
        steps_per_execution=config.steps_per_execution,
        multi_worker=multi_worker,
        meter=meter,
    )
    return Parts(model, averages, runner, meter, notices)


def _build_model(
    config: config_lib.TrainConfig, inputs: inputs_lib.Inputs
) -> keras.Model:
    return model_lib.build_model(
        config.model,
        inputs.splits.image_shape,
        len(inputs.splits.class_names),
        rescale=inputs.augment.rescale,
        precision=_precision(config),
    )


def _compile(config: config_lib.TrainConfig, model: keras.Model) -> None:
    optimizer = optimizers.build_optimizer(
        config.optimizer,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
        precision=_precision(config),
    )
    model_lib.compile_model(
        model, optimizer, label_smoothing=config.label_smoothing
    )


def _precision(config: config_lib.TrainConfig) -> str:
    none = config.mixed_precision == "none"
    return "float32" if none else config.mixed_precision


def _step_options(
    config: config_lib.TrainConfig,
    strategy: tf.distribute.Strategy,
    inputs: inputs_lib.Inputs,
    averages: averaging.WeightAverages | None,
) -> execution.StepOptions:
    # XLA, which compiles all that a TPU runs, needs static shapes.
    may_trim = not isinstance(strategy, tf.distribute.TPUStrategy)
    return execution.StepOptions(
        train_step=steps.TrainStep(
            class_weights=inputs.class_weights(),
            label_smoothing=config.label_smoothing,
            clip_norm=config.clip_norm,
            trim=strategy.num_replicas_in_sync > 1 and may_trim,
        ),
        train_images=inputs.train_images,
        eval_images=inputs.validation_images,
        schedule=_build_schedule(config, inputs),
        averages=averages,
        compilation=compilation.choose(config, inputs.augment),
    )


def _build_schedule(
    config: config_lib.TrainConfig, inputs: inputs_lib.Inputs
) -> optimizers.Schedule | None:
    """Returns the schedule; None for a rate that does not change."""
    if config.schedule == "constant" and not config.warmup_epochs:
        return None
    steps_per_epoch = inputs.train_progress().num_steps
    num_steps = config.epochs * steps_per_epoch
    warmup_steps = math.ceil(config.warmup_epochs * steps_per_epoch)
    if warmup_steps >= num_steps:
        raise ValueError(
            "`warmup_epochs` must leave a step for the whole learning rate: "
            "add a smaller --warmup_epochs or --batch_size, or more --epochs. "
            f"Received: warmup_epochs={config.warmup_epochs}, which are "
            f"{warmup_steps} of {num_steps} steps"
        )
    return optimizers.Schedule(
        config.learning_rate,
        config.schedule,
        num_steps=num_steps,
        warmup_steps=warmup_steps,
        # Given for an epoch, used for a step.
        decay_rate=config.decay_rate ** (1 / steps_per_epoch),
    )
