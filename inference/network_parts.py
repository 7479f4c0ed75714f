"""A network, cut where its features lose their places."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
from keras import layers
import tensorflow as tf


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
