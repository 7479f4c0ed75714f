"""Pixel values: colour, sharpness and normalisation, on batches."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import config as config_lib
from pipeline import detail
from pipeline import geometry
from pipeline import params as params_lib
from pipeline import preprocessing
from pipeline import statistics as statistics_lib

# What `apply_colour` takes of the parameters.
PARAMS = ("channel_shift_intensity", "brightness", "sharpness", "gamma")

_EPSILON = 1e-6  # Keras adds it to every standard deviation


def apply_colour(
    images: tf.Tensor,
    params: params_lib.Params,
    config: config_lib.AugmentConfig,
    *,
    within_bytes: bool = False,
    extremes: tuple[tf.Tensor, tf.Tensor] | None = None,
) -> tf.Tensor:
    """Applies channel shift, brightness, sharpness, gamma: those that are on.

    Args:
        images: float32 `[batch, height, width, channels]`, in grey levels.
        params: Dictionary as `params.sample_params` returns it.
        config: `keras_quirks` is used.
        within_bytes: Whether all values are known to be from 0 to 255.
        extremes: What `column_extremes` finds in `images`, if it is known.

    Returns:
        float32, the shape of `images`.
    """
    if not params_lib.is_off(params, "channel_shift_intensity"):
        shift = _per_image(params["channel_shift_intensity"])
        axes = (1, 2, 3) if config.keras_quirks else (1, 2)
        lowest, highest = extremes or column_extremes(images)
        images = _shift_channels(images, shift, lowest, highest, axes)
    if not params_lib.is_off(params, "brightness"):
        factor = _per_image(params["brightness"])
        images = _brighten(images, factor, within_bytes)
    if not params_lib.is_off(params, "sharpness"):
        images = detail.scale(images, _per_image(params["sharpness"]))
    if not params_lib.is_off(params, "gamma"):
        levels = tf.clip_by_value(images, 0, 255) / 255
        images = 255 * levels ** _per_image(params["gamma"])
    return images


def is_pointwise(
    config: config_lib.AugmentConfig,
    params: params_lib.Params,
    has_extremes: bool = False,
) -> bool:
    """Whether each value of the result depends on one value of the image.

    Args:
        config: What is normalised.
        params: Which of `PARAMS` are on.
        has_extremes: Whether those of each image are known.
    """
    return not (
        config.samplewise_center
        or config.samplewise_std_normalization
        or config.local_contrast_normalization
        or config.zca_whitening
        or ("channel_shift_intensity" in params and not has_extremes)
        or "sharpness" in params
    )


def column_extremes(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the extremes of each column of pixels: the most of the work.

    XLA vectorizes this, but not the minimum of a whole image, which takes it
    ten times as long as to normalise it. It must be a kernel of its own: XLA
    makes one reduction of two that follow each other.

    Args:
        images: `[batch, height, width, channels]`, any numeric dtype.

    Returns:
        Minima and maxima, `[batch, 1, width, channels]`.
    """
    batch, height, width, channels = geometry.sizes(images)
    rows = tf.reshape(images, [batch, height, width * channels])
    shape = [batch, 1, width, channels]
    return (
        tf.reshape(tf.reduce_min(rows, 1), shape),
        tf.reshape(tf.reduce_max(rows, 1), shape),
    )


def apply_standardize(
    images: tf.Tensor,
    config: config_lib.AugmentConfig,
    statistics: statistics_lib.Statistics | None = None,
    seeds: tf.Tensor | None = None,
) -> tf.Tensor:
    """Normalises images in Keras's fixed order.

    Args:
        images: `[batch, height, width, channels]` in raw grey levels, or
            channels first if `config` says so.
        config: What is normalised.
        statistics: Those of the data set; None means those of `config`. A
            featurewise step whose statistic is missing is skipped with a
            warning, as in Keras.
        seeds: int32 `[batch, 2]`, for a `preprocessing_function` that takes
            seeds.

    Returns:
        float32, the shape of `images`.
    """
    images = tf.cast(images, tf.float32)
    if config.takes_seed and seeds is None:
        raise ValueError(
            "`preprocessing_function` must be a function of one image where "
            "there are no seeds: `make_train_dataset` draws them. Received: "
            f"preprocessing_function={config.preprocessing_function!r}"
        )
    if config.preprocessing_function is not None:
        images = _preprocess(images, config.preprocessing_function, seeds)
    if config.rescale:
        # The factor itself is rounded to float32, then multiplied.
        images *= tf.constant(config.rescale, tf.float32)
    if config.local_contrast_normalization:
        images = _normalize_contrast(images, config)
    if config.samplewise_center:
        images -= _mean(images)
    if config.samplewise_std_normalization:
        images /= _std(images) + _EPSILON
    statistics = statistics or config.statistics or statistics_lib.Statistics()
    mean, std, matrix = statistics_lib.select(
        config, statistics, images.shape[1:]
    )
    if mean is not None:
        images -= tf.cast(mean, tf.float32)
    if std is not None:
        images /= tf.cast(std, tf.float32) + _EPSILON
    if matrix is not None:
        images = _whiten(images, statistics.zca_factors)
    return images


def _per_image(value: float | tf.Tensor) -> tf.Tensor:
    """Returns a number or vector as float32 `[1 or batch, 1, 1, 1]`."""
    value = tf.cast(params_lib.as_float64(value), tf.float32)
    return tf.reshape(value, [-1, 1, 1, 1])


def _shift_channels(
    images: tf.Tensor,
    shift: tf.Tensor,
    lowest: tf.Tensor,
    highest: tf.Tensor,
    axes: Sequence[int],
) -> tf.Tensor:
    """Adds `shift`, and clips to the extremes over `axes`."""
    lowest = tf.reduce_min(tf.cast(lowest, tf.float32), axes, keepdims=True)
    highest = tf.reduce_max(tf.cast(highest, tf.float32), axes, keepdims=True)
    return tf.clip_by_value(images + shift, lowest, highest)


def _brighten(
    images: tf.Tensor, factor: tf.Tensor, within_bytes: bool
) -> tf.Tensor:
    """Multiplies by `factor` as Keras does: through 8-bit pixels of PIL."""
    channels = images.shape[-1]
    if channels not in (1, 3, 4):
        raise ValueError(
            "`brightness_range` needs images of 1, 3 or 4 channels. "
            f"Received: image.shape={images.shape}"
        )
    if within_bytes:
        return _scale_bytes(images, factor)
    lowest = tf.reduce_min(images, [1, 2, 3], keepdims=True)
    span = tf.reduce_max(images, [1, 2, 3], keepdims=True) - lowest
    stretched = (lowest < 0) | (lowest + span > 255)
    span = tf.where(span > 0, span, 1.0)
    pixels = tf.where(stretched, (images - lowest) / span * 255, images)
    bright = _scale_bytes(pixels, factor)
    return tf.where(stretched, bright / 255 * span + lowest, bright)


def _scale_bytes(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Does what PIL does to pixels from 0 to 255; alpha stays as it is."""
    pixels = tf.floor(images)
    bright = tf.clip_by_value(tf.floor(pixels * factor), 0, 255)
    if images.shape[-1] == 4:
        bright = tf.concat([bright[..., :3], pixels[..., 3:]], -1)
    return bright


def _preprocess(
    images: tf.Tensor,
    function: Callable[..., Any],
    seeds: tf.Tensor | None,
) -> tf.Tensor:
    """Calls a user's function of an image, or of image and seed, on each."""
    inputs = [images] if seeds is None else [images, seeds]
    call = preprocessing.as_graph_function(function, images.shape[1:])
    processed = tf.map_fn(
        lambda image_and_seed: call(*image_and_seed),
        inputs,
        fn_output_signature=tf.float32,
    )
    return tf.ensure_shape(processed, images.shape)


def _normalize_contrast(
    images: tf.Tensor, config: config_lib.AugmentConfig
) -> tf.Tensor:
    if config.data_format == config_lib.DATA_FORMATS[0]:
        return detail.normalize(images)
    images = detail.normalize(tf.transpose(images, [0, 2, 3, 1]))
    return tf.transpose(images, [0, 3, 1, 2])


def _mean(images: tf.Tensor) -> tf.Tensor:
    """Mean of each image over all its values, summed in float64."""
    images = tf.cast(images, tf.float64)
    return tf.cast(tf.reduce_mean(images, [1, 2, 3], keepdims=True), tf.float32)


def _std(images: tf.Tensor) -> tf.Tensor:
    images = tf.cast(images, tf.float64)
    return tf.cast(
        tf.math.reduce_std(images, [1, 2, 3], keepdims=True), tf.float32
    )


def _whiten(
    images: tf.Tensor, factors: Sequence[npt.NDArray[np.float64]]
) -> tf.Tensor:
    """Multiplies flattened images by the ZCA matrix, in its float64."""
    shape = tf.shape(images)
    flat = tf.cast(tf.reshape(images, [shape[0], -1]), tf.float64)
    # Eigen multiplies a large matrix by a narrow one in three quarters of the
    # time that it takes the other way round.
    white = tf.transpose(flat)
    for factor in factors:
        white = tf.linalg.matmul(factor.T, white)
    return tf.cast(tf.reshape(tf.transpose(white), shape), tf.float32)
