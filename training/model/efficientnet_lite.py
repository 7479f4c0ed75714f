"""EfficientNet-Lite0, the EfficientNet for devices without fast swish."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

# Repeats, kernel size, stride of the first, expansion, filters out: stages of
# EfficientNet-B0 (https://arxiv.org/abs/1905.11946), of which Lite0 keeps all
# but squeeze-excitation and swish
# (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_FEATURES = 1280

# With which the published weights were trained; Keras's default, written down.
_EPSILON = 1e-3


def build_backbone(input_shape: tuple[int, int, int]) -> keras.Model:
    """Builds the network without its head, with random weights.

    Convolutions are padded as TensorFlow's "SAME", with which the published
    weights were trained: with stride 2, an even side gets its odd row or
    column of zeros at the end.

    Args:
        input_shape: `(height, width, 3)`.

    Returns:
        A model `efficientnet_lite0` from `[batch, height, width, 3]`, pixels
        of 0 to 255 less 127, divided by 128, to features `[batch, 1280]`.
    """
    inputs = keras.Input(input_shape)
    x = _convolve(inputs, "stem", _STEM, size=3, strides=2)
    index = 0
    for repeats, size, strides, expansion, filters in _STAGES:
        for repeat in range(repeats):
            x = _block(
                x,
                f"block{index}",
                size=size,
                strides=1 if repeat else strides,
                expansion=expansion,
                filters=filters,
            )
            index += 1
    x = _convolve(x, "head", _FEATURES)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, x, name="efficientnet_lite0")


def _block(
    x: Any, name: str, *, size: int, strides: int, expansion: int, filters: int
) -> Any:
    """An inverted residual (https://arxiv.org/abs/1801.04381)."""
    shortcut, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolve(x, f"{name}_expand", expansion * channels)
    x = layers.DepthwiseConv2D(
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        name=f"{name}_depthwise_conv",
    )(x)
    x = _normalize(x, f"{name}_depthwise")
    x = layers.ReLU(6.0)(x)
    x = _convolve(x, f"{name}_project", filters, activation=False)
    if strides == 1 and filters == channels:
        x = layers.Add()([x, shortcut])
    return x


def _convolve(
    x: Any,
    name: str,
    filters: int,
    *,
    size: int = 1,
    strides: int = 1,
    activation: bool = True,
) -> Any:
    x = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = _normalize(x, name)
    return layers.ReLU(6.0)(x) if activation else x


def _normalize(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)
