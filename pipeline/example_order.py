"""Which examples an epoch draws, and in what order: each once, or balanced."""

from __future__ import annotations

from typing import Literal
from typing import get_args

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import checks
from pipeline import data_source
from pipeline import params as params_lib

Sampling = Literal["natural", "balanced"]
SAMPLINGS: tuple[str, ...] = get_args(Sampling)


def check_sampling(
    sampling: Sampling, shuffle: bool, data: data_source.DataSource
) -> None:
    """Raises ValueError unless epochs of a split can be drawn so.

    Args:
        sampling: How often each example is drawn.
        shuffle: Whether the order of the epoch is random.
        data: An opened split.
    """
    checks.check_choice("sampling", sampling, SAMPLINGS)
    if sampling == "natural":
        return
    if not shuffle:
        raise ValueError(
            "`sampling` must be 'natural' where nothing is shuffled. "
            "Received: sampling='balanced', shuffle=False"
        )
    names = data.class_names
    counts = np.bincount(data.read_labels(), minlength=len(names))
    if not counts.all():
        missing = [n for n, count in zip(names, counts) if not count]
        raise ValueError(
            "`sampling` must be 'natural' where a class has no examples: there "
            f"are none of {', '.join(missing)}. Received: sampling='balanced'"
        )


def natural_order(
    key: tf.Tensor, num_examples: int, shuffle: bool = True
) -> tf.Tensor:
    """Returns each example once, int64 `[num_examples]`.

    Args:
        key: int64 `[2]`, seed and epoch.
        num_examples: Size of the split.
        shuffle: Whether in a fresh uniform permutation, or as 0, 1, ...
    """
    if not shuffle:
        return tf.range(num_examples, dtype=tf.int64)
    ranks = params_lib.draw_uniforms(key, num_examples)["order"]
    return tf.cast(tf.argsort(ranks, stable=True), tf.int64)


def balanced_order(key: tf.Tensor, labels: npt.NDArray[np.int64]) -> tf.Tensor:
    """Returns as many draws as there are examples, of each class as many.

    Where the classes do not divide the number, those whose turn it is, by seed
    and epoch, get one more. Within a class each example is drawn equally often,
    but for one; a class that is larger than its share is drawn from without
    replacement. The order of all draws is a uniform permutation.

    Args:
        key: int64 `[2]`, seed and epoch.
        labels: Of all examples, `[num_examples]`, each class at least once.

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
