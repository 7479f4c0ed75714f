"""What lies outside an image: SciPy's boundary rules, on coordinates.

Coordinates are float64 along one axis of `size` pixels, 0 being the centre of
the first pixel.
"""

import tensorflow as tf


def fold(coords, size, fill_mode):
    """Brings coordinates back to where the image repeats itself.

    Args:
        coords: float64, any shape.
        size: int32 scalar, or int.
        fill_mode: One of `config.FILL_MODES`.

    Returns:
        float64, the shape of `coords`; within a pixel of the image for "wrap"
        and "reflect", unchanged for the other modes.
    """
    if fill_mode == "wrap":
        return _fold_wrap(coords, size)
    if fill_mode == "reflect":
        return _fold_reflect(coords, size)
    return coords


def _fold_wrap(coords, size):
    """The period is `size - 1`: the first and last pixel are the same point."""
    last = tf.cast(size - 1, coords.dtype)
    period = tf.maximum(last, 1)  # a single pixel repeats everywhere
    below = coords + period * (tf.floor(-coords / period) + 1)
    above = coords - period * tf.floor(coords / period)
    folded = tf.where(coords < 0, below, tf.where(coords > last, above, coords))
    return tf.minimum(folded, last)


def _fold_reflect(coords, size):
    """The period is `2 * size`; edges of pixels, not centres, are mirrors."""
    size = tf.cast(size, coords.dtype)
    period = 2 * size
    folded = coords - period * tf.floor(coords / period)
    # Mirrored also where it changes nothing but the side of a tie, as in SciPy.
    return tf.where(folded >= size, period - 1 - folded, folded)


def is_inside(coords, size):
    """Whether coordinates lie on the image, its outermost centres included."""
    return (coords >= 0) & (coords <= tf.cast(size - 1, coords.dtype))


def clip_index(index, size):
    """Maps pixel positions next to the image to the pixel that fills them.

    After `fold` a position is off by one at most, where "reflect", "nearest"
    and "wrap" all mean the outermost pixel, and "constant" is masked.
    """
    return tf.clip_by_value(index, 0, size - 1)
