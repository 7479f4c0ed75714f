"""What lies outside an image: SciPy's boundary rules.

Coordinates are float64 along one axis of `size` pixels, 0 being the centre of
the first pixel.
"""

from __future__ import annotations

import tensorflow as tf


def fold(
    coords: tf.Tensor, size: int | tf.Tensor, fill_mode: str, margin: int = 0
) -> tf.Tensor:
    """Brings coordinates to the image, to the point that fills them.

    Args:
        coords: float64, any shape.
        size: Pixels along the axis.
        fill_mode: One of `config.FILL_MODES`; "constant" is treated as
            "nearest", its caller masks by `is_inside`.
        margin: How far outside "nearest" leaves coordinates as they are.

    Returns:
        float64, the shape of `coords`, in `[0, size - 1]`; for "reflect" in
        `(-1, size)`, up to the far side of the mirrored pixel.
    """
    if fill_mode == "wrap":
        return _fold_wrap(coords, size)
    if fill_mode == "reflect":
        return _fold_reflect(coords, size)
    return clip(coords, size, margin)


def clip(
    coords: tf.Tensor, size: int | tf.Tensor, margin: int = 0
) -> tf.Tensor:
    """Moves coordinates outside the image to its outermost centres."""
    lowest = tf.constant(-margin, coords.dtype)
    highest = tf.cast(size - 1 + margin, coords.dtype)
    return tf.clip_by_value(coords, lowest, highest)


def wraps(coords: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Counts the periods that "wrap" adds, whole numbers as float64.

    A period is `size - 1`: the first and the last pixel are the same point.
    """
    last = tf.cast(size - 1, coords.dtype)
    ratio = coords / _wrap_period(coords, size)
    below, above = tf.floor(-ratio) + 1, -tf.floor(ratio)
    inside = tf.zeros([], coords.dtype)
    return tf.where(coords < 0, below, tf.where(coords > last, above, inside))


def _fold_wrap(coords: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    return coords + _wrap_period(coords, size) * wraps(coords, size)


def _wrap_period(coords: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    # A single pixel repeats everywhere.
    return tf.cast(tf.maximum(size - 1, 1), coords.dtype)


def _fold_reflect(coords: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """The period is `2 * size`; edges of pixels, not centres, are mirrors."""
    length = tf.cast(size, coords.dtype)
    period = 2 * length
    folded = coords - period * tf.floor(coords / period)
    # Mirrored also where it changes nothing but the side of a tie, as in SciPy.
    return tf.where(folded >= length, period - 1 - folded, folded)


def is_inside(coords: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Whether coordinates lie on the image, its outermost centres included."""
    return (coords >= 0) & (coords <= tf.cast(size - 1, coords.dtype))


def reflect_index(index: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Maps whole positions to pixels as "reflect" does; d c b a|a b c d|d."""
    index = tf.math.floormod(index, 2 * size)
    return tf.minimum(index, 2 * size - 1 - index)


def mirror_index(index: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Maps whole positions to pixels so that d c b|a b c d|c b a."""
    period = tf.maximum(2 * size - 2, 1)
    index = tf.math.floormod(index, period)
    return tf.minimum(index, period - index) * tf.minimum(size - 1, 1)


def clip_index(index: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Maps whole positions to pixels as "nearest" does; a a a|a b c d|d d."""
    return tf.clip_by_value(index, 0, size - 1)
