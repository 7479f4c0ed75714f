"""Fetches source pixels and blends them: interpolation of order 0 and 1.

The work is cut in two, because XLA recomputes what it fuses. Fetching gathers
what each output pixel needs into compact arrays, still in the type of the
image; `blend` is elementwise and can be fused with all that follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from typing import NamedTuple

import tensorflow as tf

from pipeline import boundary
from pipeline import config as config_lib
from pipeline import fixed_point
from pipeline import geometry
from pipeline import xla

# What one entry of `Taps.pixels` holds:
# pixel: the value itself;
# cell: one corner of the cells of a grid, one row and column larger;
# packed: four uint8 corners of a cell in one uint32;
# fixed: the same, and coordinates are in fixed point;
# corners: four corners of a cell along the last axis.
Layout = Literal["pixel", "cell", "packed", "fixed", "corners"]

_CORNER_BITS = (0, 8, 16, 24)  # top left, top right, bottom left, bottom right


class Taps(NamedTuple):
    """Pixels on their way to be blended, and how.

    Attributes:
        layout: What an entry of `pixels` holds.
        pixels: `[batch, height, width, channels]`, one larger for "cell", with
            a last axis of 4 for "corners".
        coordinates: Empty, or terms of the source rows and columns, which
            weights are computed from: cheaper than to write and read them.
        weights: Empty, or the weights of the bottom and of the right corners,
            float, broadcasting against an image batch.
        inside: Empty, or one bool array broadcasting against an image batch:
            False where `cval` belongs.
    """

    layout: Layout
    pixels: tf.Tensor
    coordinates: tuple[geometry.Terms, ...] = ()
    weights: tuple[tf.Tensor, ...] = ()
    inside: tuple[tf.Tensor, ...] = ()

    @property
    def is_byte(self) -> bool:
        """Whether the pixels come from a uint8 image."""
        packed = self.layout in ("packed", "fixed")
        return bool(packed or self.pixels.dtype == tf.uint8)

    @property
    def is_final(self) -> bool:
        """Whether `pixels` are the image, with nothing to blend or mask."""
        return not (self.coordinates or self.weights or self.inside)


def blend(
    taps: Taps, config: config_lib.AugmentConfig, weight_dtype: tf.DType
) -> tf.Tensor:
    """Interpolates between the fetched pixels.

    Args:
        taps: What was fetched.
        config: `fill_mode`, `cval` and `interpolation_order` are used.
        weight_dtype: float32, or float64 to interpolate as exactly as SciPy.

    Returns:
        float32 `[batch, height, width, channels]`.
    """
    images, weights, inside = taps.pixels, taps.weights, taps.inside
    if taps.layout == "fixed":
        weights = fixed_point.weights(*taps.coordinates)
    elif taps.coordinates:
        rows, cols = taps.coordinates
        _, weights, inside = _locate(
            rows, cols, config.fill_mode, config.interpolation_order
        )
    if weights:
        bottom, right = (tf.cast(w, weight_dtype) for w in weights)
        corners = [tf.cast(c, bottom.dtype) for c in _corners(taps)]
        upper = corners[0] * (1 - right) + corners[1] * right
        lower = corners[2] * (1 - right) + corners[3] * right
        images = upper * (1 - bottom) + lower * bottom
    images = tf.cast(images, tf.float32)
    for mask in inside:
        images = tf.where(mask, images, tf.constant(config.cval, tf.float32))
    return images


def crop(
    images: tf.Tensor, rows: tf.Tensor, cols: tf.Tensor, fill_mode: str
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """Fetches for a pure shift: each image is one crop, flipped or not.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        rows: Source rows, float64 `[1 or batch, height]`, in steps of 1 or -1.
        cols: Source columns, float64 `[1 or batch, width]`, likewise.
        fill_mode: Any but "wrap", where the crop has a seam.

    Returns:
        Pixels, weights and mask of `Taps` in the layout "cell".
    """
    batch, height, width, _ = geometry.sizes(images)
    row_index, bottom = _crop_axis(rows, height, fill_mode)
    col_index, right = _crop_axis(cols, width, fill_mode)
    index = row_index[:, :, None] * width + col_index[:, None, :]
    index = tf.broadcast_to(index, [batch, height + 1, width + 1])
    inside: tuple[tf.Tensor, ...] = ()
    if fill_mode == "constant":
        mask = boundary.is_inside(rows, height)[:, :, None, None]
        inside = (mask & boundary.is_inside(cols, width)[:, None, :, None],)
    weights = (bottom[:, :, None, None], right[:, :, None, None])
    return _gather(images, index), weights, inside


def fetch_fixed(images: tf.Tensor, coordinates: geometry.Coordinates) -> Taps:
    """Fetches for an affine transform, where `fixed_point.is_applicable`.

    XLA compiles it.

    Args:
        images: uint8 `[batch, height, width, channels]`.
        coordinates: Where the pixels come from.
    """
    rows = fixed_point.from_terms(coordinates.rows)
    cols = fixed_point.from_terms(coordinates.cols)
    index = xla.compile_if(True, fixed_point.pixel_index)(rows, cols)
    index = tf.broadcast_to(index, geometry.sizes(images)[:3])
    table = xla.compile_if(True, _pack)(images)
    pixels = xla.compile_if(True, _gather)(table, index)
    return Taps("fixed", pixels, (rows, cols))


def fetch_plane(
    images: tf.Tensor,
    coordinates: geometry.Coordinates,
    fill_mode: str,
    *,
    order: int,
    jit_compile: bool,
) -> Taps:
    """Fetches for any affine transform.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        coordinates: Where the pixels come from.
        fill_mode: One of `config.FILL_MODES`.
        order: 0 or 1.
        jit_compile: Whether XLA compiles the kernels.
    """
    layout: Layout
    if order == 0:
        layout, table = "pixel", images
    elif images.dtype == tf.uint8:
        layout, table = "packed", xla.compile_if(jit_compile, _pack)(images)
    else:
        layout, table = "corners", tf.stack(_cell_corners(images), axis=-1)
    index = xla.compile_if(jit_compile, _pixel_index)(
        coordinates.rows, coordinates.cols, fill_mode, order
    )
    index = tf.broadcast_to(index, geometry.sizes(images)[:3])
    pixels = xla.compile_if(jit_compile, _gather)(table, index)
    return Taps(layout, pixels, coordinates)


def _corners(taps: Taps) -> Sequence[tf.Tensor]:
    """Returns top left, top right, bottom left and bottom right pixels."""
    pixels = taps.pixels
    if taps.layout == "cell":
        upper, lower = pixels[:, :-1], pixels[:, 1:]
        return (
            upper[:, :, :-1],
            upper[:, :, 1:],
            lower[:, :, :-1],
            lower[:, :, 1:],
        )
    if taps.layout == "corners":
        corners: list[tf.Tensor] = tf.unstack(pixels, axis=-1)
        return corners
    byte = tf.constant(255, tf.uint32)
    return [
        # Through int32: conversion from uint32 has no vector instruction.
        tf.cast(
            tf.bitwise.right_shift(pixels, tf.constant(bits, tf.uint32)) & byte,
            tf.int32,
        )
        for bits in _CORNER_BITS
    ]


def _cell_corners(images: tf.Tensor) -> Sequence[tf.Tensor]:
    """Returns the four corners of every pixel's cell, outermost repeated."""
    padded = tf.pad(images, [[0, 0], [0, 1], [0, 1], [0, 0]], "SYMMETRIC")
    return _corners(Taps("cell", padded))


def _pack(images: tf.Tensor) -> tf.Tensor:
    """Packs the corners of each cell, so that one gather fetches all four."""
    packed = tf.zeros([], tf.uint32)
    for corner, bits in zip(_cell_corners(images), _CORNER_BITS):
        packed |= tf.bitwise.left_shift(
            tf.cast(corner, tf.uint32), tf.constant(bits, tf.uint32)
        )
    return packed


def _crop_axis(
    coords: tf.Tensor, size: int | tf.Tensor, fill_mode: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns pixel indices `[batch, size + 1]` and weights `[batch, 1]`."""
    first, last = coords[:, :1], coords[:, -1:]
    start = tf.floor(tf.minimum(first, last))
    weight = tf.minimum(first, last) - start
    descending = first > last
    weight = tf.where(descending, 1 - weight, weight)
    length = tf.cast(size, coords.dtype)
    if fill_mode == "reflect":
        start -= 2 * length * tf.floor(start / (2 * length))
    else:
        # Far outside all is the outermost pixel; keeps int32 from overflow.
        start = tf.clip_by_value(start, -length - 1, length)
    step = tf.reshape(tf.range(size + 1), [1, -1])
    step = tf.where(descending, size - step, step)
    index = tf.cast(start, tf.int32) + step
    if fill_mode == "reflect":
        index = boundary.reflect_index(index, size)
    index = tf.clip_by_value(index, 0, size - 1)
    return index, tf.cast(weight, tf.float32)


def _pixel_index(
    rows: geometry.Terms, cols: geometry.Terms, fill_mode: str, order: int
) -> tf.Tensor:
    """Returns the first of what `_locate` returns."""
    return _locate(rows, cols, fill_mode, order)[0]


def _locate(
    row_terms: geometry.Terms,
    col_terms: geometry.Terms,
    fill_mode: str,
    order: int,
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """Returns flat indices `[batch, height, width]`, weights and mask."""
    height = geometry.sizes(row_terms[0])[1]
    width = geometry.sizes(row_terms[1])[1]
    rows = row_terms[0][:, :, None] + row_terms[1][:, None, :]
    cols = col_terms[0][:, :, None] + col_terms[1][:, None, :]
    inside: tuple[tf.Tensor, ...] = ()
    if fill_mode == "constant":
        mask = boundary.is_inside(rows, height)
        inside = ((mask & boundary.is_inside(cols, width))[..., None],)
    # Between a pixel and its mirror image there is nothing to interpolate.
    rows = boundary.clip(boundary.fold(rows, height, fill_mode), height)
    cols = boundary.clip(boundary.fold(cols, width, fill_mode), width)
    if order == 0:
        top, left = tf.floor(rows + 0.5), tf.floor(cols + 0.5)
        weights: tuple[tf.Tensor, ...] = ()
    else:
        top, left = tf.floor(rows), tf.floor(cols)
        weights = ((rows - top)[..., None], (cols - left)[..., None])
    index = tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    return index, weights, inside


def _gather(table: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Gathers pixels of `table` at flat indices `[batch, rows, columns]`."""
    batch, height, width, *rest = geometry.sizes(table)
    index_shape = geometry.sizes(index)
    flat = tf.gather(
        tf.reshape(table, [batch, height * width, *rest]),
        tf.reshape(index, [index_shape[0], -1]),
        axis=1,
        batch_dims=1,
    )
    return tf.reshape(flat, index_shape + rest)
