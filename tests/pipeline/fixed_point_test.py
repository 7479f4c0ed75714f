"""The fast path of a general warp, against Keras at its widest draws."""

import numpy as np
import pytest
import tensorflow as tf

import pipeline
from pipeline import fixed_point

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)
_RANGES = {
    "rotation_range": 180,
    "width_shift_range": 2.5,
    "height_shift_range": 0.9,
    "shear_range": 60,
    "horizontal_flip": True,
    "vertical_flip": True,
}


def _config(zoom, **options):
    return pipeline.AugmentConfig(zoom_range=zoom, **(_RANGES | options))


@pytest.mark.parametrize("zoom", [(0.2, 0.5), (0.8, 1.2), (1.5, 4.0)], ids=str)
@pytest.mark.parametrize(
    "size", [(33, 40), (40, 33), (256, 256), (1, 7)], ids=str
)
def test_fixed_point_equals_keras_within_a_thousandth(size, zoom):
    _assert_equals_keras(size, _config(zoom))


# At 1.65 the ends of a middle row of 40 pixels are 33 away: the most there is.
@pytest.mark.parametrize("zoom", [(0.2, 0.5), (1.5, 1.65)], ids=str)
@pytest.mark.parametrize("size", [(33, 40), (40, 33), (256, 256)], ids=str)
def test_reflection_in_fixed_point_equals_keras(size, zoom):
    _assert_equals_keras(size, _config(zoom, fill_mode="reflect"))


@pytest.mark.parametrize("fill_mode", ["constant", "wrap"])
@pytest.mark.parametrize("zoom", [(0.2, 0.5), (1.5, 4.0)], ids=str)
@pytest.mark.parametrize("size", [(33, 40), (256, 256), (1, 7)], ids=str)
def test_jumps_in_fixed_point_are_where_keras_has_them(size, zoom, fill_mode):
    _assert_equals_keras(size, _config(zoom, fill_mode=fill_mode))


# Shear leaves the middle row of an odd number at whole coordinates. Shifts by
# whole pixels bring them to the borders, and beyond what fits in int32.
@pytest.mark.parametrize("fill_mode", ["constant", "wrap"])
@pytest.mark.parametrize("shift", [42, 9000])
def test_whole_coordinates_are_on_the_side_of_keras(shift, fill_mode):
    options = {"rotation_range": 0, "fill_mode": fill_mode}
    shifts = {"width_shift_range": shift, "height_shift_range": shift}
    _assert_equals_keras((21, 21), _config((1, 1), **options, **shifts))


@pytest.mark.parametrize(
    ("size", "dtype", "options"),
    [
        ((256, 256), tf.uint8, {"zoom": 8.0}),
        ((700, 700), tf.uint8, {"zoom": 0.2}),
        ((256, 256), tf.float32, {"zoom": 0.2}),
        ((256, 256), tf.uint8, {"zoom": (1, 2.1), "fill_mode": "reflect"}),
        ((900, 900), tf.uint8, {"zoom": 0.2, "fill_mode": "reflect"}),
        ((700, 700), tf.uint8, {"zoom": 0.2, "fill_mode": "constant"}),
        ((1100, 900), tf.uint8, {"zoom": 0.2, "fill_mode": "wrap"}),
    ],
    ids=[
        "far zoom",
        "large",
        "float",
        "far mirror",
        "large mirror",
        "large constant",
        "large wrap",
    ],
)
def test_fixed_point_is_left_where_it_would_not_fit(size, dtype, options):
    config = _config(**options)
    assert not fixed_point.is_applicable(size, dtype, config)


def _assert_equals_keras(size, config):
    assert fixed_point.is_applicable(size, tf.uint8, config)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (8, *size, 1), np.uint8)
    params = pipeline.sample_params((1, 2), (*size, 1), config, num_examples=8)
    drawn = {k: v for k, v in params.items() if tf.is_tensor(v)}
    features = {"image": tf.constant(images), "params": drawn}
    actual = pipeline.augment_features(features, config)
    keras_generator = legacy_image.ImageDataGenerator(
        fill_mode=config.fill_mode
    )
    for index, image in enumerate(images):
        row = {name: float(value[index]) for name, value in drawn.items()}
        expected = keras_generator.apply_transform(
            image.astype(np.float32), row
        )
        np.testing.assert_allclose(actual[index], expected, atol=1e-3)
