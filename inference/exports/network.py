"""Networks of runs as one function of images, and as a frozen graph."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from inference import runs
import pipeline
from training import model as model_lib


def function_of(
    members: Sequence[runs.Run],
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function of uint8 images, all that is done to them included.

    It is that of `runs.Run.predict` without XLA, which no other program has to
    have; of several runs the mean.

    Returns:
        Function from uint8 `[n, height, width, channels]` to float32 `[n,
        num_classes]`.
    """

    def compute(images: tf.Tensor) -> tf.Tensor:
        return mean(
            [
                run.model(hide_shape(normalise(run, images)), training=False)
                for run in members
            ]
        )

    return compute


def mean(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the mean of the probabilities of networks; of one, its own."""
    return tf.add_n(parts) / len(parts)


def normalise(run: runs.Run, images: tf.Tensor) -> tf.Tensor:
    """Returns what the network of a run is fed, of uint8 images."""
    return pipeline.augment_features(
        {"image": images, "params": {}},
        run.augment,
        run.statistics,
        jit_compile=False,
    )


def hide_shape(images: tf.Tensor) -> tf.Tensor:
    """Returns images whose shape TensorFlow's optimizer does not know.

    In a run they come from XLA, and the optimizer does not know it either. If
    it does, it fuses more, and scores are .0000002 off those of the run.
    """
    hidden = tf.raw_ops.PlaceholderWithDefault(
        input=images, shape=[None] * len(images.shape)
    )
    # For Python alone: an `EnsureShape` would tell the optimizer.
    hidden.set_shape(images.shape)
    return hidden


def in_float32(run: runs.Run) -> keras.Model:
    """Returns the network of a run, computing in float32."""
    model = model_lib.build_model(
        run.network,
        run.image_shape,
        len(run.class_names),
        rescale=run.augment.rescale,
    )
    model.set_weights(run.model.get_weights())
    return model


def freeze(members: Sequence[runs.Run], batch_size: int | None) -> Any:
    """Returns a concrete function whose weights are constants.

    Args:
        members: The run, or several; their networks compute in float32 here.
        batch_size: Of its input; None for any.
    """
    from tensorflow.python.framework import convert_to_constants

    models = [in_float32(run) for run in members]

    def compute(images: tf.Tensor) -> tf.Tensor:
        return mean(
            [
                model(normalise(run, images), training=False)
                for run, model in zip(members, models)
            ]
        )

    shape = [batch_size, *members[0].image_shape]
    spec = tf.TensorSpec(shape, tf.uint8, "images")
    traced = tf.function(compute, input_signature=[spec], autograph=False)
    # Not public, and the only way that tf2onnx and TensorFlow's own converter
    # have as well (2.18 to 2.21).
    return convert_to_constants.convert_variables_to_constants_v2(
        traced.get_concrete_function()
    )
