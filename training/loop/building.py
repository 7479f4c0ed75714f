"""Puts the parts of a run together: network, optimizer, averages, steps."""

import dataclasses
import math

import keras
import tensorflow as tf

from training import model as model_lib
from training.checkpoint import variables
from training.loop import compilation as compilation_lib
from training.loop import runner as runner_lib
from training.loop import steps
from training.loop import throughput as throughput_lib
from training.model import averaging
from training.model import optimizers


@dataclasses.dataclass(frozen=True)
class Parts:
    """What is trained, and what trains it.

    Attributes:
        model: A compiled `keras.Model`.
        averages: `averaging.WeightAverages`; None where none are wanted.
        runner: `runner.PassRunner`.
        meter: `throughput.Meter` of the training passes.
        notices: Lines for the user about where its variables come from.
    """

    model: keras.Model
    averages: averaging.WeightAverages | None
    runner: runner_lib.PassRunner
    meter: throughput_lib.Meter
    notices: tuple[str, ...]


def build_parts(config, strategy, inputs, start, *, agree=False):
    """Builds all parts, with the variables of the checkpoint if there is one.

    Args:
        config: `TrainConfig`.
        strategy: `tf.distribute.Strategy` to run on.
        inputs: `inputs.Inputs`.
        start: `resume.Start`.
        agree: Whether there are several workers.

    Returns:
        `Parts`.

    Raises:
        ValueError: If the initial weights, or those of the checkpoint, are of
            another network.
    """
    precision = config.mixed_precision
    if precision == "none":
        precision = "float32"
    with strategy.scope():
        model = model_lib.build_model(
            config.model,
            inputs.splits.image_shape,
            len(inputs.splits.class_names),
            rescale=inputs.augment.rescale,
            precision=precision,
        )
        notices: tuple[str, ...] = ()
        if config.weights and start.checkpoint is None:
            told = model_lib.load_initial_weights(model, config.weights)
            notices = (f"Initial weights: {told}",)
        optimizer = optimizers.build_optimizer(
            config.optimizer,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
            precision=precision,
        )
        model_lib.compile_model(
            model, optimizer, label_smoothing=config.label_smoothing
        )
        averages = None
        if config.ema_decay:
            averages = averaging.WeightAverages(model, config.ema_decay)
        if start.checkpoint is not None:
            whole = variables.restore(
                start.checkpoint.arrays,
                model,
                averages,
                keep_learning_rate="learning_rate" in start.changed,
            )
            if not whole:
                notices = ("The optimizer and its averages begin anew.",)
        inputs.cache_on_device()
    meter = throughput_lib.Meter()
    several = strategy.num_replicas_in_sync > 1
    compilation = compilation_lib.choose(config, inputs.augment)
    runner = runner_lib.PassRunner(
        model,
        strategy,
        inputs.train_images,
        inputs.validation_images,
        train_step=steps.TrainStep(
            class_weights=inputs.class_weights(),
            label_smoothing=config.label_smoothing,
            clip_norm=config.clip_norm,
            trim=several and not _needs_static_shapes(strategy),
        ),
        schedule=_build_schedule(config, inputs),
        averages=averages,
        steps_per_execution=config.steps_per_execution,
        agree=agree,
        meter=meter,
        compile_training=compilation.training,
        compile_evaluation=compilation.evaluation,
        compile_images=compilation.images,
    )
    return Parts(model, averages, runner, meter, notices)


def _build_schedule(config, inputs):
    """Returns the `optimizers.Schedule`; None for what does not change."""
    if config.schedule == "constant" and not config.warmup_epochs:
        return None
    steps_per_epoch = inputs.train_progress().num_steps
    return optimizers.Schedule(
        config.learning_rate,
        config.schedule,
        num_steps=config.epochs * steps_per_epoch,
        warmup_steps=math.ceil(config.warmup_epochs * steps_per_epoch),
        # Given for an epoch, used for a step.
        decay_rate=config.decay_rate ** (1 / steps_per_epoch),
    )


def _needs_static_shapes(strategy):
    """Whether XLA compiles all that the strategy runs."""
    return isinstance(strategy, tf.distribute.TPUStrategy)
