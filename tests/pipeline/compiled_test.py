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
