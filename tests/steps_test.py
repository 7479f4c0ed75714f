"""A step on one and on two replicas against arithmetic done by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training import model as model_lib
from training import passes
from training import steps
from training import strategy as strategy_lib

RNG = np.random.default_rng(5)
IMAGES = RNG.random((5, 64, 64, 1)).astype(np.float32)
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]


def _linear_model(optimizer):
    """A model whose gradient can be written down."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(
                2, activation="softmax", kernel_initializer="ones"
            ),
        ]
    )
    model.compile(optimizer=optimizer, loss="categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def _run_train_step(strategy, model, replica_batches):
    """Runs one step, giving each replica its own batch."""
    values = strategy.experimental_distribute_values_from_function(
        lambda ctx: tuple(
            tf.constant(v)
            for v in replica_batches[ctx.replica_id_in_sync_group]
        )
    )

    @tf.function
    def run(batch):
        output = strategy.run(steps.train_step, args=(model, batch))
        return strategy.reduce("SUM", output.totals, axis=None)

    return run(values).numpy()


@pytest.mark.parametrize("replicas", [1, 2])
def test_train_step_takes_the_gradient_of_the_mean_over_real_examples(replicas):
    inputs = RNG.normal(size=(4, 3)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    weights = np.array([1, 1, 1, 0], np.float32)  # the last is padding
    strategy = strategy_lib.build_strategy(
        "mirrored", num_virtual_devices=replicas
    )
    with strategy.scope():
        model = _linear_model(keras.optimizers.SGD(0.5))
    kernel, bias = model.get_weights()
    split = [np.array_split(v, replicas) for v in (inputs, labels, weights)]
    totals = _run_train_step(strategy, model, list(zip(*split)))

    logits = inputs.astype(np.float64) @ kernel + bias
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = (softmax - labels)[:3] / 3
    expected_kernel = kernel - 0.5 * inputs[:3].T @ error
    expected_bias = bias - 0.5 * error.sum(axis=0)
    losses = -np.log((softmax * labels).sum(axis=1))[:3]
    correct = (softmax.argmax(1) == labels.argmax(1))[:3]

    np.testing.assert_allclose(
        model.get_weights()[0], expected_kernel, atol=1e-6
    )
    np.testing.assert_allclose(
        model.get_weights()[1], expected_bias, atol=1e-6
    )
    np.testing.assert_allclose(
        totals, [losses.sum(), correct.sum(), 3], rtol=1e-6
    )
    assert int(model.optimizer.iterations.numpy()) == 1


@pytest.mark.parametrize("learning_rate", [0.005, 0.5])
def test_train_step_equals_keras_train_on_batch(learning_rate):
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        model = model_lib.build_model("lesson", (64, 64, 1), 2)
        model_lib.compile_model(model, learning_rate)
        models.append(model)
    ours, keras_own = models
    step = tf.function(steps.train_step)
    for _ in range(3):
        batch = (IMAGES, LABELS, np.ones(5, np.float32))
        output = step(ours, tuple(map(tf.constant, batch)))
        loss = keras_own.train_on_batch(IMAGES, LABELS)[0]
        assert float(output.totals[0]) / 5 == pytest.approx(loss, rel=1e-5)
        keras_own.reset_metrics()
    for a, b in zip(ours.get_weights(), keras_own.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_loss_is_finite_where_a_probability_rounds_to_zero():
    # The logits behind the softmax are used, as in Keras's `fit`.
    model = _linear_model(keras.optimizers.SGD(0.0))
    model.layers[-1].set_weights(
        [np.full((3, 2), [[200.0, 0.0]], np.float32), np.zeros(2, np.float32)]
    )
    batch = (tf.ones((1, 3)), tf.constant([[0.0, 1.0]]), tf.ones(1))
    output = tf.function(steps.eval_step)(model, batch)
    assert float(output.scores[0, 1]) == 0
    assert float(output.totals[0]) == pytest.approx(600, rel=1e-6)


def test_eval_step_changes_nothing():
    model = model_lib.build_model("lesson", (64, 64, 1), 2)
    model_lib.compile_model(model, 0.5)
    before = model.get_weights()
    batch = tuple(map(tf.constant, (IMAGES, LABELS, np.ones(5, np.float32))))
    output = tf.function(steps.eval_step)(model, batch)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert output.labels.numpy().tolist() == [0, 1, 1, 0, 1]
    np.testing.assert_allclose(
        output.scores, model.predict_on_batch(IMAGES), atol=1e-6
    )


@pytest.mark.parametrize("strategy_name", ["default", "mirrored"])
def test_pass_traces_its_step_once_with_a_partial_last_batch(strategy_name):
    strategy = strategy_lib.build_strategy(
        strategy_name, num_virtual_devices=2 * (strategy_name == "mirrored")
    )
    with strategy.scope():
        model = model_lib.build_model("lesson", (64, 64, 1), 2)
        model_lib.compile_model(model, 0.01)

    def make_dataset(ctx):
        ds = tf.data.Dataset.from_tensor_slices(
            (IMAGES, LABELS, np.ones(5, np.float32))
        )
        if ctx.num_replicas_in_sync == 1:
            return ds.batch(2).repeat()
        return ds.take(4).batch(1, drop_remainder=True).repeat()

    batches = iter(strategy.distribute_datasets_from_function(make_dataset))
    runner = passes.PassRunner(model, strategy, tf.identity, tf.identity)
    num_steps = 3 if strategy_name == "default" else 2
    for _ in range(3):
        callbacks = keras.callbacks.CallbackList()
        result = runner.train(batches, num_steps, callbacks, lambda: False)
        runner.evaluate(batches, num_steps, callbacks, lambda: False)
    assert result.num_examples == (5 if strategy_name == "default" else 4)
    assert runner._train_step.experimental_get_tracing_count() == 1
    assert runner._eval_step.experimental_get_tracing_count() == 1
