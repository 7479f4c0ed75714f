"""The public transforms of images, single or batched: pure functions.

All of them take `[height, width, channels]` or a batch of such images, work
eagerly and in graphs, and compute nothing for a transform that is off.
"""

import tensorflow as tf

from pipeline import affine
from pipeline import intensity
from pipeline import params as params_lib


def apply_transform(image, params, config):
    """Applies the transform that `params` describe, as Keras does.

    Args:
        image: uint8 or float `[height, width, channels]`, or a batch with one
            more leading dimension, in raw grey levels (0 to 255).
        params: Dictionary with the keys of `sample_params`; values are numbers
            or scalar tensors, for a batch also vectors `[batch]`. A key that is
            missing or None is neutral.
        config: `AugmentConfig`.

    Returns:
        float32, the shape of `image`, still in raw grey levels.
    """
    return _on_batch(
        lambda images: affine.apply_affine(images, params, config), image
    )


def random_transform(image, seed, config):
    """Applies one random transform to an image.

    Args:
        image: uint8 or float `[height, width, channels]`.
        seed: int32 or int64 `[2]`.
        config: `AugmentConfig`.

    Returns:
        float32 `[height, width, channels]`, in raw grey levels.
    """
    image = tf.convert_to_tensor(image)
    params = params_lib.sample_params(seed, tf.shape(image), config)
    return apply_transform(image, params, config)


def standardize(image, config):
    """Normalises an image or a batch: the last step before the network.

    Args:
        image: `[height, width, channels]`, or a batch of such images, in raw
            grey levels.
        config: `AugmentConfig`.

    Returns:
        float32, the shape of `image`.
    """
    return _on_batch(
        lambda images: intensity.apply_standardize(images, config), image
    )


def _on_batch(function, image):
    """Calls a function of float32 batches on an image or a batch of them."""
    image = tf.convert_to_tensor(image)
    if image.shape.rank not in (3, 4):
        raise ValueError(
            "`image` must be [height, width, channels] or a batch of such "
            f"images. Received: image.shape={image.shape}"
        )
    if image.shape.rank == 4:
        return tf.cast(function(image), tf.float32)
    return tf.cast(function(image[None])[0], tf.float32)
