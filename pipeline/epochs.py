"""Which epoch, and which of its steps, a pass over a dataset holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import xla


def make_spans(
    epoch: int,
    step: int,
    steps: int,
    *,
    num_epochs: int | None = None,
    num_spans: int = 1,
) -> tf.data.Dataset:
    """Returns a dataset of the parts of epochs that a pass goes through.

    Args:
        epoch: Epoch of the first pass.
        step: Global batch at which it starts.
        steps: Global batches in an epoch.
        num_epochs: As for `make_train_dataset`, like the next.
        num_spans: Into how many parts an epoch is cut.

    Returns:
        `tf.data.Dataset` of int64 scalars: the epoch, the first step of the
        part, and the step after its last.

    Raises:
        ValueError: If a number is out of its range.
    """
    _check_start(epoch, step, steps)
    _check_spans(num_epochs, num_spans)
    if num_epochs is None:
        return _count_passes(epoch, step, steps)
    return _list_spans(epoch, step, steps, num_epochs, num_spans)


def _check_spans(num_epochs: int | None, num_spans: int) -> None:
    if num_epochs is not None and num_epochs < 1:
        raise ValueError(
            "`num_epochs` must be None, or 1 or more. "
            f"Received: num_epochs={num_epochs!r}"
        )
    if num_spans < 1 or (num_spans > 1 and num_epochs is None):
        raise ValueError(
            "`num_spans` must be 1, or more with `num_epochs`. "
            f"Received: num_spans={num_spans!r}, num_epochs={num_epochs!r}"
        )


def _check_start(epoch: int, step: int, steps: int) -> None:
    if epoch < 0:
        raise ValueError(
            f"`epoch` must be 0 or more. Received: epoch={epoch!r}"
        )
    if not 0 <= step <= steps:
        raise ValueError(
            f"`step` must be from 0 to {steps}, the steps of an epoch. "
            f"Received: step={step!r}"
        )


def _list_spans(
    epoch: int, step: int, steps: int, num_epochs: int, num_spans: int
) -> tf.data.Dataset:
    """Returns the parts of the given epochs, the same in every pass."""
    width = max(1, -(-steps // num_spans))
    first = np.arange(0, steps, width)
    end = np.minimum(first + width, steps)
    numbers: npt.NDArray[np.int64] = np.repeat(
        np.arange(epoch, epoch + num_epochs), len(first)
    )
    first, end = np.tile(first, num_epochs), np.tile(end, num_epochs)
    first = np.where(numbers == epoch, np.maximum(first, step), first)
    spans = np.stack([numbers, first, end])[:, first < end]
    return tf.data.Dataset.from_tensor_slices(tuple(spans.astype(np.int64)))


def _count_passes(epoch: int, step: int, steps: int) -> tf.data.Dataset:
    """Returns one part: the next epoch, whole but in the first pass.

    The count is a resource outside the dataset, since a dataset restarts from
    nothing in every pass. A hash table is one that no `tf.distribute` strategy
    intercepts, so the dataset may be made within a strategy's scope.
    """
    with tf.init_scope(), tf.device("CPU:0"):
        passes = tf.lookup.experimental.MutableHashTable(
            tf.int64, tf.int64, default_value=0
        )

    def begin(key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        count = passes.lookup(key)
        passes.insert(key, count + 1)
        first_step = tf.where(count == 0, tf.constant(step, tf.int64), 0)
        return epoch + count, first_step, tf.constant(steps, tf.int64)

    ds = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64))
    return ds.map(xla.without_autograph(begin))
