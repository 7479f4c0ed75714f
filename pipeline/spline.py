"""Interpolation of order 2 to 5: B-splines as `scipy.ndimage` fits them.

Coefficients and weights are computed in float64, where they lose digits. They
are multiplied in float32, which stays within a thousandth of a grey level.
Orders 2 and 3 lose few: from bytes their coefficients are computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import boundary
from pipeline import config as config_lib
from pipeline import geometry
from pipeline import xla

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
# Taps of the inverse filter below this are left out. They fall geometrically:
# all of them together are less than half a unit in the last place of float32.
_SMALLEST_TAP = 1e-10


def interpolate(
    images: tf.Tensor,
    coordinates: geometry.Coordinates,
    config: config_lib.AugmentConfig,
    *,
    dtype: tf.DType,
    jit_compile: bool,
) -> tf.Tensor:
    """Interpolates with a spline of `config.interpolation_order`.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        coordinates: Where its pixels come from.
        config: `interpolation_order`, `fill_mode` and `cval` are used.
        dtype: float32, or float64 to interpolate as exactly as SciPy.
        jit_compile: Whether XLA compiles it.

    Returns:
        float32, the shape of `images`; may overshoot its range, as in SciPy.
    """
    fill_mode, order = config.fill_mode, config.interpolation_order
    coefficients = _fit(images, fill_mode, order, dtype, jit_compile)
    warped, inside = xla.compile_if(jit_compile, _evaluate)(
        coefficients,
        coordinates,
        tuple(geometry.sizes(images)[:3]),
        fill_mode,
        order,
    )
    warped = tf.cast(warped, tf.float32)
    if fill_mode == "constant":
        cval = tf.constant(config.cval, tf.float32)
        warped = tf.where(inside[..., None], warped, cval)
    return warped


def _fit(
    images: tf.Tensor,
    fill_mode: str,
    order: int,
    dtype: tf.DType,
    jit_compile: bool,
) -> tf.Tensor:
    """Returns the coefficients of the splines through the pixels.

    In three kernels: of one XLA would make a copy that filters anew for each
    pixel. The filter is given columns and channels as one axis, because XLA
    vectorizes the innermost loop alone; a reshape within a kernel is undone.

    Returns:
        `[batch, rows, columns, channels]` of `dtype`, continued beyond the
        pixels as far as `_taps` reaches.
    """
    images = xla.compile_if(jit_compile, _continue_pixels)(
        images, fill_mode, order
    )
    batch, height, width, channels = geometry.sizes(images)
    margin = 2 * len(_inverse_filter(order)) - 2
    lines = tf.reshape(images, [batch, height, width * channels])
    lines = xla.compile_if(jit_compile, _filter)(lines, channels, order, dtype)
    coefficients = tf.reshape(
        lines, [batch, height - margin, width - margin, channels]
    )
    return xla.compile_if(jit_compile, _continue_coefficients)(
        coefficients, fill_mode, order
    )


def _continue_pixels(
    images: tf.Tensor, fill_mode: str, order: int
) -> tf.Tensor:
    """Continues images by the padding and as far as `_filter` reaches."""
    to_index = boundary.mirror_index
    if fill_mode in _FILTERED_BY_REFLECTION:
        to_index = boundary.reflect_index
    reach = len(_inverse_filter(order)) - 1
    for axis in (1, 2):
        images = _extend(images, axis, _padding(fill_mode), boundary.clip_index)
        images = _extend(images, axis, reach, to_index)
    return images


def _filter(
    lines: tf.Tensor, channels: int | tf.Tensor, order: int, dtype: tf.DType
) -> tf.Tensor:
    """Filters `[batch, rows, columns * channels]` along both axes."""
    taps = _inverse_filter(order)
    if lines.dtype == tf.uint8:
        # Sums of two stay exact, and are converted once.
        lines = tf.cast(lines, tf.int32)
        if order <= 3 and dtype == tf.float32:
            # On a checkerboard of 0 and 255, the worst image, results are off
            # by 2.3e-4 grey levels instead of 1.0e-4; by 1.3e-3 at order 5.
            taps = taps.astype(np.float32)
    else:
        lines = tf.cast(lines, tf.float64)
    lines = _convolve(lines, 2, channels, taps)
    return tf.cast(_convolve(lines, 1, 1, taps), dtype)


def _continue_coefficients(
    coefficients: tf.Tensor, fill_mode: str, order: int
) -> tf.Tensor:
    """Continues coefficients as far as `_taps` reaches."""
    for axis in (1, 2):
        coefficients = _extend(
            coefficients, axis, order + 2, _CONTINUATION[fill_mode]
        )
    return coefficients


def _evaluate(
    coefficients: tf.Tensor,
    coordinates: geometry.Coordinates,
    plane: tuple[int | tf.Tensor, ...],
    fill_mode: str,
    order: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums the B-splines around each coordinate of `[batch, height, width]`.

    Returns:
        Images and, bool `[batch, height, width]`, where they are.
    """
    batch, height, width = plane
    rows, cols = (
        tf.broadcast_to(across[:, :, None] + along[:, None, :], plane)
        for across, along in coordinates
    )
    inside = boundary.is_inside(rows, height) & boundary.is_inside(cols, width)
    padding = _padding(fill_mode)
    # The padding gives "nearest" its own continuation, beyond the image.
    margin = padding + order // 2 if padding else 0
    rows = boundary.fold(rows, height, fill_mode, margin) + padding
    cols = boundary.fold(cols, width, fill_mode, margin) + padding
    dtype = coefficients.dtype
    top, row_weights = _taps(rows, order, dtype)
    left, col_weights = _taps(cols, order, dtype)
    _, num_rows, num_cols, channels = geometry.sizes(coefficients)
    flat = tf.reshape(coefficients, [-1, channels])
    first = tf.reshape(tf.range(batch) * num_rows, [-1, 1, 1]) + top
    first = first * num_cols + left
    total = tf.zeros([], dtype)
    for row, row_weight in enumerate(row_weights):
        line = tf.zeros([], dtype)
        for col, col_weight in enumerate(col_weights):
            pixels = tf.gather(flat, first + (row * num_cols + col))
            line += col_weight * pixels
        total += row_weight * line
    return total, inside


def _padding(fill_mode: str) -> int:
    return _NEAREST_PADDING if fill_mode == "nearest" else 0


def _extend(
    images: tf.Tensor, axis: int, margin: int, to_index: _ToIndex
) -> tf.Tensor:
    """Continues images by `margin` pixels on both sides of an axis."""
    if not margin:
        return images
    size = geometry.sizes(images)[axis]
    index = to_index(tf.range(-margin, size + margin), size)
    return tf.gather(images, index, axis=axis)


def _convolve(
    lines: tf.Tensor,
    axis: int,
    step: int | tf.Tensor,
    taps: npt.NDArray[np.floating[Any]],
) -> tf.Tensor:
    """Convolves with a symmetric filter, of which half is given.

    Args:
        lines: `[batch, rows, columns * channels]`.
        axis: 1 or 2.
        step: From a pixel to the next along the axis.
        taps: The filter from its middle on; its dtype is that of the result.
    """
    reach = (len(taps) - 1) * step
    size = geometry.sizes(lines)[axis] - 2 * reach

    def moved(by: int | tf.Tensor) -> tf.Tensor:
        cut = slice(reach + by, reach + by + size)
        return lines[:, cut] if axis == 1 else lines[:, :, cut]

    total = taps[0] * tf.cast(moved(0), taps.dtype)
    for distance in range(1, len(taps)):
        pair = moved(-distance * step) + moved(distance * step)
        total += taps[distance] * tf.cast(pair, taps.dtype)
    return total


def _taps(
    coords: tf.Tensor, order: int, dtype: tf.DType
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns where the splines at `coords` begin, and what each weighs.

    Returns:
        int32, the shape of `coords`, an index of extended coefficients; and
        `order + 1` tensors of `dtype`, of one more dimension.
    """
    if order % 2 == 0:
        coords += 0.5
    start = tf.floor(coords)
    fraction = coords - start
    weights = []
    for polynomial in _polynomials(order):
        weight = tf.constant(polynomial[-1], tf.float64)
        for factor in polynomial[-2::-1]:
            weight = weight * fraction + factor
        weights.append(tf.cast(weight, dtype)[..., None])
    return tf.cast(start, tf.int32) - order // 2 + (order + 2), weights


@functools.lru_cache
def _polynomials(order: int) -> npt.NDArray[np.float64]:
    """Returns a row for each spline at a coordinate: what it weighs there.

    Returns:
        `[order + 1, order + 1]`, the factors of the powers of how far the
        coordinate is past a pixel (past half a pixel for even orders).
    """
    fractions: npt.NDArray[np.float64] = np.linspace(0, 1, order + 1)
    ahead = order // 2 - (0 if order % 2 else 0.5)
    values = [
        [_b_spline(fraction + ahead - k, order) for k in range(order + 1)]
        for fraction in fractions
    ]
    powers = np.vander(fractions, increasing=True)
    return np.asarray(np.linalg.solve(powers, values).T, np.float64)


def _b_spline(x: float, order: int) -> float:
    """Returns the centred B-spline of `order` at `x`."""
    total = 0.0
    for k in range(order + 2):
        distance = (order + 1) / 2 - k - abs(x)
        positive = (distance + abs(distance)) / 2
        factor = (-1) ** k * math.comb(order + 1, k) / math.factorial(order)
        total += factor * positive**order
    return total


@functools.lru_cache
def _inverse_filter(order: int) -> npt.NDArray[np.float64]:
    """Returns the filter from pixels to coefficients, from its middle on."""
    length = 128  # Far longer than the filter, as the result is periodic.
    samples: npt.NDArray[np.float64] = np.zeros(length)
    for offset in range(-(order // 2), order // 2 + 1):
        samples[offset] = _b_spline(float(offset), order)
    taps = np.fft.irfft(1 / np.fft.rfft(samples).real, length)[: length // 2]
    reach = int(np.flatnonzero(np.abs(taps) > _SMALLEST_TAP)[-1])
    return np.asarray(taps[: reach + 1], np.float64)
