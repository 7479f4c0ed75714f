"""Source coordinates in fixed point: the fast path of a general warp.

Half of the time of an exact warp goes into float64 coordinates, of which a
vector instruction computes four, and into writing weights to memory. In int32
a coordinate is one addition, its pixel a shift and its weight a mask, cheap
enough to be computed twice. The price is a rounding to `2**-20` of a pixel,
which moves a value by less than 5e-4 grey levels, half of what is promised.

It is right where what a pixel becomes is continuous in its coordinate, which is
so for "nearest" and "reflect", and where coordinates fit. "constant" and "wrap"
jump at the borders of an image: on which side a point lies is decided by its
exact coordinate, where between its pixels by the rounded one.
"""

from __future__ import annotations

import tensorflow as tf

from pipeline import boundary
from pipeline import config as config_lib
from pipeline import geometry

_FRACTION_BITS = 20
_ONE = 1 << _FRACTION_BITS
# The sum of two terms below this fits in int32.
_MAX_TERM = 2 ** (30 - _FRACTION_BITS) - 1
_JUMPING = ("constant", "wrap")


def is_applicable(
    image_shape: geometry.Sizes,
    dtype: tf.DType,
    config: config_lib.AugmentConfig,
) -> bool:
    """Whether coordinates of all draws of a configuration fit.

    Args:
        image_shape: `(height, width)`; tensors where unknown.
        dtype: Of the images.
        config: What may be drawn.
    """
    if dtype != tf.uint8:
        return False
    known = [size for size in image_shape if isinstance(size, int)]
    if len(known) < len(image_shape):
        return False
    # Rotation and shear turn; only zoom makes a step longer than a pixel.
    longest_step = max(1.0, *(abs(zoom) for zoom in config.zoom_range))
    size = max(known)
    if config.fill_mode == "wrap":
        return bool(size <= _MAX_TERM)
    reach = longest_step * size / 2
    if config.fill_mode == "reflect":
        # The middle of a row is in the first period, its ends a reach away,
        # behind two mirrors at most.
        return bool(reach <= min(known) and 2 * size + reach <= 2 * _MAX_TERM)
    return bool(size + reach <= _MAX_TERM)


def from_terms(
    terms: geometry.Terms, size: int, fill_mode: str
) -> tuple[tf.Tensor, ...]:
    """Converts the terms of a coordinate to fixed point.

    Args:
        terms: Pair of float64 `[1 or batch, height]` and `[1 or batch, width]`,
            as `geometry.source_coordinates` returns them.
        size: Pixels along the axis of the coordinate.
        fill_mode: One of `config.FILL_MODES`.

    Returns:
        Pair of int32 of these shapes. The first is the coordinate in the middle
        column: for "reflect" in its first period, for "wrap" modulo 2**32, else
        clamped where the whole row lies outside the image in any case. For
        "constant" and "wrap" followed by `terms`.
    """
    along_rows, along_columns = terms
    middle = tf.shape(along_columns)[1] // 2
    centre = along_columns[:, middle : middle + 1]
    along_rows += centre
    if fill_mode == "reflect":
        along_rows = tf.math.floormod(along_rows, 2 * size)
    elif fill_mode != "wrap":
        along_rows = tf.clip_by_value(along_rows, -_MAX_TERM, _MAX_TERM)
    rounded = (
        tf.cast(tf.cast(tf.round(term * _ONE), tf.int64), tf.int32)
        for term in (along_rows, along_columns - centre)
    )
    return (*rounded, *(terms if fill_mode in _JUMPING else ()))


def locate(
    terms: tuple[tf.Tensor, ...], size: int, fill_mode: str
) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
    """Returns the first pixels of cells along an axis, and the second's weight.

    Args:
        terms: By `from_terms`.
        size: Pixels along the axis.
        fill_mode: One of `config.FILL_MODES`.

    Returns:
        int32 and float32 `[1 or batch, height, width]`; and for "constant" a
        tuple of where that is inside the image, bool, else an empty one.
    """
    coords = terms[0][:, :, None] + terms[1][:, None, :]
    inside: tuple[tf.Tensor, ...] = ()
    if fill_mode in _JUMPING:
        exact = terms[2][:, :, None] + terms[3][:, None, :]
        if fill_mode == "constant":
            inside = (boundary.is_inside(exact, size),)
        else:
            # What overflows comes back: the sum is within the image.
            wraps = tf.cast(boundary.wraps(exact, size), tf.int32)
            coords += wraps * (max(size - 1, 1) * _ONE)
    if fill_mode == "reflect":
        # Mirrors are half a pixel before the first and behind the last. What
        # lies behind both comes out before the first.
        coords = tf.maximum(coords, -_ONE - coords)
        coords = tf.minimum(coords, (2 * size - 1) * _ONE - coords)
        coords = tf.maximum(coords, -_ONE - coords)
    coords = tf.clip_by_value(coords, 0, (size - 1) * _ONE)
    bits = tf.bitwise.bitwise_and(coords, _ONE - 1)
    weights = tf.cast(bits, tf.float32) * tf.constant(1 / _ONE)
    return tf.bitwise.right_shift(coords, _FRACTION_BITS), weights, inside
