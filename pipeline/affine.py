"""Rotation, shift, shear, zoom and flips as one resampling of each image.

The coordinates, the boundary rules and the interpolation are those of Keras's
`apply_affine_transform`, that is of `scipy.ndimage.affine_transform`, computed
in float64. Flips are folded in as reversed pixel order, which is exact.
"""

import tensorflow as tf

from pipeline import boundary
from pipeline import params as params_lib

GEOMETRY = ("theta", "tx", "ty", "shear", "zx", "zy")
FLIPS = ("flip_horizontal", "flip_vertical")


def apply_affine(images, params, config):
    """Resamples images once through all geometric transforms.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        params: Dictionary as `params.sample_params` returns it; values are
            numbers or vectors `[batch]`; a missing key is neutral.
        config: `AugmentConfig`; `fill_mode`, `cval`, `interpolation_order` and
            `keras_quirks` are used.

    Returns:
        float32, the shape of `images`, in the same units.
    """
    if all(params_lib.is_off(params, name) for name in GEOMETRY):
        return tf.cast(_flip(images, params), tf.float32)
    static_shape = images.shape
    rows, cols = _separable_coordinates(images, params, config)
    warped = _sample_columns(_sample_rows(images, rows, config), cols, config)
    if config.fill_mode == "constant":
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        inside = (
            boundary.is_inside(rows, height)[:, :, None, None]
            & boundary.is_inside(cols, width)[:, None, :, None]
        )
        warped = tf.where(inside, warped, tf.constant(config.cval, tf.float32))
    return tf.ensure_shape(warped, static_shape)


def _flip(images, params):
    """Reverses rows and columns of the images whose flag is set."""
    for name, axis in (("flip_vertical", 1), ("flip_horizontal", 2)):
        if not params_lib.is_off(params, name):
            flag = _flag(params[name])[:, None, None, None]
            images = tf.where(flag, tf.reverse(images, [axis]), images)
    return images


def _separable_coordinates(images, params, config):
    """Returns source rows `[batch, height]` and columns `[batch, width]`."""
    shape = tf.shape(images)
    batch, height, width = shape[0], shape[1], shape[2]
    pivot_x, pivot_y = _pivot(height, width, config)
    cols = _axis_coordinates(
        _positions(width, params, "flip_horizontal"),
        params.get("zx"),
        params.get("tx"),
        pivot_x,
    )
    rows = _axis_coordinates(
        _positions(height, params, "flip_vertical"),
        params.get("zy"),
        params.get("ty"),
        pivot_y,
    )
    return (
        tf.broadcast_to(rows, [batch, height]),
        tf.broadcast_to(cols, [batch, width]),
    )


def _pivot(height, width, config):
    """Returns the fixed point of rotation and zoom as `(x, y)`.

    Keras takes x (columns) from the height and y (rows) from the width.
    """
    x, y = (height, width) if config.keras_quirks else (width, height)
    x, y = params_lib.as_float64(x), params_lib.as_float64(y)
    return x / 2 - 0.5, y / 2 - 0.5


def _positions(size, params, flip_name):
    """Returns output positions `[1 or batch, size]`, reversed where flipped."""
    forward = tf.range(size)[None, :]
    if params_lib.is_off(params, flip_name):
        return tf.cast(forward, tf.float64)
    flip = _flag(params[flip_name])[:, None]
    return tf.cast(tf.where(flip, size - 1 - forward, forward), tf.float64)


def _axis_coordinates(positions, zoom, shift, pivot):
    """Returns `zoom * (position - pivot) + shift + pivot`, as SciPy rounds."""
    zoom = _column(zoom, 1.0)
    offset = zoom * -pivot + (_column(shift, 0.0) + pivot)
    return offset + positions * zoom


def _flag(value):
    """Returns a flag or vector of flags as bool `[1 or batch]`."""
    return tf.reshape(tf.cast(tf.convert_to_tensor(value), tf.bool), [-1])


def _column(value, default):
    value = params_lib.as_float64(default if value is None else value)
    return tf.reshape(value, [-1, 1])


def _sample_rows(images, coords, config):
    """Interpolates along axis 1 at `coords`, float64 `[batch, height]`."""
    return _interpolate(
        lambda index: tf.gather(images, index, axis=1, batch_dims=1),
        coords[:, :, None, None],
        tf.shape(images)[1],
        config,
    )


def _sample_columns(images, coords, config):
    """Interpolates along axis 2 at `coords`, float64 `[batch, width]`."""
    return _interpolate(
        lambda index: tf.gather(images, index, axis=2, batch_dims=1),
        coords[:, None, :, None],
        tf.shape(images)[2],
        config,
    )


def _interpolate(gather, coords, size, config):
    """Interpolates along one axis, between the pixels that `gather` fetches.

    Args:
        gather: Function of int32 `[batch, length]` returning the pixels there.
        coords: float64, `[batch, length]` with ones inserted to broadcast
            against what `gather` returns.
        size: int32 scalar, length of the axis.
        config: `AugmentConfig`.

    Returns:
        float32.
    """
    coords = boundary.fold(coords, size, config.fill_mode)

    def pixels(index):
        index = boundary.clip_index(tf.cast(index, tf.int32), size)
        index = tf.reshape(index, [tf.shape(index)[0], -1])
        return tf.cast(gather(index), tf.float32)

    if config.interpolation_order == 0:
        return pixels(tf.floor(coords + 0.5))
    start = tf.floor(coords)
    weight = tf.cast(coords - start, tf.float32)
    return pixels(start) * (1 - weight) + pixels(start + 1) * weight
