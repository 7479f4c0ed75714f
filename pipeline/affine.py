"""Rotation, shift, shear, zoom and flips as one resampling of each image.

Coordinates, boundary rules and interpolation are those of Keras's
`apply_affine_transform`, that is of `scipy.ndimage.affine_transform`. Flips are
folded in as reversed pixel order, which is exact.
"""

from __future__ import annotations

import tensorflow as tf

from pipeline import config as config_lib
from pipeline import fixed_point
from pipeline import geometry
from pipeline import interpolation
from pipeline import params as params_lib
from pipeline import spline
from pipeline import xla

_LINEAR = ("theta", "shear", "zx", "zy")
_SHIFTS = ("tx", "ty")
_FLIPS = ("flip_horizontal", "flip_vertical")


def is_identity(params: params_lib.Params) -> bool:
    """Whether all pixels are known to stay where they are."""
    return not _any_on(params, _LINEAR + _SHIFTS + _FLIPS)


def fetch(
    images: tf.Tensor,
    params: params_lib.Params,
    config: config_lib.AugmentConfig,
    *,
    jit_compile: bool = False,
) -> interpolation.Taps:
    """Fetches the source pixels of all geometric transforms at once.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.
        params: As `params.sample_params` returns them.
        config: `fill_mode`, `cval`, `interpolation_order` and `keras_quirks`
            are used.
        jit_compile: Whether XLA compiles the kernels. Parameters must then be
            within the ranges of `config`.

    Returns:
        What `interpolation.blend` makes the images of.
    """
    linear = _any_on(params, _LINEAR)
    if not linear and not _any_on(params, _SHIFTS):
        return interpolation.Taps("pixel", _flip(images, params))
    order = config.interpolation_order
    # Brightness truncates to whole grey levels: an error of one rounding in
    # float32 would become one of a level.
    exact = not params_lib.is_off(params, "brightness")
    fast = order == 1 and not exact
    if fast and not linear and config.fill_mode != "wrap":
        return _fetch_crop(images, params, config, jit_compile)
    image_shape = geometry.sizes(images)[1:3]
    coordinates = geometry.source_coordinates(
        params, image_shape, config.keras_quirks
    )
    if order > 1:
        warped = spline.interpolate(
            images,
            coordinates,
            config,
            dtype=tf.float64 if exact else tf.float32,
            jit_compile=jit_compile,
        )
        return interpolation.Taps("pixel", warped)
    if coordinates.is_separable:
        return interpolation.fetch_lines(
            images,
            coordinates,
            config.fill_mode,
            order=order,
            jit_compile=jit_compile,
        )
    fast &= jit_compile
    if fast and fixed_point.is_applicable(image_shape, images.dtype, config):
        coordinates = geometry.Coordinates(
            *(
                fixed_point.from_terms(terms, size, config.fill_mode)
                for terms, size in zip(coordinates, image_shape)
            )
        )
    return interpolation.Taps("source", images, coordinates)


def _any_on(params: params_lib.Params, names: tuple[str, ...]) -> bool:
    return any(not params_lib.is_off(params, name) for name in names)


def _fetch_crop(
    images: tf.Tensor,
    params: params_lib.Params,
    config: config_lib.AugmentConfig,
    jit_compile: bool,
) -> interpolation.Taps:
    """Fetches for a pure shift, flipped or not."""
    moves = {
        name: params_lib.as_float64(params[name])
        for name in _SHIFTS + _FLIPS
        if not params_lib.is_off(params, name)
    }
    pixels, weights, inside = xla.compile_if(jit_compile, _shift)(
        images, moves, config.fill_mode, config.keras_quirks
    )
    return interpolation.Taps("cell", pixels, (), (), weights, inside)


def _shift(
    images: tf.Tensor,
    params: params_lib.Params,
    fill_mode: str,
    keras_quirks: bool,
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """Does the work of `_fetch_crop`, the coordinates compiled with it.

    That is exact here: nothing is multiplied, so XLA has nothing to contract.
    """
    rows, cols = geometry.source_coordinates(
        params, geometry.sizes(images)[1:3], keras_quirks
    )
    return interpolation.crop(
        images,
        rows[0] + rows[1][:, :1],
        cols[0][:, :1] + cols[1],
        fill_mode,
    )


def _flip(images: tf.Tensor, params: params_lib.Params) -> tf.Tensor:
    """Reverses rows and columns of the images whose flag is set."""
    for name, axis in (("flip_vertical", 1), ("flip_horizontal", 2)):
        if not params_lib.is_off(params, name):
            flag = geometry.flag(params[name])[:, None, None, None]
            images = tf.where(flag, tf.reverse(images, [axis]), images)
    return images
