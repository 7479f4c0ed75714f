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
    _assert_equals_keras(images, drawn, config, generator)


# Whole periods of "wrap" and "reflect" for 61 rows and 87 columns, halves of
# pixels, where order 0 decides, and what lies just beside.
_SHIFTS = {
    "tx": [60.0, -120.0, 0.5, 61.0, 122.25, -1e-14, 7.3, 0.0],
    "ty": [86.0, -87.0, -0.5, 43.75, 172.0, 1e-14, -200.2, 0.0],
}
_ZOOMS = {
    "zx": [0.5, 1.0, 1.3, 2.0, 0.75, 3.1, 1.0, 1.9],
    "zy": [2.0, 1.0, 0.7, 0.25, 1.5, 1.1, 3.0, 1.2],
    "flip_vertical": [0, 1, 0, 1, 0, 0, 1, 1],
}


@pytest.mark.parametrize("params", [_SHIFTS, _ZOOMS], ids=["shift", "zoom"])
@pytest.mark.parametrize(
    "options",
    [
        {"fill_mode": "wrap"},
        {"fill_mode": "wrap", "interpolation_order": 0},
        {"fill_mode": "constant", "brightness_range": (0.5, 2), "cval": 7.0},
        {"fill_mode": "reflect", "interpolation_order": 0},
    ],
    ids=str,
)
def test_compiled_shift_or_zoom_alone_equals_keras(options, params):
    config = pipeline.AugmentConfig(**options)
    generator = legacy_image.ImageDataGenerator(**options)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 61, 87, 3), np.uint8)
    drawn = {k: tf.constant(v, tf.float64) for k, v in params.items()}
    if "brightness_range" in options:
        drawn["brightness"] = tf.linspace(tf.constant(0.5, tf.float64), 2, 8)
    _assert_equals_keras(images, drawn, config, generator)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_compiled_spline_of_the_harshest_image_equals_keras(order):
    # A checkerboard has the largest coefficients, which lose most digits.
    board = 255 * (np.indices((64, 64)).sum(0) % 2).astype(np.uint8)
    images = np.stack([board] * 2)[..., None]
    options = _RANGES | {"interpolation_order": order}
    config = pipeline.AugmentConfig(**options)
    generator = legacy_image.ImageDataGenerator(**options)
    params = pipeline.sample_params((1, 2), (64, 64, 1), config, num_examples=2)
    drawn = {k: v for k, v in params.items() if tf.is_tensor(v)}
    _assert_equals_keras(images, drawn, config, generator, atol=4e-4)


def _assert_equals_keras(images, drawn, config, generator, atol=1e-3):
    features = {"image": tf.constant(images), "params": drawn}
    actual = pipeline.augment_features(features, config).numpy()
    for index, image in enumerate(images):
        row = {name: float(value[index]) for name, value in drawn.items()}
        expected = generator.apply_transform(image.astype(np.float32), row)
        np.testing.assert_allclose(actual[index], expected, atol=atol)


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


@pytest.mark.parametrize(
    "options",
    [
        {"channel_shift_range": 60.0},
        {"brightness_range": (0.5, 2)},
        {"channel_shift_range": 60.0, "brightness_range": (0.5, 2)},
    ],
    ids=str,
)
def test_dataset_of_images_that_do_not_move_equals_keras(options):
    config = pipeline.AugmentConfig(rescale=1 / 255, **options)
    generator = legacy_image.ImageDataGenerator(rescale=1 / 255, **options)
    rng = np.random.default_rng(0)
    images = rng.integers(40, 200, (7, 11, 5, 3), np.uint8)
    images[:, 2, 3] = rng.integers(0, 40, (7, 3))  # one pixel of each minimum
    split = pipeline.Split.from_arrays(images, [0] * 7, class_names=("x",))
    ds = pipeline.make_train_dataset(
        split, "train", config, batch_size=4, seed=3, num_epochs=1
    )
    actual = np.concatenate([batch for batch, _ in ds])
    order, params = pipeline.epoch_plan(
        3, 0, num_examples=7, image_shape=images.shape[1:], config=config
    )
    drawn = {k: v.numpy() for k, v in params.items() if tf.is_tensor(v)}
    for result, number in zip(actual, order.numpy()):
        row = {name: float(value[number]) for name, value in drawn.items()}
        image = images[number].astype(np.float32)
        expected = generator.standardize(generator.apply_transform(image, row))
        np.testing.assert_allclose(result, expected, atol=1e-6)
