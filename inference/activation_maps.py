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
from typing import Any

import keras
from keras import layers
import numpy as np
from numpy import typing as npt
import tensorflow as tf

from inference import network_parts

# Images that are in the network at once.
_BATCH_SIZE = 16


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
    parts = network_parts.split(model)
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
    parts = network_parts.split(model)
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


def _place_sums(parts: network_parts.Parts, features: Any, classes: Any) -> Any:
    """Returns float32 `[n, rows, columns]`, what speaks for the classes."""
    contrast = _contrast(parts.head, classes)
    if parts.is_average():
        return tf.einsum("nijk,nk->nij", features, contrast)
    return _place_sums_by_gradient(parts, features, contrast)


def _place_sums_by_gradient(
    parts: network_parts.Parts, features: Any, contrast: Any
) -> Any:
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
