"""The graph's resizing against PIL's, which it is to equal."""

from PIL import Image
import numpy as np
import pytest
import tensorflow as tf

from inference.exports import resizing
from xray_tfds.decode import images as images_lib


@pytest.fixture(scope="module", params=sorted(images_lib.INTERPOLATIONS))
def resize(request):
    """Name of a filter, and the function of a graph with it."""

    def function(image, box):
        # Constants, as in an export: the optimizer must not divide by them.
        return resizing.resize(
            image, (96, 112), request.param, tuple(tf.unstack(box))
        )

    specs = [
        tf.TensorSpec([None, None, None], tf.uint8),
        tf.TensorSpec([4], tf.int32),
    ]
    traced = tf.function(function, input_signature=specs, autograph=False)
    return images_lib.INTERPOLATIONS[request.param], traced


def draw(rng, height, width, channels, kind):
    shape = (height, width, channels)
    if kind == "noise":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    # Filters with negative weights overshoot at black and white.
    return (255 * rng.integers(0, 2, shape)).astype(np.uint8)


def as_image(pixels):
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


@pytest.mark.parametrize("kind", ["noise", "black and white"])
def test_pixels_are_those_of_pil(resize, kind):
    method, function = resize
    rng = np.random.default_rng(0)
    sizes = [(96, 112), (640, 1024), (97, 133), (33, 40), (300, 411)]
    sizes += rng.integers(33, 500, (15, 2)).tolist()
    for number, (height, width) in enumerate(sizes):
        pixels = draw(rng, height, width, 1 + number % 2 * 2, kind)
        # Whole, or a part beyond which filters reach.
        box = (0, 0, width, height)
        if number % 3 == 2:
            box = (3, 5, width - 7, height - 2)
        image = as_image(pixels).resize((112, 96), method, box=box)
        expected = np.asarray(image).reshape(96, 112, -1)
        np.testing.assert_array_equal(function(pixels, box), expected)


def test_tensorflows_own_resizing_is_none():
    """What it is for: where this fails, `tf.image.resize` would do."""
    pixels = draw(np.random.default_rng(0), 300, 411, 1, "noise")
    image = as_image(pixels).resize((112, 96), Image.Resampling.BILINEAR)
    resized = tf.image.resize(pixels, (96, 112), antialias=True)
    assert np.any(np.rint(resized[..., 0]) != np.asarray(image))
