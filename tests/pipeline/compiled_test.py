"""Compiled transforms against Keras: each kernel finds coordinates anew."""

import numpy as np
import pytest
import tensorflow as tf

import pipeline

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)
_RANGES = {
    "rotation_range": 60,
    "width_shift_range": 0.4,
    "height_shift_range": 0.4,
    "shear_range": 30,
    "zoom_range": (0.5, 2.5),
    "horizontal_flip": True,
    "vertical_flip": True,
}


@pytest.mark.parametrize(
    "options",
    [
        {"fill_mode": "constant", "cval": 77.0},
        {"fill_mode": "constant", "cval": 300.0, "brightness_range": (0.5, 2)},
        {"fill_mode": "reflect"},
        {"fill_mode": "wrap"},
        {"fill_mode": "wrap", "brightness_range": (0.5, 2)},
        {"brightness_range": (0.5, 2), "channel_shift_range": 60.0},
        {"interpolation_order": 2, "brightness_range": (0.5, 2)},
        {"interpolation_order": 3, "fill_mode": "constant", "cval": 9.0},
        {"interpolation_order": 5},
    ],
    ids=str,
)
def test_compiled_batch_equals_keras(options):
    config = pipeline.AugmentConfig(**_RANGES, **options)
    generator = legacy_image.ImageDataGenerator(**_RANGES, **options)
    shape = (61, 87, 3)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, *shape), np.uint8)
    params = pipeline.sample_params((1, 2), shape, config, num_examples=4)
    drawn = {k: v for k, v in params.items() if tf.is_tensor(v)}
    features = {"image": tf.constant(images), "params": drawn}
    actual = pipeline.augment_features(features, config).numpy()
    for index, image in enumerate(images):
        row = {name: float(value[index]) for name, value in drawn.items()}
        expected = generator.apply_transform(image.astype(np.float32), row)
        np.testing.assert_allclose(actual[index], expected, atol=1e-3)


@pytest.mark.parametrize("keras_quirks", [True, False])
def test_compiled_channel_shift_clips_to_the_extremes_of_a_flipped_image(
    keras_quirks,
):
    config = pipeline.AugmentConfig(
        horizontal_flip=True,
        channel_shift_range=60.0,
        keras_quirks=keras_quirks,
    )
    rng = np.random.default_rng(0)
    images = rng.integers(40, 200, (2, 11, 7, 3), np.uint8)
    images[:, 5, 3] = [[10, 20, 30], [220, 230, 240]]  # one pixel of extremes
    drawn = {
        "flip_horizontal": tf.constant([0, 1]),
        "channel_shift_intensity": tf.constant([-50.5, 50.5], tf.float64),
    }
    features = {"image": tf.constant(images), "params": drawn}
    actual = pipeline.augment_features(features, config).numpy()
    axes = (1, 2, 3) if keras_quirks else (1, 2)
    lowest = images.min(axes, keepdims=True)
    highest = images.max(axes, keepdims=True)
    flipped = np.stack([images[0], images[1, :, ::-1]])
    shifted = flipped + np.array([-50.5, 50.5])[:, None, None, None]
    np.testing.assert_array_equal(actual, np.clip(shifted, lowest, highest))
