"""What happens in an epoch, as pure functions of seed and epoch."""

import tensorflow as tf

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
    key = tf.stack([tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)])
    if shuffle:
        ranks = params_lib.draw_uniforms(key, num_examples)["order"]
        order = tf.cast(tf.argsort(ranks, stable=True), tf.int64)
    else:
        order = tf.range(num_examples, dtype=tf.int64)
    params = params_lib.sample_params(
        key, image_shape, config, num_examples=num_examples
    )
    return order, params
