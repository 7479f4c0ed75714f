"""Pixel values: what `ImageDataGenerator.standardize` does, on batches."""

import tensorflow as tf


def apply_standardize(images, config):
    """Normalises images in Keras's fixed order.

    Args:
        images: float32 `[batch, height, width, channels]`.
        config: `AugmentConfig`.

    Returns:
        float32, the shape of `images`.
    """
    images = tf.cast(images, tf.float32)
    if config.rescale:
        # The factor itself is rounded to float32, then multiplied.
        images = images * tf.constant(config.rescale, tf.float32)
    return images
