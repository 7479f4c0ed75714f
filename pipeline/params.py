"""Random parameters of the transforms, drawn as Keras's laws prescribe.

Randomness is an argument: a seed goes in, a dictionary with the keys of Keras's
`get_random_transform` comes out. The NumPy stream of Keras is not reproduced,
its distributions are.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from pipeline import config as config_lib

# What `sample_params` draws, by name: a number or a tensor, a scalar or
# `[batch]`. A key that is missing, or None, is neutral.
Params: TypeAlias = "Mapping[str, float | tf.Tensor | None]"

# One column of the uniform table per draw. The table always has every column,
# so switching one transform on does not change the draws of another.
_COLUMNS = (
    "theta",
    "tx",
    "tx_sign",
    "ty",
    "ty_sign",
    "shear",
    "zx",
    "zy",
    "flip_horizontal",
    "flip_vertical",
    "channel_shift_intensity",
    "brightness",
    "order",
)
# What Keras does not have is drawn far behind the table, whose draws stay what
# they were.
_PHOTOMETRIC_COUNTER = 1 << 62
_SEEDS_COUNTER = 1 << 63

# Neutral at 1.
_FACTORS = ("zx", "zy", "sharpness", "gamma")

_PHILOX = 1  # by number, as the operation wants it


def sample_params(
    seed: tf.Tensor,
    image_shape: Sequence[int | tf.Tensor],
    config: config_lib.AugmentConfig,
    *,
    num_examples: int | None = None,
) -> Params:
    """Draws the parameters of one random transform, or of many.

    A transform that `config` leaves off has its neutral value as a plain Python
    number (0, or 1 for zoom) or None, so that nothing is computed for it.

    Args:
        seed: int32 or int64 `[2]`.
        image_shape: `(height, width, channels)`, or channels first if `config`
            says so; ints or scalar int tensors.
        config: What is drawn, and from which ranges.
        num_examples: None for one transform; else how many to draw at once.
            The first rows do not depend on how many follow.

    Returns:
        Dictionary of scalars, or of vectors `[num_examples]`: `theta` and
        `shear` in degrees, `tx` and `ty` in pixels, `zx` and `zy` unitless,
        `channel_shift_intensity` in grey levels and `brightness` as a factor,
        all float64; `flip_horizontal` and `flip_vertical` int32, 0 or 1. With
        `sharpness_range` also `sharpness`, a factor, and with `gamma_range`
        `gamma`, an exponent, float64. For a
        `preprocessing_function` of (image, seed) also `preprocessing_seed`,
        int32 `[..., 2]`, not negative.

    Raises:
        ValueError: If `seed` is not as it must be.
    """
    _check_seed(seed)
    u = draw_uniforms(seed, num_examples)
    height, width = _spatial_shape(image_shape, config)
    along_height = (config.height_shift_range, height)
    along_width = (config.width_shift_range, width)
    # Keras feeds the height range to `tx`, which moves columns.
    x, y = along_height, along_width
    if not config.keras_quirks:
        x, y = along_width, along_height
    zoom_lo, zoom_hi = config.zoom_range
    zoomed = (zoom_lo, zoom_hi) != (1, 1)
    intensity = config.channel_shift_range
    factors = config.brightness_range
    params = {
        "theta": _symmetric(u["theta"], config.rotation_range),
        "tx": _shift(u["tx"], u["tx_sign"], *x),
        "ty": _shift(u["ty"], u["ty_sign"], *y),
        "shear": _symmetric(u["shear"], config.shear_range),
        "zx": _uniform(u["zx"], zoom_lo, zoom_hi) if zoomed else 1,
        "zy": _uniform(u["zy"], zoom_lo, zoom_hi) if zoomed else 1,
        "flip_horizontal": _flip(u["flip_horizontal"], config.horizontal_flip),
        "flip_vertical": _flip(u["flip_vertical"], config.vertical_flip),
        "channel_shift_intensity": (
            _symmetric(u["channel_shift_intensity"], intensity)
            if intensity
            else None
        ),
        "brightness": (
            None if factors is None else _uniform(u["brightness"], *factors)
        ),
    }
    if config.sharpness_range or config.gamma_range:
        params |= _draw_photometric(seed, num_examples, config)
    if config.takes_seed:
        params["preprocessing_seed"] = _draw_seeds(seed, num_examples)
    return params


def _check_seed(seed: tf.Tensor) -> None:
    try:
        seed = tf.convert_to_tensor(seed)
        is_pair = seed.dtype.is_integer and seed.shape.is_compatible_with([2])
    except (TypeError, ValueError):
        is_pair = False
    if not is_pair:
        # Keras takes one number.
        raise ValueError(
            f"`seed` must be two ints, such as [0, 1]. Received: seed={seed!r}"
        )


def _draw_photometric(
    seed: tf.Tensor, num_examples: int | None, config: config_lib.AugmentConfig
) -> dict[str, float | tf.Tensor]:
    """Draws what Keras does not have; a number where it is off."""
    table = _draw(seed, num_examples, 2, _PHOTOMETRIC_COUNTER)
    u_sharpness, u_gamma = tf.unstack(table, 2, axis=-1)
    return {
        "sharpness": 1 + _symmetric(u_sharpness, config.sharpness_range),
        "gamma": 2 ** _symmetric(u_gamma, config.gamma_range),
    }


def _draw_seeds(seed: tf.Tensor, num_examples: int | None) -> tf.Tensor:
    """Draws seeds for the user's function, int32 `[..., 2]`.

    They lie behind all that `draw_uniforms` may draw, in the same stream.
    """
    seed = tf.bitcast(tf.cast(seed, tf.int64), tf.uint64)
    return tf.raw_ops.StatelessRandomUniformIntV2(
        shape=[2] if num_examples is None else [num_examples, 2],
        key=seed[:1],
        counter=tf.concat(
            [tf.constant([_SEEDS_COUNTER], tf.uint64), seed[1:]], 0
        ),
        alg=_PHILOX,
        minval=0,  # NumPy takes no negative seeds.
        maxval=tf.int32.max,
    )


def draw_uniforms(
    seed: tf.Tensor, num_examples: int | None = None
) -> dict[str, tf.Tensor]:
    """Draws every uniform number that an example needs in an epoch.

    Philox is used as it was meant to be: the first half of the seed is the key,
    the second half the upper part of the counter. Other than
    `tf.random.stateless_uniform`, which hashes the seed first, this takes five
    operations in a graph instead of fifty; a dataset prepares its graph anew in
    every pass.

    Args:
        seed: int32 or int64 `[2]`.
        num_examples: None for one example; else how many.

    Returns:
        Dictionary of float64 in `[0, 1)`, scalars or `[num_examples]`, with a
        key for each parameter and "order" for the place in the epoch.
    """
    table = _draw(seed, num_examples, len(_COLUMNS), 0)
    return dict(zip(_COLUMNS, tf.unstack(table, len(_COLUMNS), axis=-1)))


def _draw(
    seed: tf.Tensor, num_examples: int | None, num_columns: int, counter: int
) -> tf.Tensor:
    """Draws float64 `[..., num_columns]`, from `counter` of the stream on."""
    shape = [] if num_examples is None else [num_examples]
    seed = tf.bitcast(tf.cast(seed, tf.int64), tf.uint64)
    return tf.raw_ops.StatelessRandomUniformV2(
        shape=shape + [num_columns],
        key=seed[:1],
        counter=tf.concat([tf.constant([counter], tf.uint64), seed[1:]], 0),
        alg=_PHILOX,
        dtype=tf.float64,
    )


def is_off(params: Params, name: str) -> bool:
    """Whether transform `name` is known to be neutral before any data flows.

    Args:
        params: Dictionary as `sample_params` returns it; keys may be missing.
        name: One of its keys.

    Returns:
        True for a missing key, None or a neutral plain number.
    """
    value = params.get(name)
    if value is None:
        return True
    if tf.is_tensor(value) or getattr(value, "ndim", 0):
        return False
    if name in ("channel_shift_intensity", "brightness"):
        return False  # even a neutral value clips or truncates
    return bool(value == (1 if name in _FACTORS else 0))


def as_float64(value: float | tf.Tensor | None) -> tf.Tensor:
    """Converts a number or tensor to float64 without a detour by float32."""
    if tf.is_tensor(value):
        return tf.cast(value, tf.float64)
    return tf.convert_to_tensor(value, tf.float64)


def _spatial_shape(
    image_shape: Sequence[int | tf.Tensor], config: config_lib.AugmentConfig
) -> tuple[int | tf.Tensor, int | tf.Tensor]:
    shape = list(image_shape)
    if config.data_format == config_lib.DATA_FORMATS[1]:
        shape = shape[1:]
    return shape[0], shape[1]


def _uniform(u: tf.Tensor, lo: float, hi: float) -> tf.Tensor:
    return lo + u * (hi - lo)


def _symmetric(u: tf.Tensor, limit: float) -> int | tf.Tensor:
    """Uniform in plus or minus `limit`; plain 0 when it is off."""
    return _uniform(u, -limit, limit) if limit else 0


def _flip(u: tf.Tensor, flag: bool) -> int | tf.Tensor:
    return tf.cast(u < 0.5, tf.int32) if flag else 0


def _shift(
    u: tf.Tensor,
    u_sign: tf.Tensor,
    value: float | tuple[float, ...],
    size: int | tf.Tensor,
) -> int | tf.Tensor:
    """Draws a shift in pixels; `value` is a float, an int or a tuple."""
    if not value:
        return 0
    if isinstance(value, tuple):
        values = tf.constant(value, tf.float64)
        choice = tf.gather(values, tf.cast(u * len(value), tf.int32))
        shift = choice * _sign(u_sign)
        is_fraction = max(value) < 1
    elif isinstance(value, int) and value > 0:
        # n equally likely magnitudes 0..n-1: n itself is never reached.
        shift = tf.floor(u * value) * _sign(u_sign)
        is_fraction = False
    else:
        shift = _symmetric(u, value)
        is_fraction = value < 1  # so is any negative number
    return shift * as_float64(size) if is_fraction else shift


def _sign(u: tf.Tensor) -> tf.Tensor:
    return tf.where(u < 0.5, tf.constant(-1, u.dtype), tf.constant(1, u.dtype))
