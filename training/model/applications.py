"""The networks of `keras.applications`, on films of any number of channels."""

import keras
from keras import layers
import numpy as np

# How the published weights expect pixels, by the beginning of the name, as the
# `preprocess_input` of each module does it; the others scale 0 to 255
# themselves. The longest beginning counts.
_SCALINGS = {
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
}

# Of ImageNet, in RGB (`keras.applications.imagenet_utils`).
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_STD = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def build(name, input_shape, num_classes, rescale):
    """Builds a network of `keras.applications` with a new head.

    Args:
        name: Of the function in `keras.applications`.
        input_shape: `(height, width, channels)`; one channel is repeated, and
            of four the last left out.
        num_classes: Number of classes.
        rescale: What pixels of 0 to 255 were multiplied by.

    Returns:
        A `keras.Model` with random weights, whose layer `name` is the network
        without its head. It holds layers of Keras only.
    """
    inputs = keras.Input(input_shape)
    x = _to_three_channels(inputs)
    x = _scale(x, scaling_of(name), rescale, input_shape[-1] > 1)
    backbone = getattr(keras.applications, name)(
        include_top=False,
        weights=None,
        input_shape=(*input_shape[:2], 3),
        pooling="avg",
    )
    backbone.name = name
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.synchronized = True
    # In float32, whatever the others compute in.
    outputs = layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="head"
    )(backbone(x))
    return keras.Model(inputs, outputs, name=f"{name}_classifier")


def scaling_of(name):
    """Returns how a network expects pixels: "tf", "torch", "caffe", "none"."""
    found = [start for start in _SCALINGS if name.startswith(start)]
    return _SCALINGS[max(found, key=len)] if found else "none"


def _to_three_channels(x):
    channels = x.shape[-1]
    if channels == 1:
        return layers.Concatenate()([x, x, x])
    return x[..., :3] if channels == 4 else x


def _scale(x, scaling, rescale, is_colour):
    """Brings pixels, multiplied by `rescale`, to what a network expects."""
    if scaling == "tf":
        return layers.Rescaling(1 / (127.5 * rescale), offset=-1.0)(x)
    if scaling == "torch":
        std = 255 * rescale * np.array(_TORCH_STD)
        offset = -np.array(_TORCH_MEAN) / _TORCH_STD
        return layers.Rescaling((1 / std).tolist(), offset.tolist())(x)
    if scaling == "caffe":
        # To BGR, unless all channels are the same.
        x = x[..., ::-1] if is_colour else x
        offset = [-mean for mean in reversed(_CAFFE_MEAN)]
        return layers.Rescaling(1 / rescale, offset)(x)
    return x if rescale == 1 else layers.Rescaling(1 / rescale)(x)
