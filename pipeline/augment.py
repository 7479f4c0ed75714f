"""The public transforms of images, single or batched: pure functions.

All of them take `[height, width, channels]` or a batch of such images (channels
first if the configuration says so), work eagerly and in graphs, and compute
nothing for a transform that is off.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import functools
from typing import Any

import tensorflow as tf

from pipeline import affine
from pipeline import config as config_lib
from pipeline import intensity
from pipeline import interpolation
from pipeline import params as params_lib
from pipeline import statistics as statistics_lib
from pipeline import xla


@xla.without_autograph
def apply_transform(
    image: tf.Tensor,
    params: params_lib.Params,
    config: config_lib.AugmentConfig,
) -> tf.Tensor:
    """Applies the transform that `params` describe, as Keras does.

    Args:
        image: uint8 or float `[height, width, channels]`, or a batch with one
            more leading dimension, in raw grey levels (0 to 255).
        params: Dictionary with the keys of `sample_params`; values are numbers
            or scalar tensors, for a batch also vectors `[batch]`. A key that is
            missing or None is neutral.
        config: `AugmentConfig`.

    Returns:
        float32, the shape of `image`, still in raw grey levels.
    """

    def transform(images: tf.Tensor) -> tf.Tensor:
        images = _channels_last(images, config)
        taps = affine.fetch(images, params, config)
        images = _colour(taps, params, config)
        return _back(images, config)

    return _on_batch(transform, image)


@xla.without_autograph
def random_transform(
    image: tf.Tensor, seed: tf.Tensor, config: config_lib.AugmentConfig
) -> tf.Tensor:
    """Applies one random transform to an image.

    Args:
        image: uint8 or float `[height, width, channels]`.
        seed: int32 or int64 `[2]`.
        config: `AugmentConfig`.

    Returns:
        float32 `[height, width, channels]`, in raw grey levels.

    Raises:
        ValueError: If the image or the seed is not as it must be.
    """
    image = tf.convert_to_tensor(image)
    if image.shape.rank != 3:
        raise ValueError(
            "`image` must be one image, [height, width, channels]. "
            f"Received: image.shape={image.shape}"
        )
    params = params_lib.sample_params(
        seed, tf.unstack(tf.shape(image), num=3), config
    )
    return apply_transform(image, params, config)


@xla.without_autograph
def standardize(
    image: tf.Tensor,
    config: config_lib.AugmentConfig,
    statistics: statistics_lib.Statistics | None = None,
) -> tf.Tensor:
    """Normalises an image or a batch: the last step before the network.

    Args:
        image: `[height, width, channels]`, or a batch of such images, in raw
            grey levels.
        config: `AugmentConfig`.
        statistics: `Statistics` of the data set, for the featurewise steps.

    Returns:
        float32, the shape of `image`.
    """
    return _on_batch(
        lambda images: intensity.apply_standardize(images, config, statistics),
        image,
    )


@xla.without_autograph
def augment_features(
    features: Mapping[str, Any],
    config: config_lib.AugmentConfig,
    statistics: statistics_lib.Statistics | None = None,
    *,
    images: tf.Tensor | tf.Variable | None = None,
    jit_compile: bool = True,
) -> tf.Tensor:
    """Makes the batch of images that `features` describe: the hot path.

    A dataset calls this for each batch on the host; one made with
    `augment_on="device"` yields the features instead, and the training step
    calls it. The values are the same.

    Args:
        features: Dictionary with `params`, as for `apply_transform` and within
            the ranges of `config`, and either `image`, uint8 or float `[batch,
            height, width, channels]`, channels last whatever `config` says, or
            `index`, int64 `[batch]`. If nothing moves, `extremes` may be
            what `intensity.column_extremes` finds in these images, which a
            channel shift else looks for.
        config: `AugmentConfig`.
        statistics: `Statistics` of the data set, for the featurewise steps.
        images: `[num_examples, height, width, channels]`, which `index` is
            looked up in.
        jit_compile: Whether XLA compiles the kernels. The user's
            `preprocessing_function` is never compiled.

    Returns:
        Images of type `config.dtype`, in the data format of `config`.
    """
    taps = _fetch(features, images, config, jit_compile)
    batch = _finish_batch(taps, features, config, statistics, jit_compile)
    return tf.cast(batch, config.dtype)


def _fetch(
    features: Mapping[str, Any],
    images: tf.Tensor | tf.Variable | None,
    config: config_lib.AugmentConfig,
    jit_compile: bool,
) -> interpolation.Taps:
    """Fetches the pixels of a batch."""
    params = features["params"]
    if "index" not in features:
        batch = features["image"]
    elif affine.is_identity(params) and intensity.is_pointwise(
        config, params, "extremes" in features
    ):
        # XLA looks images up in the kernel that finishes them.
        return interpolation.Taps(
            "pixel",
            tf.convert_to_tensor(images),
            numbers=(features["index"],),
        )
    else:
        batch = tf.gather(images, features["index"])
    return affine.fetch(batch, params, config, jit_compile=jit_compile)


def _finish_batch(
    taps: interpolation.Taps,
    features: Mapping[str, Any],
    config: config_lib.AugmentConfig,
    statistics: statistics_lib.Statistics | None,
    jit_compile: bool,
) -> tf.Tensor:
    params = features["params"]
    colour = {
        name: params_lib.as_float64(params[name])
        for name in intensity.PARAMS
        if not params_lib.is_off(params, name)
    }
    extremes = features.get("extremes")
    if not jit_compile or config.preprocessing_function is not None:
        seeds = params.get("preprocessing_seed")
        return _finish(
            taps, colour, config, statistics, seeds=seeds, extremes=extremes
        )
    if not taps.is_final and not intensity.is_pointwise(config, colour):
        # Else XLA interpolates again in each pass over the images.
        images = _blend(taps, colour, config, jit_compile=True)
        taps = interpolation.Taps(
            "blended" if taps.is_byte else "pixel", images
        )
    shifted = "channel_shift_intensity" in colour
    if shifted and extremes is None and taps.is_final:
        extremes = xla.compile_if(True, intensity.column_extremes)(taps.pixels)
    finish = _compiled_finish(config, taps.layout, statistics)
    return finish(taps[1:], colour, extremes)


def _colour(
    taps: interpolation.Taps,
    params: params_lib.Params,
    config: config_lib.AugmentConfig,
    extremes: tuple[tf.Tensor, tf.Tensor] | None = None,
) -> tf.Tensor:
    """Blends what was fetched, and shifts grey levels."""
    images = _blend(taps, params, config)
    within = taps.is_byte and (
        config.fill_mode != "constant" or 0 <= config.cval <= 255
    )
    return intensity.apply_colour(
        images, params, config, within_bytes=within, extremes=extremes
    )


def _blend(
    taps: interpolation.Taps,
    params: params_lib.Params,
    config: config_lib.AugmentConfig,
    *,
    jit_compile: bool = False,
) -> tf.Tensor:
    # Brightness truncates to whole grey levels: an error of one rounding in
    # float32 would become one of a level.
    exact = not params_lib.is_off(params, "brightness")
    return xla.compile_if(jit_compile, interpolation.blend)(
        taps,
        config.fill_mode,
        config.cval,
        order=config.interpolation_order,
        weight_dtype=tf.float64 if exact else tf.float32,
    )


def _finish(
    taps: interpolation.Taps,
    colour: params_lib.Params,
    config: config_lib.AugmentConfig,
    statistics: statistics_lib.Statistics | None,
    *,
    seeds: tf.Tensor | None = None,
    extremes: tuple[tf.Tensor, tf.Tensor] | None = None,
) -> tf.Tensor:
    """Does all that follows the fetching: blend, colour, normalise."""
    images = _colour(taps, colour, config, extremes)
    images = _back(images, config)
    return intensity.apply_standardize(images, config, statistics, seeds)


@functools.lru_cache(maxsize=64)
def _compiled_finish(
    config: config_lib.AugmentConfig,
    layout: interpolation.Layout,
    statistics: statistics_lib.Statistics | None,
) -> Callable[..., tf.Tensor]:
    """Returns `_finish` compiled for one configuration."""

    def finish(
        fetched: tuple[Any, ...],
        colour: params_lib.Params,
        extremes: tuple[tf.Tensor, tf.Tensor] | None,
    ) -> Any:
        taps = interpolation.Taps(layout, *fetched)
        return _finish(taps, colour, config, statistics, extremes=extremes)

    compiled: Callable[..., tf.Tensor] = tf.function(
        finish, jit_compile=True, autograph=False
    )
    return compiled


def _channels_last(
    images: tf.Tensor, config: config_lib.AugmentConfig
) -> tf.Tensor:
    if config.data_format == config_lib.DATA_FORMATS[1]:
        return tf.transpose(images, [0, 2, 3, 1])
    return images


def _back(images: tf.Tensor, config: config_lib.AugmentConfig) -> tf.Tensor:
    """Undoes `_channels_last`."""
    if config.data_format == config_lib.DATA_FORMATS[1]:
        return tf.transpose(images, [0, 3, 1, 2])
    return images


def _on_batch(
    function: Callable[[tf.Tensor], tf.Tensor], image: tf.Tensor
) -> tf.Tensor:
    """Calls a function of batches on an image or a batch of images."""
    image = tf.convert_to_tensor(image)
    rank = image.shape.rank
    if rank not in (3, 4):
        raise ValueError(
            "`image` must be [height, width, channels] or a batch of such "
            f"images. Received: image.shape={image.shape}"
        )
    if rank == 4:
        return tf.ensure_shape(function(image), image.shape)
    return tf.ensure_shape(function(image[None])[0], image.shape)
