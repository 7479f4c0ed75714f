"""A dataset whose passes begin in milliseconds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from migration import batches as batches_lib
from pipeline import input_pipeline
from pipeline import xla


def make_dataset(
    batches: batches_lib.EpochBatches,
    *,
    epoch: int = 0,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Returns a dataset of batches; each pass is the next epoch.

    Args:
        batches: The batches.
        epoch: Number of the first epoch.
        num_parallel_calls: Batches computed at once.

    Raises:
        ValueError: If labels, weights or inputs are no tensors.
    """
    steps = batches.batching.steps
    passes = itertools.count(epoch)
    spec = _make_spec(batches)
    flat_spec = tf.nest.flatten(spec)

    def begin() -> npt.NDArray[np.int64]:
        return np.arange(steps) + steps * next(passes)

    def make(number: tf.Tensor) -> list[tf.Tensor]:
        epoch, step = divmod(int(number), steps)
        element = batches.make(epoch, step, as_numpy=False)
        return [tf.convert_to_tensor(part) for part in tf.nest.flatten(element)]

    def make_batch(number: tf.Tensor) -> Any:
        tensors = tf.py_function(make, [number], [s.dtype for s in flat_spec])
        for tensor, tensor_spec in zip(tensors, flat_spec):
            tensor.set_shape(tensor_spec.shape)
        return tf.nest.pack_sequence_as(spec, tensors)

    # As few and as small functions as may be: each is made ready anew for every
    # pass. So batches are numbered on from epoch to epoch.
    ds = tf.data.Dataset.range(1).map(
        lambda _: tf.ensure_shape(
            tf.numpy_function(begin, [], tf.int64), [steps]
        )
    )
    ds = ds.unbatch().map(
        xla.without_autograph(make_batch),
        num_parallel_calls=num_parallel_calls,
        deterministic=True,
    )
    ds = ds.apply(tf.data.experimental.assert_cardinality(steps))
    ds = ds.with_options(input_pipeline.make_options())
    return ds.prefetch(tf.data.AUTOTUNE)


def _make_spec(batches: batches_lib.EpochBatches) -> Any:
    """Returns what elements of the dataset are."""
    batching = batches.batching
    size = None if batching.has_partial else batching.batch_size
    first: npt.NDArray[np.int64] = np.zeros(1, np.int64)
    element = batches.targets.make_element(
        tf.zeros((1, *batches.image_shape), batches.config.dtype),
        first,
        np.ones(1, bool) if batches.is_weighted else None,
    )

    def describe(array: Any) -> tf.TensorSpec:
        try:
            tensor = tf.convert_to_tensor(array)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "Labels, weights and inputs must be numbers or texts, of one "
                "shape for all examples, for a dataset. Received: "
                f"{np.asarray(array, object)[0]!r} for the first"
            ) from error
        return tf.TensorSpec([size, *tensor.shape[1:]], tensor.dtype)

    if isinstance(element, list):
        # Inputs alone: of a pair, Keras would take the second for labels.
        element = (tuple(element),)
    return tf.nest.map_structure(describe, element)
