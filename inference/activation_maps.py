"""Where in an image a network finds what speaks for a class.

A network ends in features with a place each, a head, and a logit for each
class. The map is, place by place, the sum over the features of value times
derivative of the logit. For a head that averages over all places and has one
dense layer these derivatives are its weights: the closed form of class
activation mapping (Zhou et al. 2016, https://arxiv.org/abs/1512.04150). For
other heads they are computed.

Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391) averages the
derivatives over all places before it multiplies. Where the head averages, that
is the same. For one that flattens it is not, and can point to places that the
logit does not depend on; the products before any average add up to the logit
(HiResCAM, Draelos and Carin 2020, https://arxiv.org/abs/2011.08891).
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import io
from typing import Any

from PIL import Image
import keras
from keras import layers
import numpy as np
from numpy import typing as npt
import tensorflow as tf

from pages import data_urls

# Images that are in the network at once.
_BATCH_SIZE = 16

# Of the colour where a map is 1; the film stays visible.
_OPACITY = 0.6


@dataclasses.dataclass(frozen=True)
class Parts:
    """A network, cut where its features lose their places.

    Attributes:
        body: Models one after the other, from images to features
            `[n, rows, columns, features]`.
        neck: Layers one after the other, from these to what `head` is fed.
        head: The dense layer with the classes.
    """

    body: tuple[keras.Model, ...]
    neck: tuple[layers.Layer, ...]
    head: layers.Dense

    def features(self, images: Any) -> Any:
        """Returns features `[n, rows, columns, features]` in their precision.

        Args:
            images: float32 `[n, height, width, channels]`.
        """
        x = tf.convert_to_tensor(images)
        for model in self.body:
            x = model(x, training=False)
        return x

    def without_places(self, features: Any) -> Any:
        """Returns `[n, num_features]`, what `head` is fed."""
        x = features
        for layer in self.neck:
            x = layer(x, training=False)
        return x

    def is_average(self) -> bool:
        """Whether the logits are linear in the averages over all places."""
        return len(self.neck) == 1 and isinstance(
            self.neck[0], layers.GlobalAveragePooling2D
        )


def activation_maps(
    model: keras.Model,
    images: npt.NDArray[np.float32],
    class_index: int | npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.float32]:
    """Returns how much each place speaks for a class.

    What speaks is the logit of the class less the mean of the others': what is
    added to all logits changes no probability of a softmax. With two classes
    that is the logarithm of the odds.

    Args:
        model: As `training.model.build_model` builds it, trained or not.
        images: float32 `[n, height, width, channels]`, as the network is fed.
        class_index: Index of the class, or int `[n]`, one for each image.

    Returns:
        float32 `[n, height, width]`. The most telling place of each image is 1;
        what speaks for other classes is 0, which an image may be everywhere.
        Of images so small that the features have a single place the map is
        constant.

    Raises:
        ValueError: If the images or classes are not those of the model, or it
            does not end in a dense layer behind features that have places.
    """
    images = np.asarray(images, np.float32)
    classes = _check(model, images, class_index)
    parts = split(model)
    maps = [
        np.asarray(
            _upsample(
                _place_sums(
                    parts,
                    tf.cast(parts.features(images[start:stop]), tf.float32),
                    classes[start:stop],
                ),
                images.shape[1:3],
            )
        )
        for start, stop in _spans(len(images))
    ]
    return np.concatenate(maps) if maps else images[..., 0]


def maps_of_classes(model: keras.Model, images: Any) -> Any:
    """Returns `activation_maps` for each class, as a part of a graph.

    Args:
        model: As there.
        images: float32 tensor `[n, height, width, channels]`.

    Returns:
        float32 tensor `[n, num_classes, height, width]`.
    """
    parts = split(model)
    features = tf.cast(parts.features(images), tf.float32)
    number = tf.shape(images)[0]
    maps = [
        _upsample(
            _place_sums(parts, features, tf.fill([number], index)),
            images.shape[1:3],
        )
        for index in range(model.output_shape[-1])
    ]
    return tf.stack(maps, axis=1)


def overlay(
    image: npt.NDArray[np.uint8], activation_map: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """Lays a map over its film, in colours that the colour-blind distinguish.

    Args:
        image: uint8 `[height, width]` or `[height, width, channels]`; one
            channel is grey, three are RGB, a fourth is left out.
        activation_map: float `[height, width]`, 0 to 1.

    Returns:
        uint8 `[height, width, 3]`: the film where the map is 0, and the more of
        Matplotlib's "inferno", from black over red to yellow, the higher it is.

    Raises:
        ValueError: If image and map differ in size.
    """
    import matplotlib

    pixels = np.asarray(image, np.float64)
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.shape[:2] != activation_map.shape:
        raise ValueError(
            "`image` and `activation_map` must have the same height and width. "
            f"Received: image.shape={image.shape}, "
            f"activation_map.shape={activation_map.shape}"
        )
    colours = matplotlib.colormaps["inferno"](activation_map)[..., :3] * 255
    share = _OPACITY * np.asarray(activation_map, np.float64)[..., np.newaxis]
    mixed: npt.NDArray[np.float64] = (1 - share) * pixels[
        ..., :3
    ] + share * colours
    return np.rint(mixed).astype(np.uint8)


def overlay_url(
    image: npt.NDArray[np.uint8],
    activation_map: npt.NDArray[np.float32],
    *,
    max_side: int = 256,
) -> str:
    """Returns `overlay` as the URL of a JPEG, for a page.

    Args:
        image: As in `overlay`.
        activation_map: As in `overlay`.
        max_side: Most pixels of a side; a smaller film keeps its size.
    """
    buffer = io.BytesIO()
    Image.fromarray(overlay(image, activation_map)).save(buffer, "PNG")
    return data_urls.thumbnail(buffer.getvalue(), max_side=max_side)


def _check(
    model: keras.Model,
    images: npt.NDArray[np.float32],
    class_index: int | npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.int64]:
    """Returns the class of each image."""
    if images.shape[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"`images` must have the shape {('n', *model.input_shape[1:])} of "
            f"the model's input. Received: images.shape={images.shape}"
        )
    num_classes = model.output_shape[-1]
    classes = np.asarray(class_index)
    if (
        classes.shape not in ((), (len(images),))
        or not np.issubdtype(classes.dtype, np.integer)
        or not np.all((0 <= classes) & (classes < num_classes))
    ):
        raise ValueError(
            f"`class_index` must be one index below {num_classes}, or one for "
            f"each of {len(images)} images. Received: class_index={classes}"
        )
    return np.broadcast_to(classes, len(images)).astype(np.int64)


def _spans(number: int) -> Sequence[tuple[int, int]]:
    starts = range(0, number, _BATCH_SIZE)
    return [(start, start + _BATCH_SIZE) for start in starts]


def split(model: keras.Model) -> Parts:
    """Cuts a network where its features lose their places.

    One of `keras.applications` lies in a model of ours.
    Its layers are no part of the outer model's graph, from whose input no
    tensor of them can be reached (keras-cv issue 244). So what is before it,
    it itself, and what is behind it are cut on their own.
    """
    # A `Sequential` has no operations.
    outer = keras.Model(model.inputs[0], model.outputs[0])
    operations = outer.operations
    nested = [op for op in operations if isinstance(op, keras.Model)]
    if not nested:
        features, behind = _cut(outer)
        body = [keras.Model(outer.inputs[0], features)]
    else:
        backbone = nested[0]
        position = operations.index(backbone)
        features, behind = _cut(backbone)
        before = operations[position - 1].output
        body = [keras.Model(backbone.inputs[0], features)]
        if position > 1:
            body.insert(0, keras.Model(outer.inputs[0], before))
        behind += operations[position + 1 :]
    if not behind or not isinstance(behind[-1], layers.Dense):
        raise ValueError(
            "`model` must end in a dense layer behind features that have "
            f"places. Received: model={model.name}"
        )
    return Parts(tuple(body), tuple(behind[:-1]), behind[-1])


def _cut(model: keras.Model) -> tuple[Any, list[Any]]:
    """Returns the last tensor that has places, and the layers behind it."""
    operations = model.operations
    positions = [
        index
        for index, op in enumerate(operations)
        if len(op.output.shape) == 4
    ]
    last = positions[-1]
    features, behind = operations[last].output, operations[last + 1 :]
    # Each has to be fed what the one before it returns, and nothing else.
    tensor = features
    for layer in behind:
        if layer.input is not tensor:
            raise ValueError(
                "`model` must have one path from its features to its classes. "
                f"Received: model={model.name}, whose layer {layer.name} is "
                "on another"
            )
        tensor = layer.output
    return features, behind


def _place_sums(parts: Parts, features: Any, classes: Any) -> Any:
    """Returns float32 `[n, rows, columns]`, what speaks for the classes."""
    contrast = _contrast(parts.head, classes)
    if parts.is_average():
        return tf.einsum("nijk,nk->nij", features, contrast)
    return _place_sums_by_gradient(parts, features, contrast)


def _place_sums_by_gradient(parts: Parts, features: Any, contrast: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(features)
        x = parts.without_places(features)
        logits = tf.reduce_sum(tf.cast(x, tf.float32) * contrast)
    slopes = tape.gradient(logits, features)
    return tf.reduce_sum(features * slopes, axis=-1)


def _contrast(head: layers.Dense, classes: Any) -> Any:
    """Returns `[n, features]`: a class's weights less the mean of the others'.

    The biases have no place and are left out.
    """
    kernel = tf.cast(head.kernel, tf.float32)
    num_classes = kernel.shape[1]
    others = (1 - tf.eye(num_classes)) / (num_classes - 1)
    return tf.gather(
        tf.transpose(kernel) - others @ tf.transpose(kernel), classes
    )


def _upsample(place_sums: Any, size: Sequence[int]) -> Any:
    """Returns maps of the size of the images, 0 to 1."""
    positive = tf.nn.relu(place_sums)[..., tf.newaxis]
    maps = tf.image.resize(positive, size, method="bilinear")[..., 0]
    # Where nothing speaks for the class the highest is 0, and the map stays so.
    highest = tf.reduce_max(maps, axis=(1, 2), keepdims=True)
    return tf.math.divide_no_nan(maps, highest)
