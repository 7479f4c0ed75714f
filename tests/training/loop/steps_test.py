"""A step on one and on two replicas against arithmetic done by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline import batching
from training import model as model_lib
from training.loop import epoch_metrics
from training.loop import steps
from training.loop import strategy as strategy_lib

IMAGES = np.random.default_rng(5).random((5, 64, 64, 1)).astype(np.float32)
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


def _run_train_step(strategy, model, replica_batches, **options):
    """Runs one step, giving each replica its own batch."""
    train_step = steps.TrainStep(**options)
    values = strategy.experimental_distribute_values_from_function(
        lambda ctx: tuple(
            tf.constant(v)
            for v in replica_batches[ctx.replica_id_in_sync_group]
        )
    )

    @tf.function
    def run(batch):
        totals = strategy.run(lambda b: train_step(model, b).totals, (batch,))
        return [strategy.reduce("SUM", total, axis=None) for total in totals]

    totals = epoch_metrics.Totals(*run(values))
    return [total.numpy() for total in totals]


@pytest.mark.parametrize("replicas", [1, 2])
def test_train_step_takes_the_gradient_of_the_mean_over_real_examples(
    replicas, rng
):
    inputs = rng.normal(size=(4, 3)).astype(np.float32)
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
    np.testing.assert_allclose(model.get_weights()[1], expected_bias, atol=1e-6)
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
        model_lib.compile_model(model, keras.optimizers.Adam(learning_rate))
        models.append(model)
    ours, keras_own = models
    step = tf.function(steps.TrainStep())
    for _ in range(3):
        batch = (IMAGES, LABELS, np.ones(5, np.float32))
        output = step(ours, tuple(map(tf.constant, batch)))
        loss = keras_own.train_on_batch(IMAGES, LABELS)[0]
        assert float(output.totals.loss) / 5 == pytest.approx(loss, rel=1e-5)
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
    assert float(output.examples.scores[0, 1]) == 0
    assert float(output.totals.loss) == pytest.approx(600, rel=1e-6)


def test_eval_step_changes_nothing():
    model = model_lib.build_model("lesson", (64, 64, 1), 2)
    model_lib.compile_model(model, keras.optimizers.Adam(0.5))
    before = model.get_weights()
    batch = tuple(map(tf.constant, (IMAGES, LABELS, np.ones(5, np.float32))))
    output = tf.function(steps.eval_step)(model, batch)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert output.examples.labels.numpy().tolist() == [0, 1, 1, 0, 1]
    np.testing.assert_allclose(
        output.examples.scores, model.predict_on_batch(IMAGES), atol=1e-6
    )


def _classes_and_weights(rng):
    inputs = rng.normal(size=(6, 3)).astype(np.float32)
    return inputs, np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1, 1]]


def test_class_weights_and_smoothing_give_the_step_of_keras_fit(rng):
    inputs, labels = _classes_and_weights(rng)
    theirs = _linear_model(keras.optimizers.SGD(0.5))
    theirs.compile(
        keras.optimizers.SGD(0.5),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.2),
    )
    history = theirs.fit(
        inputs,
        labels,
        batch_size=6,
        class_weight={0: 3.0, 1: 0.5},
        shuffle=False,
        verbose=0,
    )
    strategy = strategy_lib.build_strategy("mirrored", num_virtual_devices=1)
    with strategy.scope():
        ours = _linear_model(keras.optimizers.SGD(0.5))
    totals = _run_train_step(
        strategy,
        ours,
        [(inputs, labels, np.ones(6, np.float32))],
        class_weights=np.array([3.0, 0.5], np.float32),
        label_smoothing=0.2,
    )
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert totals[0] / 6 == pytest.approx(history.history["loss"][0], rel=1e-5)


@pytest.mark.parametrize("replicas", [1, 2])
def test_gradients_are_clipped_by_the_norm_over_all_replicas(replicas, rng):
    inputs, labels = _classes_and_weights(rng)
    theirs = _linear_model(keras.optimizers.SGD(0.5, global_clipnorm=0.01))
    theirs.train_on_batch(inputs, labels)
    strategy = strategy_lib.build_strategy(
        "mirrored", num_virtual_devices=replicas
    )
    with strategy.scope():
        ours = _linear_model(keras.optimizers.SGD(0.5))
    split = [np.array_split(v, replicas) for v in (inputs, labels, np.ones(6))]
    split[2] = [part.astype(np.float32) for part in split[2]]
    _run_train_step(strategy, ours, list(zip(*split)), clip_norm=0.01)
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def _normalizing_model():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(synchronized=True),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize(
    "num_examples, replicas", [(5, 2), (5, 3), (1, 2), (2, 3)]
)
def test_normalization_does_not_see_the_padding(num_examples, replicas, rng):
    """Also where there are fewer examples than replicas to share them."""
    inputs = rng.normal(size=(num_examples, 3)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]][:num_examples]
    theirs = _normalizing_model()
    theirs.train_on_batch(inputs, labels)
    strategy = strategy_lib.build_strategy(
        "mirrored", num_virtual_devices=replicas
    )
    with strategy.scope():
        ours = _normalizing_model()
    shared = batching.make_batching(
        num_examples, 8, "pad", tf.distribute.InputContext(1, 0, replicas)
    )
    places, real = map(np.asarray, shared.share(num_examples))
    batches = [
        (inputs[p], labels[p], r.astype(np.float32))
        for p, r in zip(places, real)
    ]
    totals = _run_train_step(strategy, ours, batches, trim=True)
    assert totals[-1] == num_examples
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, atol=2e-6)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_weight_that_is_not_finite_is_reported_where_the_loss_hides_it(value):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4)(inputs)
    hidden = keras.layers.Lambda(lambda x: tf.zeros_like(x))(hidden)
    outputs = keras.layers.Dense(2, activation="softmax")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.trainable_variables[0].assign(np.full((3, 4), value))
    batch = (tf.ones([5, 3]), tf.constant(LABELS), tf.ones(5))
    output = steps.TrainStep()(model, batch)
    assert np.isfinite([total.numpy() for total in output.totals]).all()
    assert output.not_finite.numpy() == (not np.isfinite(value))
