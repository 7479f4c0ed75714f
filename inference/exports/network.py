"""The network of a run as one function of images, and as a frozen graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from inference import runs
import pipeline
from training import model as model_lib


def function_of(
    run: runs.Run, model: keras.Model | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function of uint8 images, all that is done to them included.

    It is that of `runs.Run.predict` without XLA, which no other program has to
    have.

    Args:
        run: The run.
        model: Another model with the run's weights.

    Returns:
        Function from uint8 `[n, height, width, channels]` to float32 `[n,
        num_classes]`.
    """
    network = run.model if model is None else model

    def compute(images: tf.Tensor) -> tf.Tensor:
        return network(barrier(normalise(run, images)), training=False)

    return compute


def normalise(run: runs.Run, images: tf.Tensor) -> tf.Tensor:
    """Returns what the network of a run is fed, of uint8 images."""
    return pipeline.augment_features(
        {"image": images, "params": {}},
        run.augment,
        run.statistics,
        jit_compile=False,
    )


def barrier(images: tf.Tensor) -> tf.Tensor:
    """Returns what a network is fed, and keeps it what it is.

    TensorFlow moves a multiplication of pixels into the weights of the first
    convolution (Grappler's `fold_multiply_into_conv`), which rounds otherwise
    and makes scores differ by .0000002 from those of a run. It does not look
    beyond this operation.
    """
    return tf.ensure_shape(images, images.shape)


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


def freeze(run: runs.Run, batch_size: int | None) -> Any:
    """Returns a concrete function whose weights are constants.

    Args:
        run: The run; its network computes in float32 here.
        batch_size: Of its input; None for any.
    """
    from tensorflow.python.framework import convert_to_constants

    spec = tf.TensorSpec([batch_size, *run.image_shape], tf.uint8, "images")
    traced = tf.function(
        function_of(run, in_float32(run)),
        input_signature=[spec],
        autograph=False,
    )
    # Not public, and the only way that tf2onnx and TensorFlow's own converter
    # have as well (2.18 to 2.21).
    return convert_to_constants.convert_variables_to_constants_v2(
        traced.get_concrete_function()
    )
