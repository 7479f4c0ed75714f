"""Moving averages of a model's weights, kept beside them."""

import contextlib

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

    def __init__(self, model, decay):
        """Starts from the weights as they are, in the scope of a strategy.

        Args:
            model: A `keras.Model` with a built optimizer.
            decay: float below 1.
        """
        self._model = model
        self._decay = decay
        self.variables = [
            tf.Variable(weight.value, trainable=False)
            for weight in model.trainable_variables
        ]

    def update(self, strategy):
        """Takes the weights in after a step, outside of the replicas."""
        steps = tf.cast(self._model.optimizer.iterations, tf.float32)
        decay = tf.minimum(self._decay, (1 + steps) / (10 + steps))

        def move(average, weight):
            average.assign_sub((1 - decay) * (average - weight))

        weights = self._model.trainable_variables
        for average, weight in zip(self.variables, weights):
            strategy.extended.update(
                average, move, args=(weight.value,), group=False
            )

    @contextlib.contextmanager
    def swapped_in(self):
        """Lets the model have the averages for its weights, in a block."""
        weights = [w.numpy() for w in self._model.trainable_variables]
        self._assign(average.numpy() for average in self.variables)
        try:
            yield
        finally:
            self._assign(weights)

    def _assign(self, values):
        for weight, value in zip(self._model.trainable_variables, values):
            weight.assign(value)


def swapped_in(averages):
    """As `WeightAverages.swapped_in`; does nothing where there are none."""
    return averages.swapped_in() if averages else contextlib.nullcontext()
