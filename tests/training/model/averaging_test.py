"""Averages of weights, against TensorFlow's own, on one and two replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.loop import strategy as strategy_lib
from training.model import averaging

DECAY = 0.9


def make_model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize("replicas", [0, 2])
def test_averages_are_those_of_tensorflow(replicas):
    strategy = strategy_lib.build_strategy(
        "mirrored" if replicas else "default", num_virtual_devices=replicas
    )
    with strategy.scope():
        model = make_model()
        averages = averaging.WeightAverages(model, DECAY)
    # Their variables and their step are plain ones.
    weights = [tf.Variable(w.numpy()) for w in model.trainable_variables]
    num_updates = tf.Variable(0, dtype=tf.int64)
    theirs = tf.train.ExponentialMovingAverage(DECAY, num_updates)
    theirs.apply(weights)

    @tf.function
    def step(gradient):
        def replica_step():
            values = model.trainable_variables
            model.optimizer.apply([gradient * tf.ones(v.shape) for v in values])

        strategy.run(replica_step)
        averages.update(strategy)

    for number in range(30):
        step(tf.constant(np.sin(number), tf.float32))
        for copy, weight in zip(weights, model.trainable_variables):
            copy.assign(weight.numpy())
        num_updates.assign(number + 1)
        theirs.apply(weights)
    for average, copy in zip(averages.variables, weights):
        expected = theirs.average(copy).numpy()
        np.testing.assert_allclose(average.numpy(), expected, atol=1e-6)


def test_model_has_the_averages_within_the_block_only():
    model = make_model()
    averages = averaging.WeightAverages(model, DECAY)
    for average in averages.variables:
        average.assign_add(tf.ones_like(average))
    before = model.get_weights()
    with pytest.raises(ZeroDivisionError), averages.swapped_in():
        for weight, value in zip(model.get_weights(), before):
            np.testing.assert_array_equal(weight, value + 1)
        raise ZeroDivisionError
    for weight, value in zip(model.get_weights(), before):
        np.testing.assert_array_equal(weight, value)


def test_without_averages_nothing_happens():
    with averaging.swapped_in(None):
        pass
