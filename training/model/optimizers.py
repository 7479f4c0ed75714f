"""Optimizers, and what becomes of their learning rate.

Clipping of gradients and averages of weights are not done here but in the
step, over all replicas (`training.loop.steps`).
"""

import dataclasses
import math

import keras
import tensorflow as tf

# Variables that weight decay leaves alone: biases, and the scales and offsets
# of normalisation.
_NOT_DECAYED = ("bias", "gamma", "beta")


def build_optimizer(
    name: str,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    momentum: float = 0.9,
    precision: str = "float32",
) -> keras.optimizers.Optimizer:
    """Builds an optimizer by name.

    Args:
        name: "adam", "adamw" or "sgd", the last with Nesterov's momentum.
        learning_rate: Kept in a variable.
        weight_decay: Decoupled (https://arxiv.org/abs/1711.05101); of AdamW and
            SGD, for all but biases and normalisation.
        momentum: Of SGD.
        precision: "float16" to scale the loss, whose gradients would underflow.

    Raises:
        ValueError: If `name` is unknown, or Adam has a weight decay.
    """
    if name == "adam":
        if weight_decay:
            raise ValueError(
                "`weight_decay` needs optimizer=adamw or sgd. "
                f"Received: weight_decay={weight_decay}, optimizer=adam"
            )
        optimizer = keras.optimizers.Adam(learning_rate)
    elif name == "adamw":
        optimizer = keras.optimizers.AdamW(
            learning_rate, weight_decay=weight_decay
        )
    elif name == "sgd":
        optimizer = keras.optimizers.SGD(
            learning_rate,
            momentum=momentum,
            nesterov=momentum > 0,
            weight_decay=weight_decay or None,
        )
    else:
        raise ValueError(
            f"`name` must be one of adam, adamw, sgd. Received: name={name}"
        )
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The learning rate of a step: a linear rise, then one of three curves.

    A function of the step alone, so that a run that is resumed finds its own.
    It is not made one of Keras's schedules, which would be saved with the model
    and make it unreadable without this code.

    Attributes:
        learning_rate: The highest that is reached.
        curve: "constant"; "cosine", to 0 at the end; or "exponential".
        num_steps: Steps of the whole training.
        warmup_steps: Steps in which the rate rises from 0.
        decay_rate: Factor of a step of the exponential.
    """

    learning_rate: float
    curve: str = "constant"
    num_steps: int = 1
    warmup_steps: int = 0
    decay_rate: float = 1.0

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate as a float32 scalar.

        Args:
            step: int scalar tensor, from 0.
        """
        step = tf.cast(step, tf.float32)
        after = tf.maximum(step - self.warmup_steps, 0.0)
        if self.curve == "cosine":
            length = max(self.num_steps - self.warmup_steps, 1)
            share = tf.minimum(after / length, 1.0)
            factor = (1 + tf.cos(math.pi * share)) / 2
        elif self.curve == "exponential":
            factor = tf.pow(tf.constant(self.decay_rate, tf.float32), after)
        else:
            factor = tf.ones([])
        if self.warmup_steps:
            rising = step / self.warmup_steps
            factor = tf.where(step < self.warmup_steps, rising, factor)
        return self.learning_rate * factor
