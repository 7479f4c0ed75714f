"""Fetches source pixels and blends them: interpolation of order 0 and 1.

A warp is not fetched but only described: XLA gathers the pixels in the kernel
that blends them, with all that follows. What would lie between kernels, an
index or a table of neighbours, costs more to write than to find again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from typing import NamedTuple

import tensorflow as tf

from pipeline import boundary
from pipeline import fixed_point
from pipeline import geometry
from pipeline import xla

# What `Taps.pixels` holds:
# pixel: the image itself;
# blended: the same, blended of uint8 pixels;
# cell: corners of the cells of a grid, one row and column larger;
# source: pixels that are still to be gathered.
Layout = Literal["pixel", "blended", "cell", "source"]


class Taps(NamedTuple):
    """Pixels on their way to be blended, and how.

    Attributes:
        layout: What `pixels` holds.
        pixels: `[batch, height, width, channels]`, one larger for "cell".
        coordinates: Empty, or terms of the source rows and columns, float64 or
            in fixed point, which all that follows is computed from.
        top_left: Empty, or int32 rows and columns of the top left corners,
            broadcasting against `[batch, height, width]`.
        weights: Empty, or the weights of the bottom and of the right corners,
            float, broadcasting against an image batch.
        inside: Empty, or one bool array broadcasting against an image batch:
            False where `cval` belongs.
        numbers: Empty, or which of `pixels` are the batch, int64 `[batch]`.
    """

    layout: Layout
    pixels: tf.Tensor
    coordinates: tuple[geometry.Terms, ...] = ()
    top_left: tuple[tf.Tensor, ...] = ()
    weights: tuple[tf.Tensor, ...] = ()
    inside: tuple[tf.Tensor, ...] = ()
    numbers: tuple[tf.Tensor, ...] = ()

    @property
    def is_byte(self) -> bool:
        """Whether the pixels come from a uint8 image."""
        return bool(self.layout == "blended" or self.pixels.dtype == tf.uint8)

    @property
    def is_final(self) -> bool:
        """Whether `pixels` are the image, with nothing to blend or mask."""
        return self.layout in ("pixel", "blended")


def blend(
    taps: Taps,
    fill_mode: str,
    cval: float,
    *,
    order: int,
    weight_dtype: tf.DType,
) -> tf.Tensor:
    """Interpolates between the fetched pixels.

    Args:
        taps: What was fetched.
        fill_mode: One of `config.FILL_MODES`.
        cval: What "constant" fills with.
        order: 0 or 1, unless nothing is left to blend.
        weight_dtype: float32, or float64 to interpolate as exactly as SciPy.

    Returns:
        float32 `[batch, height, width, channels]`.
    """
    images, weights, inside = taps.pixels, taps.weights, taps.inside
    top_left = taps.top_left
    for numbers in taps.numbers:
        images = tf.gather(images, numbers)
    if taps.coordinates:
        rows, cols = taps.coordinates
        top_left, weights, inside = _locate(rows, cols, fill_mode, order)
    if weights:
        find = _gather_corners if top_left else _cell_corners
        bottom, right = (tf.cast(w, weight_dtype) for w in weights)
        corners = [tf.cast(c, bottom.dtype) for c in find(images, *top_left)]
        upper = corners[0] * (1 - right) + corners[1] * right
        lower = corners[2] * (1 - right) + corners[3] * right
        images = upper * (1 - bottom) + lower * bottom
    elif top_left:
        images = _gather(images, *top_left)
    images = tf.cast(images, tf.float32)
    for mask in inside:
        images = tf.where(mask, images, tf.constant(cval, tf.float32))
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
    height, width = geometry.sizes(images)[1:3]
    row_index, bottom = _crop_axis(rows, height, fill_mode)
    col_index, right = _crop_axis(cols, width, fill_mode)
    pixels = _gather(images, row_index[:, :, None], col_index[:, None, :])
    inside: tuple[tf.Tensor, ...] = ()
    if fill_mode == "constant":
        mask = boundary.is_inside(rows, height)[:, :, None, None]
        inside = (mask & boundary.is_inside(cols, width)[:, None, :, None],)
    weights = (bottom[:, :, None, None], right[:, :, None, None])
    return pixels, weights, inside


def fetch_lines(
    images: tf.Tensor,
    coordinates: geometry.Coordinates,
    fill_mode: str,
    *,
    order: int,
    jit_compile: bool,
) -> Taps:
    """Fetches where coordinates are separable, for any fill mode.

    A number for each row and column is soon written. Left to `blend`, XLA
    would compute it again for each pixel.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        coordinates: Where the pixels come from.
        fill_mode: One of `config.FILL_MODES`.
        order: 0 or 1.
        jit_compile: Whether XLA compiles it.
    """
    top_left, weights, inside = xla.compile_if(jit_compile, _locate)(
        coordinates.rows, coordinates.cols, fill_mode, order
    )
    return Taps("source", images, (), top_left, weights, inside)


def _cell_corners(grid: tf.Tensor) -> Sequence[tf.Tensor]:
    """Returns top left, top right, bottom left and bottom right pixels."""
    upper, lower = grid[:, :-1], grid[:, 1:]
    return (
        upper[:, :, :-1],
        upper[:, :, 1:],
        lower[:, :, :-1],
        lower[:, :, 1:],
    )


def _gather_corners(
    images: tf.Tensor, top: tf.Tensor, left: tf.Tensor
) -> Sequence[tf.Tensor]:
    """Gathers what `_cell_corners` returns; the outermost are repeated."""
    height, width = geometry.sizes(images)[1:3]
    rows = (top, tf.minimum(top + 1, height - 1))
    cols = (left, tf.minimum(left + 1, width - 1))
    return [_gather(images, row, col) for row in rows for col in cols]


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


def _locate(
    row_terms: geometry.Terms,
    col_terms: geometry.Terms,
    fill_mode: str,
    order: int,
) -> tuple[tuple[tf.Tensor, ...], tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """Returns top left corners, weights and mask of `Taps`."""
    height = geometry.sizes(row_terms[0])[1]
    width = geometry.sizes(col_terms[1])[1]
    if row_terms[0].dtype == tf.int32:
        top, bottom, in_rows = fixed_point.locate(row_terms, height, fill_mode)
        left, right, in_cols = fixed_point.locate(col_terms, width, fill_mode)
        inside = tuple((a & b)[..., None] for a, b in zip(in_rows, in_cols))
        return (top, left), (bottom[..., None], right[..., None]), inside
    rows = row_terms[0][:, :, None] + row_terms[1][:, None, :]
    cols = col_terms[0][:, :, None] + col_terms[1][:, None, :]
    inside = ()
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
    top_left = tf.cast(top, tf.int32), tf.cast(left, tf.int32)
    return top_left, weights, inside


def _gather(images: tf.Tensor, rows: tf.Tensor, cols: tf.Tensor) -> tf.Tensor:
    """Gathers pixels at int32 positions.

    Args:
        images: `[batch, height, width, channels]`.
        rows: Broadcasting against `[batch, new_height, new_width]`.
        cols: Likewise.

    Returns:
        `[batch, new_height, new_width, channels]`.
    """
    batch, height, width, channels = geometry.sizes(images)
    index = rows * width + cols
    _, new_height, new_width = geometry.sizes(index)
    index = tf.broadcast_to(index, [batch, new_height, new_width])
    flat = tf.gather(
        tf.reshape(images, [batch, height * width, channels]),
        tf.reshape(index, [batch, -1]),
        axis=1,
        batch_dims=1,
    )
    return tf.reshape(flat, [batch, new_height, new_width, channels])
