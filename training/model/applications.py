"""Networks that others have trained, on films of any number of channels."""

from __future__ import annotations

from typing import Any
from typing import Literal

import keras
from keras import layers
import numpy as np

from training.config import networks
from training.model import efficientnet_lite

Scaling = Literal["tf", "torch", "caffe", "lite", "none"]

# How the published weights expect pixels, by the beginning of the name, as the
# `preprocess_input` of each module of `keras.applications` does it; the others
# of them scale 0 to 255 themselves. The longest beginning counts.
_SCALINGS: dict[str, Scaling] = {
    "DenseNet": "torch",
    "Inception": "tf",
    "MobileNet": "tf",
    "MobileNetV3": "none",
    "NASNet": "tf",
    "ResNet": "caffe",
    "ResNet50V2": "tf",
    "ResNet101V2": "tf",
    "ResNet152V2": "tf",
    "VGG": "caffe",
    "Xception": "tf",
    "efficientnet_lite0": "lite",
}

# Of ImageNet, in RGB (`keras.applications.imagenet_utils`).
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_STD = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def build(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    rescale: float,
) -> keras.Model:
    """Builds a network that others have trained, with a new head.

    Args:
        name: efficientnet_lite0, or of the function in `keras.applications`.
        input_shape: `(height, width, channels)`; one channel is repeated, and
            of four the last left out.
        num_classes: Number of classes.
        rescale: What pixels of 0 to 255 were multiplied by.

    Returns:
        A model with random weights, whose layer `name` is the network without
        its head. It holds layers of Keras only.
    """
    inputs = keras.Input(input_shape)
    x = to_three_channels(inputs)
    x = scale_pixels(x, scaling_of(name), rescale, input_shape[-1] > 1)
    backbone = _build_backbone(name, (*input_shape[:2], 3))
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            # An argument of its constructor, which `keras.applications` does
            # not pass on; the layer looks when it is called (Keras 3.15).
            layer.synchronized = True
    set_pixel_statistics(backbone)
    # In float32, whatever the others compute in.
    outputs = layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="head"
    )(backbone(x))
    model = keras.Model(inputs, outputs, name=f"{name}_classifier")
    # A model casts what it is given to what it computes in: in bfloat16 half a
    # grey level would be lost before the pixels are scaled.
    model.dtype_policy = "float32"
    return model


def backbone_of(model: keras.Model) -> keras.Model | None:
    """Returns the network without its head in a model of `build`.

    Args:
        model: Any other than one of `build` has none.
    """
    for layer in model.layers:
        if layer.name in networks.NETWORKS:
            return layer
    return None


def _build_backbone(
    name: str, input_shape: tuple[int, int, int]
) -> keras.Model:
    if name == "efficientnet_lite0":
        return efficientnet_lite.build_backbone(input_shape)
    backbone = getattr(keras.applications, name)(
        include_top=False,
        weights=None,
        input_shape=input_shape,
        pooling="avg",
    )
    backbone.name = name
    return backbone


def scaling_of(name: str) -> Scaling:
    """Returns how a network expects pixels."""
    found = [start for start in _SCALINGS if name.startswith(start)]
    return _SCALINGS[max(found, key=len)] if found else "none"


def set_pixel_statistics(backbone: keras.Model) -> None:
    """Gives the first layers of EfficientNetB0 to B7 ImageNet's statistics.

    They hold them as weights: 0 and 1 in a new network, and in published files
    the standard deviation in place of the variance, for which Keras appends a
    layer if it fetches the file itself
    (https://github.com/tensorflow/tensorflow/issues/49930).

    Args:
        backbone: A network of `keras.applications`. Others than these have no
            such weights and are left as they are.
    """
    for layer in backbone.layers:
        if isinstance(layer, layers.Normalization) and layer.weights:
            layer.adapt_mean.assign(TORCH_MEAN)
            layer.adapt_variance.assign(np.square(TORCH_STD))
            # What the layer computes with is a copy.
            layer.finalize_state()


def to_three_channels(x: Any) -> Any:
    """Repeats one channel, leaves out the last of four."""
    channels = x.shape[-1]
    if channels == 1:
        return layers.Concatenate(dtype="float32")([x, x, x])
    return x[..., :3] if channels == 4 else x


def scale_pixels(
    x: Any, scaling: Scaling, rescale: float, is_colour: bool
) -> Any:
    """Brings pixels to what a network expects, in float32.

    Args:
        x: `[batch, height, width, 3]`, pixels of 0 to 255 times `rescale`.
        scaling: As `scaling_of` returns it.
        rescale: What pixels of 0 to 255 were multiplied by.
        is_colour: Whether the channels are not all the same.
    """
    if scaling == "tf":
        return _rescale(x, 1 / (127.5 * rescale), -1.0)
    if scaling == "lite":
        # https://github.com/tensorflow/tpu: efficientnet_lite_builder.py.
        return _rescale(x, 1 / (128 * rescale), -127 / 128)
    if scaling == "torch":
        std = np.array(TORCH_STD)
        scale = 1 / (255 * rescale * std)
        return _rescale(
            x, scale.tolist(), (-np.array(TORCH_MEAN) / std).tolist()
        )
    if scaling == "caffe":
        # To BGR, unless all channels are the same.
        x = x[..., ::-1] if is_colour else x
        offset = [-mean for mean in reversed(_CAFFE_MEAN)]
        return _rescale(x, 1 / rescale, offset)
    return x if rescale == 1 else _rescale(x, 1 / rescale, 0.0)


def _rescale(
    x: Any, scale: float | list[float], offset: float | list[float]
) -> Any:
    return layers.Rescaling(scale, offset, dtype="float32")(x)
