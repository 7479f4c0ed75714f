"""PIL's resizing as a graph: the same pixels, without PIL.

PIL resizes with two matrices, first along rows, then along columns. Their
weights are a filter, widened where an image shrinks, as whole numbers of 22
bits; after each of the two, pixels are rounded and clipped to 8 bits (Pillow,
`src/libImaging/Resample.c`). The matrices follow from the size of the image,
which is known once it is decoded, so that the graph computes them. Products of
such numbers are exact in float64. TensorFlow's own `tf.image.resize` differs by
a grey level at a quarter of the pixels.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import numpy as np
import tensorflow as tf

# Of the weights; 8 bits are those of a pixel, 2 are for weights outside 0 to 1.
_PRECISION_BITS = 32 - 8 - 2

# Left, top, right, bottom in pixels: int32 scalars.
Box = tuple[Any, Any, Any, Any]


def resize(
    image: tf.Tensor, size: tuple[Any, Any], interpolation: str, box: Box
) -> tf.Tensor:
    """Resizes a part of an image as `PIL.Image.Image.resize` does.

    Args:
        image: uint8 `[height, width, channels]`, of any number of channels
            without transparency.
        size: `(height, width)` of the result, numbers or int32 scalars.
        interpolation: One of `xray_tfds.decode.images.INTERPOLATIONS`.
        box: The part. A filter reaches beyond it, as PIL's does.

    Returns:
        uint8 `[*size, channels]`.
    """
    left, top, right, bottom = box
    if interpolation == "nearest":
        rows = _nearest(tf.shape(image)[0], top, bottom, size[0])
        columns = _nearest(tf.shape(image)[1], left, right, size[1])
        return tf.gather(tf.gather(image, rows, axis=0), columns, axis=1)
    across = _weights(tf.shape(image)[1], left, right, size[1], interpolation)
    along = _weights(tf.shape(image)[0], top, bottom, size[0], interpolation)
    # [height, channels, width], so that matrices are multiplied.
    pixels = tf.transpose(tf.cast(image, tf.float64), [0, 2, 1])
    pixels = _apply(pixels, across)
    # [new width, channels, height]
    pixels = _apply(tf.transpose(pixels, [2, 1, 0]), along)
    return tf.cast(tf.transpose(pixels, [2, 0, 1]), tf.uint8)


def whole(image: tf.Tensor) -> Box:
    """Returns the box that is all of an image `[height, width, channels]`."""
    shape = tf.shape(image)
    return (tf.constant(0), tf.constant(0), shape[1], shape[0])


def _apply(pixels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Returns the pixels of one pass, whole numbers in float64."""
    sums = tf.linalg.matmul(
        tf.reshape(pixels, [-1, tf.shape(pixels)[2]]), weights, transpose_b=True
    )
    shape = tf.concat([tf.shape(pixels)[:2], [-1]], axis=0)
    rounded = tf.floor((sums + 2 ** (_PRECISION_BITS - 1)) / 2**_PRECISION_BITS)
    return tf.reshape(tf.clip_by_value(rounded, 0, 255), shape)


def _weights(
    length: tf.Tensor, start: Any, stop: Any, size: Any, interpolation: str
) -> tf.Tensor:
    """Returns float64 `[size, length]`, whole numbers: Pillow's weights.

    Args:
        length: Pixels of the image along this side.
        start: First of its pixels that counts, and the next behind the last.
        stop: As `start`.
        size: Pixels of the result.
        interpolation: Name of the filter.
    """
    function, radius = _FILTERS[interpolation]
    start, scale = _scale(length, start, stop, size)
    stretch = tf.maximum(scale, 1.0)
    support = radius * stretch
    places = tf.range(size)[:, tf.newaxis]
    centers = start + (tf.cast(places, tf.float64) + 0.5) * scale
    # As C casts to int: towards zero.
    first = tf.maximum(tf.cast(centers - support + 0.5, tf.int32), 0)
    last = tf.minimum(tf.cast(centers + support + 0.5, tf.int32), length)
    pixels = tf.range(length)[tf.newaxis]
    x = (tf.cast(pixels, tf.float64) - centers + 0.5) * (1.0 / stretch)
    inside = (first <= pixels) & (pixels < last)
    weights = tf.where(inside, function(x), tf.zeros((), tf.float64))
    sums = tf.reduce_sum(weights, axis=1, keepdims=True)
    scaled = (
        weights
        / tf.where(sums == 0, tf.ones_like(sums), sums)
        * 2**_PRECISION_BITS
    )
    # Half away from zero; `tf.round` takes the even neighbour.
    return tf.sign(scaled) * tf.floor(tf.abs(scaled) + 0.5)


def _scale(
    length: tf.Tensor, start: Any, stop: Any, size: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `start`, and how many pixels become one, in float64."""
    start, stop = tf.cast(start, tf.float64), tf.cast(stop, tf.float64)
    # It is `size`. If that is a constant, TensorFlow multiplies by 1 / size
    # instead (Grappler's constant folding), which is rounded otherwise.
    size = tf.minimum(size, size + length)
    return start, (stop - start) / tf.cast(size, tf.float64)


def _nearest(length: tf.Tensor, start: Any, stop: Any, size: Any) -> tf.Tensor:
    """Returns int32 `[size]`, which pixels are taken.

    PIL adds the scale up, and so does this: a product is rounded otherwise and
    takes the neighbour of one pixel in some hundreds of sizes.
    """
    start, scale = _scale(length, start, stop, size)
    steps = tf.fill([size - 1], scale)
    first = start + scale * 0.5
    return tf.cast(tf.cumsum(tf.concat([[first], steps], axis=0)), tf.int32)


def _box(x: tf.Tensor) -> tf.Tensor:
    return tf.cast((-0.5 < x) & (x <= 0.5), tf.float64)


def _bilinear(x: tf.Tensor) -> tf.Tensor:
    return tf.maximum(1.0 - tf.abs(x), 0.0)


def _hamming(x: tf.Tensor) -> tf.Tensor:
    x = tf.abs(x)
    angle = x * math.pi
    # Pillow's constants are floats of C.
    high, low = float(np.float32(0.54)), float(np.float32(0.46))
    value = _sinc(x) * (high + low * tf.cos(angle))
    return tf.where(x < 1, value, tf.zeros_like(x))


def _bicubic(x: tf.Tensor) -> tf.Tensor:
    a = -0.5
    x = tf.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return tf.where(x < 1, near, tf.where(x < 2, far, tf.zeros_like(x)))


def _lanczos(x: tf.Tensor) -> tf.Tensor:
    value = _sinc(x) * _sinc(x / 3)
    return tf.where((-3 <= x) & (x < 3), value, tf.zeros_like(x))


def _sinc(x: tf.Tensor) -> tf.Tensor:
    angle = x * math.pi
    safe = tf.where(angle == 0, tf.ones_like(angle), angle)
    return tf.where(angle == 0, tf.ones_like(angle), tf.sin(safe) / safe)


# Filter -> its function and radius in pixels, as in Pillow.
_FILTERS: dict[str, tuple[Callable[[tf.Tensor], tf.Tensor], float]] = {
    "box": (_box, 0.5),
    "bilinear": (_bilinear, 1.0),
    "hamming": (_hamming, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}
