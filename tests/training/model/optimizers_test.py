"""Optimizers and schedules, against Keras's and on two replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.loop import strategy as strategy_lib
from training.model import optimizers

schedules = keras.optimizers.schedules


def rates(schedule, steps=40):
    return [float(schedule(tf.constant(s, tf.int64))) for s in range(steps)]


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (
            {"curve": "cosine", "num_steps": 30},
            schedules.CosineDecay(0.1, 30),
        ),
        (
            {"curve": "cosine", "num_steps": 30, "warmup_steps": 7},
            schedules.CosineDecay(0.0, 23, warmup_target=0.1, warmup_steps=7),
        ),
        (
            # Decays to the whole of it, which is constant.
            {"warmup_steps": 7},
            schedules.CosineDecay(
                0.0, 23, alpha=1.0, warmup_target=0.1, warmup_steps=7
            ),
        ),
        (
            {"curve": "exponential", "decay_rate": 0.9},
            schedules.ExponentialDecay(0.1, 1, 0.9),
        ),
    ],
    ids=["cosine", "cosine after warm-up", "warm-up", "exponential"],
)
def test_schedule_is_that_of_keras(ours, theirs):
    np.testing.assert_allclose(
        rates(optimizers.Schedule(0.1, **ours)), rates(theirs), atol=1e-7
    )


def test_exponential_begins_after_the_warm_up():
    schedule = optimizers.Schedule(
        0.1, "exponential", warmup_steps=4, decay_rate=0.5
    )
    expected = [0, 0.025, 0.05, 0.075, 0.1, 0.05, 0.025]
    np.testing.assert_allclose(rates(schedule, 7), expected, atol=1e-8)


def make_model():
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, bias_initializer="ones"),
            keras.layers.BatchNormalization(),
        ]
    )


OPTIONS = {
    "adam": {},
    "adamw": {"weight_decay": 0.1},
    "sgd": {"weight_decay": 0.1, "momentum": 0.8},
}
KERAS_OWN = {
    "adam": lambda: keras.optimizers.Adam(0.1),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
    "sgd": lambda: keras.optimizers.SGD(
        0.1, momentum=0.8, nesterov=True, weight_decay=0.1
    ),
}


def step_on(strategy, model, optimizer, number):
    """One step with a known gradient, of which each replica has a share."""

    @tf.function
    def run():
        def replica_step():
            share = 1 / strategy.num_replicas_in_sync
            weights = model.trainable_variables
            gradients = [
                share * np.float32(np.sin(number + i)) * tf.ones(w.shape)
                for i, w in enumerate(weights)
            ]
            optimizer.apply(gradients, weights)

        strategy.run(replica_step)

    run()


@pytest.mark.parametrize("replicas", [0, 2])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("name", OPTIONS)
def test_steps_are_those_of_keras_on_any_number_of_replicas(
    name, precision, replicas
):
    strategy = strategy_lib.build_strategy(
        "mirrored" if replicas else "default", num_virtual_devices=replicas
    )
    with strategy.scope():
        ours = make_model()
        optimizer = optimizers.build_optimizer(
            name, learning_rate=0.1, precision=precision, **OPTIONS[name]
        )
        optimizer.build(ours.trainable_variables)
    theirs, own = make_model(), KERAS_OWN[name]()
    own.build(theirs.trainable_variables)
    if name != "adam":
        own.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    scale = float(optimizer.scale_loss(tf.ones(())) or 1)
    for number in range(3):
        weights = theirs.trainable_variables
        own.apply(
            [
                np.float32(np.sin(number + i) / scale) * tf.ones(w.shape)
                for i, w in enumerate(weights)
            ],
            weights,
        )
        step_on(strategy, ours, optimizer, number)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_weight_decay_leaves_biases_and_normalization_alone():
    model = make_model()
    optimizer = optimizers.build_optimizer(
        "sgd", learning_rate=0.5, weight_decay=0.5, momentum=0.0
    )
    optimizer.build(model.trainable_variables)
    before = {w.name: w.numpy() for w in model.trainable_variables}
    optimizer.apply(
        [tf.zeros(w.shape) for w in model.trainable_variables],
        model.trainable_variables,
    )
    for weight in model.trainable_variables:
        factor = 0.75 if weight.name == "kernel" else 1.0
        np.testing.assert_allclose(
            weight.numpy(), factor * before[weight.name], rtol=1e-6
        )


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("rmsprop", {}, "one of adam, adamw, sgd. Received: name=rmsprop"),
        ("adam", {"weight_decay": 0.1}, "adamw or sgd.*weight_decay=0.1"),
    ],
)
def test_what_cannot_be_built_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        optimizers.build_optimizer(name, learning_rate=0.1, **options)
