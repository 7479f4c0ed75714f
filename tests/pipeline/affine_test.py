"""Geometric transforms against Keras's own, which runs SciPy."""

import numpy as np
import pytest
import tensorflow as tf

import pipeline

keras_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras no longer has its legacy image module",
)

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
SHAPES = ((32, 32, 1), (33, 20, 3), (17, 40, 1))
TOLERANCE = 1e-3  # grey levels, on the 0..255 scale


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def keras_transform(image, params, **kwargs):
    generator = keras_image.ImageDataGenerator(**kwargs)
    return generator.apply_transform(image.astype(np.float32), params)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("order", (0, 1))
@pytest.mark.parametrize(
    "params",
    (
        {"tx": 3, "ty": -5},
        {"tx": 2.6, "ty": -0.3},
        {"tx": -70.25},
        {"ty": 41.5, "flip_horizontal": True},
        {"tx": 0.5, "ty": 1.75, "flip_horizontal": 1, "flip_vertical": 1},
        {"zx": 0.7, "zy": 1.4, "tx": 1.2},
    ),
    ids=str,
)
def test_apply_transform_equals_keras(params, order, shape, fill_mode):
    kwargs = {
        "fill_mode": fill_mode,
        "cval": 17.5,
        "interpolation_order": order,
    }
    image = noise(shape)
    expected = keras_transform(image, params, **kwargs)
    actual = pipeline.apply_transform(
        image, params, pipeline.AugmentConfig(**kwargs)
    )
    assert actual.dtype == tf.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE)


def test_height_shift_moves_columns_as_in_keras():
    image = noise((16, 16, 1))
    moved = pipeline.apply_transform(
        image, {"tx": 2}, pipeline.AugmentConfig()
    ).numpy()
    np.testing.assert_array_equal(moved[:, :-2], image[:, 2:])


@pytest.mark.parametrize(
    "params",
    (
        {},
        {"tx": 0, "flip_horizontal": False, "brightness": None},
        {"tx": tf.constant(0.0), "ty": tf.constant(0.0)},
    ),
    ids=("empty", "plain_neutral", "neutral_tensors"),
)
def test_neutral_params_return_the_image_bit_for_bit(params):
    image = noise((21, 16, 3))
    config = pipeline.AugmentConfig(fill_mode="constant", cval=99.0)
    actual = pipeline.apply_transform(image, params, config)
    np.testing.assert_array_equal(actual, image.astype(np.float32))


@pytest.mark.parametrize("name", ("flip_horizontal", "flip_vertical"))
def test_flip_twice_returns_the_image(name):
    image = noise((21, 16, 3))
    config = pipeline.AugmentConfig()
    once = pipeline.apply_transform(image, {name: True}, config)
    twice = pipeline.apply_transform(once, {name: True}, config)
    assert np.any(once.numpy() != image)
    np.testing.assert_array_equal(twice, image.astype(np.float32))


def test_batch_in_dataset_map_equals_single_images_eagerly():
    images = noise((5, 24, 18, 1))
    config = pipeline.AugmentConfig(
        width_shift_range=0.3, height_shift_range=0.2, horizontal_flip=True
    )
    params = pipeline.sample_params(
        (1, 2), images.shape[1:], config, num_examples=5
    )
    ds = tf.data.Dataset.from_tensors((images, params["tx"], params["ty"]))
    flips = params["flip_horizontal"]
    batched = next(
        iter(
            ds.map(
                lambda x, tx, ty: pipeline.apply_transform(
                    x, {"tx": tx, "ty": ty, "flip_horizontal": flips}, config
                )
            )
        )
    )
    assert batched.shape == images.shape
    for i, image in enumerate(images):
        single = pipeline.apply_transform(
            image,
            {
                "tx": float(params["tx"][i]),
                "ty": float(params["ty"][i]),
                "flip_horizontal": int(flips[i]),
            },
            config,
        )
        np.testing.assert_array_equal(batched[i], single)


def test_image_of_unknown_size_equals_static():
    image = noise((24, 18, 1))
    config = pipeline.AugmentConfig()
    params = {"tx": 1.25, "zy": 0.8, "flip_vertical": True}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.uint8)])
    def transform(image):
        return pipeline.apply_transform(image, params, config)

    np.testing.assert_array_equal(
        transform(image), pipeline.apply_transform(image, params, config)
    )


def test_standardize_rescales_in_float32():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    config = pipeline.AugmentConfig(rescale=1 / 255)
    expected = keras_image.ImageDataGenerator(rescale=1 / 255).standardize(
        image.astype(np.float32)
    )
    np.testing.assert_array_equal(pipeline.standardize(image, config), expected)


def test_image_of_wrong_rank_is_refused():
    with pytest.raises(ValueError, match="Received: image.shape="):
        pipeline.standardize(np.zeros((4, 4)), pipeline.AugmentConfig())


def test_transforms_in_a_map_of_ones_own_say_nothing(caplog):
    config = pipeline.AugmentConfig(
        rotation_range=10,
        fill_mode="wrap",
        brightness_range=(0.5, 1.5),
        samplewise_center=True,
    )

    def augment(image, seed):
        image = pipeline.random_transform(image, seed, config)
        return pipeline.standardize(image, config)

    ds = tf.data.Dataset.from_tensors(
        (np.zeros((32, 32, 1), np.uint8), np.array([1, 2], np.int64))
    )
    with caplog.at_level("WARNING", "tensorflow"):
        (image,) = ds.map(augment)
    assert image.shape == (32, 32, 1)
    assert caplog.text == ""
