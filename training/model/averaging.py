"""Moving averages of a model's weights, kept beside them."""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib

import keras
import numpy as np
import tensorflow as tf


class WeightAverages:
    """Exponential moving averages of the trainable weights of a model.

    After `n` steps the decay is `min(decay, (1 + n) / (10 + n))`, as of
    `tf.train.ExponentialMovingAverage` with `num_updates`: with a fixed one the
    averages of a short run would be those of its random initial weights.
    Statistics of BatchNormalization, averages themselves, are left alone.

    Attributes:
        variables: One `tf.Variable` for each trainable weight.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        """Starts from the weights as they are, in the scope of a strategy.

        Args:
            model: Its optimizer built.
            decay: Below 1.
        """
        self._model = model
        self._decay = decay
        self.variables = [
            tf.Variable(weight.value, trainable=False)
            for weight in model.trainable_variables
        ]

    def update(self, strategy: tf.distribute.Strategy) -> None:
        """Takes the weights in after a step, outside of the replicas."""
        steps = tf.cast(self._model.optimizer.iterations, tf.float32)
        decay = tf.minimum(self._decay, (1 + steps) / (10 + steps))

        def move(average: tf.Variable, weight: tf.Tensor) -> None:
            average.assign_sub((1 - decay) * (average - weight))

        weights = self._model.trainable_variables
        for average, weight in zip(self.variables, weights):
            # Documented of `tf.distribute.StrategyExtended` (2.21), and the
            # only way to assign to mirrored variables from outside of replicas
            # without a reduction.
            strategy.extended.update(
                average, move, args=(weight.value,), group=False
            )

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Lets the model have the averages for its weights, in a block."""
        weights = [w.numpy() for w in self._model.trainable_variables]
        self._assign(average.numpy() for average in self.variables)
        try:
            yield
        finally:
            self._assign(weights)

    def _assign(self, values: Iterable[np.ndarray]) -> None:
        for weight, value in zip(self._model.trainable_variables, values):
            weight.assign(value)


def swapped_in(
    averages: WeightAverages | None,
) -> contextlib.AbstractContextManager[None]:
    """As `WeightAverages.swapped_in`; does nothing where there are none."""
    return averages.swapped_in() if averages else contextlib.nullcontext()
