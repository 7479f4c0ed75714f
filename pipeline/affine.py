"""Rotation, shift, shear, zoom and flips as one resampling of each image.

Coordinates, boundary rules and interpolation are those of Keras's
`apply_affine_transform`, that is of `scipy.ndimage.affine_transform`. Flips are
folded in as reversed pixel order, which is exact.
"""

import tensorflow as tf

from pipeline import fixed_point
from pipeline import geometry
from pipeline import interpolation
from pipeline import params as params_lib
from pipeline import spline
from pipeline import xla

_LINEAR = ("theta", "shear", "zx", "zy")
_SHIFTS = ("tx", "ty")
_FLIPS = ("flip_horizontal", "flip_vertical")


def fetch(images, params, config, *, jit_compile=False):
    """Fetches the source pixels of all geometric transforms at once.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        params: Dictionary as `params.sample_params` returns it; values are
            numbers or vectors `[batch]`; a missing key is neutral.
        config: `AugmentConfig`; `fill_mode`, `cval`, `interpolation_order` and
            `keras_quirks` are used.
        jit_compile: Whether XLA compiles the kernels. Parameters must then be
            within the ranges of `config`.

    Returns:
        `interpolation.Taps`, for `interpolation.blend`.
    """
    linear = any(not params_lib.is_off(params, name) for name in _LINEAR)
    shifts = any(not params_lib.is_off(params, name) for name in _SHIFTS)
    if not linear and not shifts:
        return interpolation.Taps(interpolation.PIXEL, _flip(images, params))
    order = config.interpolation_order
    # Brightness truncates to whole grey levels: an error of one rounding in
    # float32 would become one of a level.
    exact = not params_lib.is_off(params, "brightness")
    if order == 1 and not linear and not exact and config.fill_mode != "wrap":
        moves = {
            name: params_lib.as_float64(params[name])
            for name in _SHIFTS + _FLIPS
            if not params_lib.is_off(params, name)
        }
        shift = xla.compiled(_fetch_shift, jit_compile)
        pixels, weights, inside = shift(
            images, moves, config.fill_mode, config.keras_quirks
        )
        return interpolation.Taps(interpolation.CELL, pixels, weights, inside)
    row_terms, col_terms = geometry.source_coordinates(
        params, geometry.sizes(images)[1:3], config.keras_quirks
    )
    if order > 1:
        warped = spline.interpolate(images, row_terms, col_terms, config)
        return interpolation.Taps(interpolation.PIXEL, warped)
    if (
        jit_compile
        and order == 1
        and not exact
        and fixed_point.is_applicable(
            geometry.sizes(images)[1:3], images.dtype, config
        )
    ):
        return interpolation.fetch_fixed(images, row_terms, col_terms)
    return interpolation.fetch_plane(
        images,
        row_terms,
        col_terms,
        config.fill_mode,
        order=order,
        weight_dtype=tf.float64 if exact else tf.float32,
        jit_compile=jit_compile,
    )


def _fetch_shift(images, params, fill_mode, keras_quirks):
    """Fetches for a pure shift, coordinates included in what is compiled.

    That is exact here: nothing is multiplied, so XLA has nothing to contract.
    """
    row_terms, col_terms = geometry.source_coordinates(
        params, geometry.sizes(images)[1:3], keras_quirks
    )
    return interpolation.crop(
        images,
        row_terms[0] + row_terms[1][:, :1],
        col_terms[0][:, :1] + col_terms[1],
        fill_mode,
    )


def _flip(images, params):
    """Reverses rows and columns of the images whose flag is set."""
    for name, axis in (("flip_vertical", 1), ("flip_horizontal", 2)):
        if not params_lib.is_off(params, name):
            flag = geometry.flag(params[name])[:, None, None, None]
            images = tf.where(flag, tf.reverse(images, [axis]), images)
    return images
