"""What happens in an epoch, as pure functions of seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from pipeline import batching as batching_lib
from pipeline import config as config_lib
from pipeline import data_source
from pipeline import example_order
from pipeline import params as params_lib


def epoch_plan(
    seed: int | tf.Tensor,
    epoch: int | tf.Tensor,
    *,
    num_examples: int,
    image_shape: Sequence[int | tf.Tensor],
    config: config_lib.AugmentConfig,
    shuffle: bool = True,
) -> tuple[tf.Tensor, params_lib.Params]:
    """Returns the order of an epoch and every example's transform.

    Global batch `s` of size `g` holds examples `order[s * g:(s + 1) * g]`, and
    example `i` is transformed by row `i` of the parameters, whatever the
    parallelism, the number of replicas or the step an epoch was entered at.

    Args:
        seed: int or int64 scalar, any value.
        epoch: int or int64 scalar, counted from 0.
        num_examples: Size of the split.
        image_shape: `(height, width, channels)` as for `sample_params`.
        config: What is augmented, and how much.
        shuffle: Whether the order is a fresh uniform permutation, or 0, 1, ...

    Returns:
        Pair of `order`, int64 `[num_examples]` of listing indices, and the
        dictionary of `sample_params` for the seed `(seed, epoch)`, with vectors
        `[num_examples]`.
    """
    key = make_key(seed, epoch)
    order = example_order.natural_order(key, num_examples, shuffle)
    params = params_lib.sample_params(
        key, image_shape, config, num_examples=num_examples
    )
    return order, params


def make_key(seed: int | tf.Tensor, epoch: int | tf.Tensor) -> tf.Tensor:
    """Returns what an epoch draws all its numbers from, int64 `[2]`."""
    return tf.stack([tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)])


def order_and_rows(
    data: data_source.DataSource,
    key: tf.Tensor,
    *,
    shuffle: bool,
    sampling: example_order.Sampling,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which examples an epoch draws, and whose transforms they take.

    Args:
        data: An opened split.
        key: As `make_key` returns it.
        shuffle: Whether the order is random.
        sampling: How often each example is drawn.

    Returns:
        Pair of int64 `[num_examples]`: example numbers in the order of the
        epoch, and the rows of the parameters in the same. An example's row is
        its own number; but where one may be drawn twice, and is to look
        different, it is the draw's.
    """
    if sampling == "natural":
        order = example_order.natural_order(key, data.num_examples, shuffle)
        return order, order
    order = example_order.balanced_order(key, data.read_labels())
    return order, tf.range(data.num_examples, dtype=tf.int64)


def draw_epoch(
    data: data_source.DataSource,
    config: config_lib.AugmentConfig,
    key: tf.Tensor,
    *,
    shuffle: bool,
    sampling: example_order.Sampling,
) -> batching_lib.Draws:
    """Returns all that is random in an epoch of a split.

    Args:
        data: An opened split.
        config: What is augmented, and how much.
        key: As `make_key` returns it.
        shuffle: Whether the order is random.
        sampling: How often each example is drawn.
    """
    order, rows = order_and_rows(data, key, shuffle=shuffle, sampling=sampling)
    params = params_lib.sample_params(
        key,
        image_shape(data, config),
        config,
        num_examples=data.num_examples,
    )
    # A transform that is off has no tensor; a missing key is neutral.
    drawn = {k: v for k, v in params.items() if tf.is_tensor(v)}
    return batching_lib.Draws(order, rows, drawn, shuffled=shuffle)


def image_shape(
    data: data_source.DataSource, config: config_lib.AugmentConfig
) -> tuple[int, int, int]:
    """Returns the shape of an image in a batch, in the configured format."""
    height, width, channels = data.image_shape
    if config.data_format == config_lib.DATA_FORMATS[1]:
        return channels, height, width
    return height, width, channels
