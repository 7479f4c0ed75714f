"""`validation_split` and `subset`: the examples that Keras chooses."""

from __future__ import annotations

import dataclasses
from typing import Literal
from typing import get_args

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import checks
from pipeline import split as split_lib

Subset = Literal["training", "validation"]
SUBSETS: tuple[str, ...] = get_args(Subset)


def select_subset(
    split: split_lib.Split, subset: Subset, validation_split: float
) -> split_lib.Split:
    """Returns one of the two parts of a split, in listing order.

    Args:
        split: In the order of `flow_from_directory`.
        subset: "validation", the first `int(validation_split * n)` of the `n`
            examples of each class, or "training", the others. No shuffling: a
            patient whose films are in both parts is Keras's doing. Prefer the
            splits of the data set, which keep patients apart.
        validation_split: Fraction below 1, as `AugmentConfig` has it.

    Returns:
        `Split` of the same name; its images are copied.
    """
    checks.check_choice("subset", subset, SUBSETS)
    mask = held_out(split.labels, validation_split)
    index = np.flatnonzero(mask == (subset == "validation"))
    if not len(index):
        raise ValueError(
            f"`subset` {subset!r} of split {split.name!r} has no examples. "
            f"Received: validation_split={validation_split!r}"
        )
    with tf.device("CPU:0"):
        images = tf.gather(split.images, index)
    return dataclasses.replace(
        split,
        images=images,
        labels=split.labels[index],
        filenames=tuple(split.filenames[i] for i in index),
        patients=tuple(split.patients[i] for i in index),
        origin=None,
    )


def held_out(
    labels: npt.NDArray[np.integer], validation_split: float
) -> npt.NDArray[np.bool_]:
    """Returns which examples Keras holds out as "validation".

    Args:
        labels: `[num_examples]`, in listing order.
        validation_split: Fraction below 1.

    Returns:
        bool `[num_examples]`: the first of each class.

    Raises:
        ValueError: If `validation_split` is no such fraction.
    """
    checks.share("validation_split", validation_split)
    mask: npt.NDArray[np.bool_] = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        # Truncated, so 0.29 of 100 files are 28, as in Keras.
        mask[of_class[: int(validation_split * len(of_class))]] = True
    return mask
