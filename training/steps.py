"""One batch on one replica: pure functions, run by a strategy.

Losses are weighted sums over the replica's examples; the division is by the
weight of the *global* batch, so that padding and an uneven share of the last
batch change nothing: the sum over replicas is the mean over real examples.
"""

import typing

import keras
import tensorflow as tf


class StepOutput(typing.NamedTuple):
    """What a replica reports about its share of a batch.

    Attributes:
        totals: float64 `[3]`, weighted sums over the examples: loss, correct
            predictions, weight.
        scores: float32 `[examples, num_classes]`, probabilities.
        labels: int64 `[examples]`, class indices.
        weights: float32 `[examples]`, 0 for padding.
    """

    totals: tf.Tensor
    scores: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor


def train_step(model, batch):
    """Updates `model` by one step of its optimizer; returns a `StepOutput`.

    Args:
        model: A compiled `keras.Model`, its optimizer built.
        batch: `(image, label, weight)`: float32 `[examples, height, width,
            channels]`, float32 one-hot `[examples, num_classes]`, float32
            `[examples]`.
    """
    image, label, weight = batch
    replica_context = tf.distribute.get_replica_context()
    global_weight = replica_context.all_reduce(
        tf.distribute.ReduceOp.SUM, tf.reduce_sum(weight)
    )
    with tf.GradientTape() as tape:
        scores = model(image, training=True)
        losses = _losses(label, scores)
        loss = tf.reduce_sum(losses * weight) / global_weight
    gradients = tape.gradient(loss, model.trainable_variables)
    # On the TensorFlow backend the optimizer sums gradients over replicas.
    model.optimizer.apply(gradients, model.trainable_variables)
    return _step_output(losses, scores, label, weight)


def eval_step(model, batch):
    """Returns the `StepOutput` of `model` on `batch`, changing nothing."""
    image, label, weight = batch
    scores = model(image, training=False)
    return _step_output(_losses(label, scores), scores, label, weight)


def _losses(label, scores):
    """Returns the cross entropy of each example, float32 `[examples]`.

    Keras finds the logits behind a softmax by itself, so nothing is lost where
    a probability rounds to 0 or 1.
    """
    return keras.losses.categorical_crossentropy(label, scores)


def _step_output(losses, scores, label, weight):
    labels = tf.argmax(label, axis=-1)
    correct = tf.cast(tf.equal(tf.argmax(scores, axis=-1), labels), tf.float64)
    exact_weight = tf.cast(weight, tf.float64)
    totals = tf.stack(
        [
            tf.reduce_sum(tf.cast(losses, tf.float64) * exact_weight),
            tf.reduce_sum(correct * exact_weight),
            tf.reduce_sum(exact_weight),
        ]
    )
    return StepOutput(totals, scores, labels, weight)
