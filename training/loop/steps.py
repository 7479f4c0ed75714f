"""One batch on one replica: pure functions, run by a strategy.

Losses are weighted sums over the replica's examples; the division is by the
number of real examples of the *global* batch, so that padding and an uneven
share of the last batch change nothing: the sum over replicas is the mean over
real examples.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from training.loop import epoch_metrics

# A replica's share of a global batch: images float32 `[examples, height, width,
# channels]`, one-hot labels float32 `[examples, num_classes]`, and weights
# float32 `[examples]`, 1 for real examples and 0 for padding, which comes last,
# as `pipeline.make_train_dataset` orders it.
Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


class StepOutput(NamedTuple):
    """What a replica reports about its share of a batch.

    Attributes:
        totals: Sums over the real examples.
        examples: All examples of the batch, padding included.
        not_finite: float64, 1 if a weight of the model is not finite, else 0.
    """

    totals: epoch_metrics.Totals
    examples: epoch_metrics.ScoredExamples
    not_finite: tf.Tensor


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

    class_weights: np.ndarray | None = None
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    trim: bool = False

    def __call__(self, model: keras.Model, batch: Batch) -> StepOutput:
        """Runs in a replica's context.

        Args:
            model: Compiled, its optimizer built.
            batch: The replica's share of a global batch.
        """
        _, _, all_weights = batch
        (global_weight,) = _sum_over_replicas([tf.reduce_sum(all_weights)])
        seen = _trim(batch, global_weight) if self.trim else batch
        images, labels, weights = seen
        with tf.GradientTape() as tape:
            scores = model(images, training=True)
            losses = self._losses(labels, scores)
            loss = tf.reduce_sum(losses * weights) / global_weight
            # Public since Keras 3.0: `Trainer.train_step` calls it likewise.
            loss = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients = self._prepare(gradients, model.optimizer)
        # On the TensorFlow backend the optimizer sums gradients over replicas.
        model.optimizer.apply(gradients, model.trainable_variables)
        return StepOutput(
            _sum_up(losses, scores, labels, weights),
            _fill_up(scores, batch),
            _any_not_finite(model.trainable_variables),
        )

    def _losses(self, labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        losses = _cross_entropy(labels, scores, self.label_smoothing)
        if self.class_weights is not None:
            weights = tf.constant(self.class_weights, tf.float32)
            losses *= tf.gather(weights, tf.argmax(labels, axis=-1))
        return losses

    def _prepare(
        self, gradients: list[tf.Tensor], optimizer: keras.optimizers.Optimizer
    ) -> list[tf.Tensor]:
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


def eval_step(model: keras.Model, batch: Batch) -> StepOutput:
    """Evaluates `model` on a replica's share of a batch, changing nothing."""
    images, labels, weights = batch
    scores = model(images, training=False)
    return StepOutput(
        _sum_up(_cross_entropy(labels, scores), scores, labels, weights),
        _fill_up(scores, batch),
        not_finite=tf.zeros([], tf.float64),
    )


def _cross_entropy(
    labels: tf.Tensor, scores: tf.Tensor, label_smoothing: float = 0.0
) -> tf.Tensor:
    """Returns the cross entropy of each example, float32 `[examples]`.

    Keras finds the logits behind a softmax by itself, so nothing is lost where
    a probability rounds to 0 or 1.
    """
    return keras.losses.categorical_crossentropy(
        labels, scores, label_smoothing=label_smoothing
    )


def _sum_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def _trim(batch: Batch, global_weight: tf.Tensor) -> Batch:
    """Returns the batch without its padding.

    Where there are fewer examples than replicas, each replica keeps as many as
    there are, which the pipeline has made all of them, with weight 0 for those
    of others: BatchNormalization finds the same mean and variance, and no
    network meets an empty batch, which TensorFlow's oneDNN convolutions give a
    wrong shape (2.21).
    """
    images, labels, weights = batch
    global_size = tf.cast(global_weight, tf.int32)
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    size = tf.where(
        global_size < replicas,
        tf.minimum(global_size, tf.shape(weights)[0]),
        tf.math.count_nonzero(weights, dtype=tf.int32),
    )
    return images[:size], labels[:size], weights[:size]


def _sum_up(
    losses: tf.Tensor,
    scores: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
) -> epoch_metrics.Totals:
    """Sums up what was computed for the real examples of a batch."""
    correct = tf.equal(tf.argmax(scores, axis=-1), tf.argmax(labels, axis=-1))
    weights = tf.cast(weights, tf.float64)
    return epoch_metrics.Totals(
        loss=tf.reduce_sum(tf.cast(losses, tf.float64) * weights),
        correct=tf.reduce_sum(tf.cast(correct, tf.float64) * weights),
        num_examples=tf.reduce_sum(weights),
    )


def _fill_up(scores: tf.Tensor, batch: Batch) -> epoch_metrics.ScoredExamples:
    """Returns all examples of a batch, with scores 0 for those cut off."""
    _, labels, weights = batch
    missing = tf.shape(weights)[0] - tf.shape(scores)[0]
    return epoch_metrics.ScoredExamples(
        scores=tf.pad(scores, [[0, missing], [0, 0]]),
        labels=tf.argmax(labels, axis=-1),
        weights=weights,
    )


def _any_not_finite(variables: Sequence[keras.Variable]) -> tf.Tensor:
    """Returns 1 if a value of the variables is not finite, else 0.

    The loss need not show it: where libraries fuse a convolution with its
    activation, the ReLU of NaN is 0. A sum is finite only if its terms are.
    """
    sums = [tf.reduce_sum(tf.convert_to_tensor(v)) for v in variables]
    finite = tf.reduce_all(tf.math.is_finite(tf.stack(sums)))
    return 1 - tf.cast(finite, tf.float64)
