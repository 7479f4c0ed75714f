"""One batch on one replica: pure functions, run by a strategy.

Losses are weighted sums over the replica's examples; the division is by the
number of real examples of the *global* batch, so that padding and an uneven
share of the last batch change nothing: the sum over replicas is the mean over
real examples.
"""

import dataclasses
import typing
from typing import Any

import keras
import tensorflow as tf


class StepOutput(typing.NamedTuple):
    """What a replica reports about its share of a batch.

    Attributes:
        totals: float64 `[3]`, sums over the real examples: loss, correct
            predictions, their number.
        scores: float32 `[examples, num_classes]`, probabilities.
        labels: int64 `[examples]`, class indices.
        weights: float32 `[examples]`, 0 for padding.
        broken: float64, 1 if a weight of the model is not finite now, else 0.
    """

    totals: tf.Tensor
    scores: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor
    broken: tf.Tensor


@dataclasses.dataclass(frozen=True)
class TrainStep:
    """Updates a model by one step of its optimizer.

    Attributes:
        class_weights: float32 `[num_classes]`, what an example of each class
            counts in the loss, or None for 1. As in Keras's `fit`, the sum is
            divided by the number of examples, not by that of their weights.
        label_smoothing: Share of each label given to all classes alike.
        clip_norm: Largest global norm of the gradients; 0 for any.
        trim: Whether examples that only fill the batch are cut off before the
            network sees them, so that BatchNormalization does not: for several
            replicas, where shapes may vary.
    """

    class_weights: Any = None
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    trim: bool = False

    def __call__(self, model, batch):
        """Runs in a replica's context; returns a `StepOutput`.

        Args:
            model: A compiled `keras.Model`, its optimizer built.
            batch: `(image, label, weight)`: float32 `[examples, height, width,
                channels]`, float32 one-hot `[examples, num_classes]`, float32
                `[examples]`, 1 for real examples and 0 for the padding, which
                comes last, as `pipeline.make_train_dataset` orders it.
        """
        (global_weight,) = _sum_over_replicas([tf.reduce_sum(batch[-1])])
        seen = _trim(batch, global_weight) if self.trim else batch
        image, label, weight = seen
        with tf.GradientTape() as tape:
            scores = model(image, training=True)
            losses = self._losses(label, scores)
            loss = tf.reduce_sum(losses * weight) / global_weight
            loss = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients = self._prepare(gradients, model.optimizer)
        # On the TensorFlow backend the optimizer sums gradients over replicas.
        model.optimizer.apply(gradients, model.trainable_variables)
        output = _step_output(losses, scores, label, weight, batch)
        return output._replace(broken=_broken(model.trainable_variables))

    def _losses(self, label, scores):
        losses = _cross_entropy(label, scores, self.label_smoothing)
        if self.class_weights is not None:
            weights = tf.constant(self.class_weights, tf.float32)
            losses *= tf.gather(weights, tf.argmax(label, axis=-1))
        return losses

    def _prepare(self, gradients, optimizer):
        """Clips gradients by the norm of what all replicas have together.

        Keras clips what each replica has before it sums, and looks for
        overflows in the gradients of the first replica only. So these two need
        the sum first; the share of it that is returned makes Keras's sum of
        shares the same.
        """
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if not (self.clip_norm or scaled):
            return gradients
        gradients = _sum_over_replicas(gradients)
        if self.clip_norm:
            limit = optimizer.scale_loss(tf.constant(self.clip_norm))
            gradients, _ = tf.clip_by_global_norm(gradients, limit)
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        return [gradient / replicas for gradient in gradients]


def eval_step(model, batch):
    """Returns the `StepOutput` of `model` on `batch`, changing nothing."""
    image, label, weight = batch
    scores = model(image, training=False)
    losses = _cross_entropy(label, scores)
    return _step_output(losses, scores, label, weight, batch)


def _cross_entropy(label, scores, label_smoothing=0.0):
    """Returns the cross entropy of each example, float32 `[examples]`.

    Keras finds the logits behind a softmax by itself, so nothing is lost where
    a probability rounds to 0 or 1.
    """
    return keras.losses.categorical_crossentropy(
        label, scores, label_smoothing=label_smoothing
    )


def _sum_over_replicas(values):
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def _trim(batch, global_weight):
    """Returns the batch without its padding.

    Where there are fewer examples than replicas, each replica keeps as many as
    there are, which the pipeline has made all of them, with weight 0 for those
    of others: BatchNormalization finds the same mean and variance, and no
    network meets an empty batch, which TensorFlow's oneDNN convolutions give a
    wrong shape (2.21).
    """
    weight = batch[-1]
    global_size = tf.cast(global_weight, tf.int32)
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    size = tf.math.count_nonzero(weight, dtype=tf.int32)
    size = tf.where(
        global_size < replicas,
        tf.minimum(global_size, tf.shape(weight)[0]),
        size,
    )
    return tuple(value[:size] for value in batch)


def _step_output(losses, scores, label, weight, batch):
    """Sums up what was computed for the real examples of `batch`."""
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
    _, label, weight = batch
    missing = tf.shape(weight)[0] - tf.shape(scores)[0]
    scores = tf.pad(scores, [[0, missing], [0, 0]])
    labels = tf.argmax(label, axis=-1)
    return StepOutput(totals, scores, labels, weight, tf.zeros([], tf.float64))


def _broken(variables):
    """Returns 1 if a value of the variables is not finite, else 0.

    The loss need not show it: where libraries fuse a convolution with its
    activation, the ReLU of NaN is 0. A sum is finite only if its terms are.
    """
    sums = [tf.reduce_sum(tf.convert_to_tensor(v)) for v in variables]
    finite = tf.reduce_all(tf.math.is_finite(tf.stack(sums)))
    return 1 - tf.cast(finite, tf.float64)
