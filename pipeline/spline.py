"""Interpolation of order 2 to 5: B-splines as `scipy.ndimage` fits them."""

from __future__ import annotations

from collections.abc import Callable
import functools
import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import boundary
from pipeline import config as config_lib
from pipeline import geometry

_Coordinate = TypeVar("_Coordinate", float, tf.Tensor)
_ToIndex = Callable[[tf.Tensor, "int | tf.Tensor"], tf.Tensor]

# SciPy extends an image by this many pixels before it fits a spline to
# "nearest", for which no exact boundary condition exists.
_NEAREST_PADDING = 12
# How the coefficients of a spline continue, for filtering and for evaluation.
_FILTERED_BY_REFLECTION = ("nearest", "reflect")
_CONTINUATION: dict[str, _ToIndex] = {
    "nearest": boundary.clip_index,
    "reflect": boundary.reflect_index,
    "constant": boundary.mirror_index,
    "wrap": boundary.mirror_index,
}


def interpolate(
    images: tf.Tensor,
    coordinates: geometry.Coordinates,
    config: config_lib.AugmentConfig,
) -> tf.Tensor:
    """Interpolates with a spline of `config.interpolation_order`.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        coordinates: Where its pixels come from.
        config: `interpolation_order`, `fill_mode` and `cval` are used.

    Returns:
        float32, the shape of `images`; may overshoot its range, as in SciPy.
    """
    fill_mode, order = config.fill_mode, config.interpolation_order
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    plane = tf.shape(images)[:3]
    rows, cols = coordinates
    rows = tf.broadcast_to(rows[0][:, :, None] + rows[1][:, None, :], plane)
    cols = tf.broadcast_to(cols[0][:, :, None] + cols[1][:, None, :], plane)
    inside = boundary.is_inside(rows, height) & boundary.is_inside(cols, width)
    padding = _NEAREST_PADDING if fill_mode == "nearest" else 0
    images = _pad_edge(tf.cast(images, tf.float64), padding)
    # The padding gives "nearest" its own continuation, beyond the image.
    margin = padding + order + 1 if padding else 0
    rows = boundary.fold(rows, height, fill_mode, margin) + padding
    cols = boundary.fold(cols, width, fill_mode, margin) + padding
    for axis in (1, 2):
        images = _prefilter(images, axis, order, fill_mode)
    warped = tf.cast(_evaluate(images, rows, cols, config), tf.float32)
    if fill_mode == "constant":
        cval = tf.constant(config.cval, tf.float32)
        warped = tf.where(inside[..., None], warped, cval)
    return warped


def _evaluate(
    coefficients: tf.Tensor,
    rows: tf.Tensor,
    cols: tf.Tensor,
    config: config_lib.AugmentConfig,
) -> tf.Tensor:
    """Sums the B-splines around each coordinate."""
    order = config.interpolation_order
    to_index = _CONTINUATION[config.fill_mode]
    shape = tf.shape(coefficients)
    row_taps = _taps(rows, order, shape[1], to_index)
    col_taps = _taps(cols, order, shape[2], to_index)
    flat_shape = tf.stack([shape[0], shape[1] * shape[2], shape[3]])
    flat = tf.reshape(coefficients, flat_shape)
    total = tf.zeros([], tf.float64)
    for row_index, row_weight in row_taps:
        for col_index, col_weight in col_taps:
            index = row_index * shape[2] + col_index
            pixels = tf.gather(flat, index, axis=1, batch_dims=1)
            total += (row_weight * col_weight)[..., None] * pixels
    return total


def _taps(
    coords: tf.Tensor, order: int, size: tf.Tensor, to_index: _ToIndex
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Returns index and weight of the `order + 1` splines at `coords`."""
    start = tf.floor(coords if order % 2 else coords + 0.5) - order // 2
    return [
        (
            to_index(tf.cast(start, tf.int32) + k, size),
            _b_spline(coords - start - k, order),
        )
        for k in range(order + 1)
    ]


def _b_spline(x: _Coordinate, order: int) -> _Coordinate:
    """Returns the centred B-spline of `order` at a float or float tensor."""
    total = 0.0
    for k in range(order + 2):
        distance = (order + 1) / 2 - k - abs(x)
        positive = (distance + abs(distance)) / 2
        factor = (-1) ** k * math.comb(order + 1, k) / math.factorial(order)
        total += factor * positive**order
    return total


def _pad_edge(images: tf.Tensor, padding: int) -> tf.Tensor:
    """Repeats the outermost pixels `padding` times on each side."""
    for axis in (1, 2):
        size = tf.shape(images)[axis]
        index = tf.clip_by_value(
            tf.range(-padding, size + padding), 0, size - 1
        )
        images = tf.gather(images, index, axis=axis)
    return images


def _prefilter(
    images: tf.Tensor, axis: int, order: int, fill_mode: str
) -> tf.Tensor:
    """Replaces pixels by the spline coefficients that interpolate them."""
    reflect = fill_mode in _FILTERED_BY_REFLECTION
    size = images.shape[axis]
    if size is None:
        inverse = tf.numpy_function(
            lambda n: _inverse_filter(int(n), order, reflect),
            [tf.shape(images)[axis]],
            tf.float64,
        )
    else:
        inverse = tf.constant(_inverse_filter(size, order, reflect))
    equation = {1: "ij,bjwc->biwc", 2: "ij,bhjc->bhic"}[axis]
    return tf.einsum(equation, inverse, images)


@functools.lru_cache(maxsize=16)
def _inverse_filter(
    size: int, order: int, reflect: bool
) -> npt.NDArray[np.float64]:
    """Returns the matrix `[size, size]` from pixels to coefficients."""
    samples: npt.NDArray[np.float64] = np.zeros([size, size])
    for offset in range(-(order // 2), order // 2 + 1):
        index: npt.NDArray[np.int64] = np.arange(size) + offset
        if reflect:
            index %= 2 * size
            index = np.minimum(index, 2 * size - 1 - index)
        else:
            period = max(2 * size - 2, 1)
            index %= period
            index = np.minimum(index, period - index)
        np.add.at(
            samples, (np.arange(size), index), _b_spline(float(offset), order)
        )
    return np.asarray(np.linalg.inv(samples), np.float64)
