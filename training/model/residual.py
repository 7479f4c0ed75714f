"""A small residual network for films of 64x64 to 512x512 pixels."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

_STEM = 16
_STAGES = (16, 32, 64, 128)

# Keras's .99 averages over the last hundreds of steps; a run on a few hundred
# films has no more than a hundred.
_MOMENTUM = 0.9


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    antialiased: bool = False,
) -> keras.Model:
    """Builds a ResNet of four stages of one block, 308,946 weights on grey.

    The stem and all stages but the first halve the image, the first with a
    stride and not with pooling, which keeps the network small enough for a CPU.
    Blocks are those of https://arxiv.org/abs/1512.03385: two 3x3
    convolutions with BatchNormalization, over all replicas, and a 1x1
    projection where the shape changes. The mean over the image makes the
    number of weights independent of its size.

    Args:
        input_shape: `(height, width, channels)`.
        num_classes: Number of classes.
        antialiased: Whether means of 2x2 values halve the image, in place of
            strides, which let detail that is too fine for the smaller image
            through as noise (https://arxiv.org/abs/1904.11486; here with the
            smallest filter, and before the blocks' convolutions, where it costs
            nothing). The stem then computes on the whole image.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    if antialiased:
        x = _average(layers.ReLU()(_convolve(x, _STEM, 3)))
    else:
        x = layers.ReLU()(_convolve(x, _STEM, 3, strides=2))
    x = _block(x, _STAGES[0])
    for channels in _STAGES[1:]:
        if antialiased:
            x = _block(_average(x), channels)
        else:
            x = _block(x, channels, strides=2)
    x = layers.GlobalAveragePooling2D()(x)
    # In float32, whatever the others compute in.
    outputs = layers.Dense(num_classes, activation="softmax", dtype="float32")(
        x
    )
    name = "residual_antialiased" if antialiased else "residual"
    return keras.Model(inputs, outputs, name=name)


def _average(x: Any) -> Any:
    return layers.AveragePooling2D(2, padding="same")(x)


def _block(x: Any, channels: int, strides: int = 1) -> Any:
    shortcut = x
    x = layers.ReLU()(_convolve(x, channels, 3, strides=strides))
    x = _convolve(x, channels, 3)
    if shortcut.shape != x.shape:
        shortcut = _convolve(shortcut, channels, 1, strides=strides)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _convolve(x: Any, channels: int, size: int, strides: int = 1) -> Any:
    x = layers.Conv2D(
        channels,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    return layers.BatchNormalization(momentum=_MOMENTUM, synchronized=True)(x)
