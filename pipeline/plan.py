"""What happens in an epoch, as pure functions of seed and epoch."""

import tensorflow as tf

from pipeline import example_order
from pipeline import params as params_lib


def epoch_plan(seed, epoch, *, num_examples, image_shape, config, shuffle=True):
    """Returns the order of an epoch and every example's transform.

    Global batch `s` of size `g` holds examples `order[s * g:(s + 1) * g]`, and
    example `i` is transformed by row `i` of the parameters, whatever the
    parallelism, the number of replicas or the step an epoch was entered at.

    Args:
        seed: int or int64 scalar, any value.
        epoch: int or int64 scalar, counted from 0.
        num_examples: int, size of the split.
        image_shape: `(height, width, channels)` as for `sample_params`.
        config: `AugmentConfig`.
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


def make_key(seed, epoch):
    """Returns what an epoch draws all its numbers from, int64 `[2]`."""
    return tf.stack([tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)])


def draw_order(data, key, *, shuffle, sampling):
    """Returns what an epoch draws, and whose transforms it takes.

    Args:
        data: An opened split.
        key: As `make_key` returns it.
        shuffle: Whether the order is random.
        sampling: One of `example_order.SAMPLINGS`.

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
