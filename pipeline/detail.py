"""Fine detail of images: blurred, sharpened, or brought to one contrast.

A blur is two means over a square in a row, taken as means over columns and
rows: near a Gaussian, for a fraction of its time, and pooling, which every
format of export has. A square that reaches over the border holds fewer pixels.
"""

from __future__ import annotations

import tensorflow as tf

# Sides of the squares, as shares of the image's shorter side: for detail that a
# film of half the resolution lacks, and for a rib and the space beside it.
_FINE_SHARE = 0.04
_LOCAL_SHARE = 0.1

_FLOOR = 0.3  # of the mean: air around the body stays darker than noise
_EPSILON = 1e-6  # for an image of one grey level


def scale(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies the fine detail of images: with B x the image x blurred,

        B x + factor (x - B x)

    A factor of 0 is the blurred image, 1 the image, 2 one sharpened by an
    unsharp mask. Values are not clipped.

    Args:
        images: float32 `[batch, height, width, channels]`.
        factor: float32 `[1 or batch, 1, 1, 1]`.

    Returns:
        float32, the shape of `images`.
    """
    detail = images - _blur(images, _FINE_SHARE)
    return images + (factor - 1) * detail


def normalize(images: tf.Tensor) -> tf.Tensor:
    """Brings the contrast of all places of an image to the same.

    With v = x - B x, and s the root of B v^2, the local standard deviation:

        v / (s + .3 mean of s over the image)

    Source: Jarrett et al. 2009, "What is the best multi-stage architecture for
    object recognition?", https://doi.org/10.1109/ICCV.2009.5459469, who take
    the larger of s and its mean; docs/accuracy.md compares the two.

    Args:
        images: float32 `[batch, height, width, channels]`; each channel for
            itself.

    Returns:
        float32, the shape of `images`.
    """
    detail = images - _blur(images, _LOCAL_SHARE)
    local_std = tf.sqrt(_blur(tf.square(detail), _LOCAL_SHARE))
    typical_std = tf.reduce_mean(local_std, [1, 2], keepdims=True)
    return detail / (local_std + _FLOOR * typical_std + _EPSILON)


def _blur(images: tf.Tensor, share: float) -> tf.Tensor:
    sides = images.shape[1:3]
    if not sides.is_fully_defined():
        raise ValueError(
            "Images must be of a known height and width for `sharpness_range` "
            "and `local_contrast_normalization`. Received: "
            f"image.shape={images.shape}"
        )
    # Odd, so that a square has a middle, and not a single pixel.
    side = 2 * max(1, int(share * min(sides) / 2)) + 1
    for window in 2 * ((side, 1), (1, side)):
        images = tf.nn.avg_pool2d(images, window, strides=1, padding="SAME")
    return images
