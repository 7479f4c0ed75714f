"""Which examples an epoch draws, and in what order: each once, or balanced."""

import numpy as np
import tensorflow as tf

from pipeline import params as params_lib

SAMPLINGS = ("natural", "balanced")


def check_sampling(sampling, shuffle, labels, class_names):
    """Raises ValueError unless an epoch can be drawn so.

    Args:
        sampling: One of `SAMPLINGS`.
        shuffle: Whether the order of the epoch is random.
        labels: Function that returns int `[num_examples]`.
        class_names: Names in the order of the labels.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(
            f"`sampling` must be one of {', '.join(SAMPLINGS)}. "
            f"Received: sampling={sampling!r}"
        )
    if sampling == "natural":
        return
    if not shuffle:
        raise ValueError(
            "`sampling` must be 'natural' where nothing is shuffled. "
            "Received: sampling='balanced', shuffle=False"
        )
    counts = np.bincount(labels(), minlength=len(class_names))
    if not counts.all():
        missing = [n for n, count in zip(class_names, counts) if not count]
        raise ValueError(
            "`sampling` must be 'natural' where a class has no examples: there "
            f"are none of {', '.join(missing)}. Received: sampling='balanced'"
        )


def natural_order(key, num_examples, shuffle=True):
    """Returns each example once, int64 `[num_examples]`.

    Args:
        key: int64 `[2]`, seed and epoch.
        num_examples: int.
        shuffle: Whether in a fresh uniform permutation, or as 0, 1, ...
    """
    if not shuffle:
        return tf.range(num_examples, dtype=tf.int64)
    ranks = params_lib.draw_uniforms(key, num_examples)["order"]
    return tf.cast(tf.argsort(ranks, stable=True), tf.int64)


def balanced_order(key, labels):
    """Returns as many draws as there are examples, of each class as many.

    Where the classes do not divide the number, those whose turn it is, by seed
    and epoch, get one more. Within a class each example is drawn equally often,
    but for one; a class that is larger than its share is drawn from without
    replacement. The order of all draws is a uniform permutation.

    Args:
        key: int64 `[2]`, seed and epoch.
        labels: int array `[num_examples]`, each class at least once.

    Returns:
        int64 `[num_examples]` of example numbers.
    """
    num_examples, num_classes = len(labels), int(labels.max()) + 1
    ranks = params_lib.draw_uniforms(key, num_examples)["order"]
    share, rest = divmod(num_examples, num_classes)
    draws = []
    for label in range(num_classes):
        members = np.flatnonzero(labels == label)
        shuffled = tf.gather(members, tf.argsort(tf.gather(ranks, members)))
        turn = tf.math.floormod(label + key[0] + key[1], num_classes)
        size = share + tf.cast(turn < rest, tf.int64)
        places = tf.range(size, dtype=tf.int64) % len(members)
        draws.append(tf.gather(shuffled, places))
    # The seed of no epoch: an independent table of uniform numbers.
    apart = params_lib.draw_uniforms(
        tf.stack([key[0], -1 - key[1]]), num_examples
    )
    order = tf.argsort(apart["order"], stable=True)
    return tf.gather(tf.concat(draws, axis=0), order)
