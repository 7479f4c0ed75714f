"""Where each output pixel comes from: parameters to source coordinates.

Coordinates are computed in float64 and in SciPy's order of operations. They are
sums of one term for the row and one for the column of the output pixel, so that
only an addition is left for a compiled kernel: XLA contracts `a * b + c` to one
rounding, which moves a coordinate across the border of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import NamedTuple
from typing import TypeAlias

import tensorflow as tf

from pipeline import params as params_lib

# Sizes of a tensor: ints as far as they are known, else int32 scalars.
Sizes: TypeAlias = "Sequence[int | tf.Tensor]"

# A coordinate of every output pixel, as what its row and its column add to it:
# `[1 or batch, height]` and `[1 or batch, width]`; `[1, 1]` if that is nothing.
Terms: TypeAlias = "tuple[tf.Tensor, tf.Tensor]"


# A Python float as far as parameters are plain numbers, else float64 `[1 or
# batch, 1]`.
_Number: TypeAlias = "float | tf.Tensor"
_Row: TypeAlias = "tuple[_Number, _Number, _Number]"


class Coordinates(NamedTuple):
    """Where every output pixel comes from.

    Attributes:
        rows: Terms of the source row, float64.
        cols: Terms of the source column.
    """

    rows: Terms
    cols: Terms

    @property
    def is_separable(self) -> bool:
        """Whether rows come from rows, and columns from columns, alone."""
        widths = self.rows[1].shape[1], self.cols[0].shape[1]
        return widths == (1, 1)


def source_coordinates(
    params: params_lib.Params, image_shape: Sizes, keras_quirks: bool
) -> Coordinates:
    """Returns the source coordinates of all output pixels, as sums.

    Args:
        params: Dictionary as `params.sample_params` returns it.
        image_shape: `(height, width)`.
        keras_quirks: Whether the pivot is where Keras has it.
    """
    height, width = image_shape
    (axx, axy, bx), (ayx, ayy, by) = _matrix(params)
    pivot_x, pivot_y = _pivot(height, width, keras_quirks)
    offset_x = -axx * pivot_x - axy * pivot_y + (bx + pivot_x)
    offset_y = -ayx * pivot_x - ayy * pivot_y + (by + pivot_y)
    r = _positions(height, params, "flip_vertical")
    q = _positions(width, params, "flip_horizontal")
    rows = (offset_y + _term(r, ayy), _term(q, ayx))
    cols = (offset_x + _term(r, axy), _term(q, axx))
    return Coordinates(rows, cols)


def sizes(tensor: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns the shape of `tensor`, as ints as far as it is known."""
    if tensor.shape.is_fully_defined():
        return list(tensor.shape)
    dynamic = tf.unstack(tf.shape(tensor), num=tensor.shape.rank)
    return [d if s is None else s for s, d in zip(tensor.shape, dynamic)]


def flag(value: int | tf.Tensor) -> tf.Tensor:
    """Returns a flag or a vector of flags as bool `[1 or batch]`."""
    return tf.reshape(tf.cast(tf.convert_to_tensor(value), tf.bool), [-1])


def _positions(
    size: int | tf.Tensor, params: params_lib.Params, flip_name: str
) -> tf.Tensor:
    """Returns output positions `[1 or batch, size]`, reversed where flipped."""
    if tf.is_tensor(size):
        size = tf.cast(size, tf.float64)
    forward = tf.reshape(tf.range(size, dtype=tf.float64), [1, -1])
    if params_lib.is_off(params, flip_name):
        return forward
    flip = tf.reshape(flag(params[flip_name]), [-1, 1])
    return tf.where(flip, (size - 1) - forward, forward)


def _term(positions: tf.Tensor, factor: _Number) -> tf.Tensor:
    """Returns what positions add to a coordinate."""
    if isinstance(factor, float) and factor == 0:
        return tf.zeros([1, 1], tf.float64)
    return positions * factor


def _matrix(params: params_lib.Params) -> tuple[_Row, _Row]:
    """Returns the rows of rotation x shift x shear x zoom.

    Coordinates are (x, y) = (column, row); Keras's shear scales y as well.
    Entries are Python floats as far as the parameters are plain numbers, so
    that a transform that is off adds nothing to a graph.
    """
    cos, sin = _cos_sin(params, "theta")
    shear_y, shear_sin = _cos_sin(params, "shear")
    tx, ty = _column(params, "tx", 0.0), _column(params, "ty", 0.0)
    zx, zy = _column(params, "zx", 1.0), _column(params, "zy", 1.0)
    return (
        (
            cos * zx,
            _product(-cos * shear_sin - sin * shear_y, zy),
            cos * tx - sin * ty,
        ),
        (
            _product(sin, zx),
            (-sin * shear_sin + cos * shear_y) * zy,
            sin * tx + cos * ty,
        ),
    )


def _product(factor: _Number, zoom: _Number) -> _Number:
    """Returns the product, a plain number where `factor` is a plain 0."""
    if isinstance(factor, float) and factor == 0:
        return 0.0
    return factor * zoom


def _cos_sin(params: params_lib.Params, name: str) -> tuple[_Number, _Number]:
    angle = _column(params, name, 0.0) * (math.pi / 180)
    if isinstance(angle, float):
        return math.cos(angle), math.sin(angle)
    return tf.cos(angle), tf.sin(angle)


def _pivot(
    height: int | tf.Tensor, width: int | tf.Tensor, keras_quirks: bool
) -> tuple[_Number, _Number]:
    """Returns the fixed point of rotation, shear and zoom as `(x, y)`.

    Keras takes x (columns) from the height and y (rows) from the width.
    """
    x, y = (height, width) if keras_quirks else (width, height)
    return _middle(x), _middle(y)


def _middle(size: int | tf.Tensor) -> _Number:
    size = params_lib.as_float64(size) if tf.is_tensor(size) else float(size)
    return size / 2 - 0.5


def _column(params: params_lib.Params, name: str, default: float) -> _Number:
    """Returns a parameter as a Python float or float64 `[1 or batch, 1]`."""
    if params_lib.is_off(params, name):
        return default
    value = params[name]
    if isinstance(value, (int, float)):
        return float(value)
    return tf.reshape(params_lib.as_float64(value), [-1, 1])
