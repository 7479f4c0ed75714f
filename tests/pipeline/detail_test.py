"""Fine detail, blurred, sharpened and normalised, against SciPy."""

import numpy as np
import pytest
from scipy import ndimage
import tensorflow as tf

import pipeline

SHAPES = {"square": (128, 128, 1), "oblong": (50, 81, 3), "tiny": (9, 7, 1)}
# 4 % and 10 % of the shorter side, odd and at least 3, counted by hand.
FINE_SIDES = {"square": 5, "oblong": 3, "tiny": 3}
LOCAL_SIDES = {"square": 13, "oblong": 5, "tiny": 3}


def film(shape):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, shape).astype(np.uint8)


def mean_twice(channel, side):
    """Returns SciPy's mean over squares, of those pixels that there are."""
    num_pixels = ndimage.uniform_filter(
        np.ones_like(channel), side, mode="constant"
    )
    for _ in range(2):
        sums = ndimage.uniform_filter(channel, side, mode="constant")
        channel = sums / num_pixels
    return channel


def of_each_channel(function, image):
    channels = np.moveaxis(image.astype(np.float64), -1, 0)
    return np.stack([function(channel) for channel in channels], -1)


def normalized(channel, side):
    detail = channel - mean_twice(channel, side)
    local_std = np.sqrt(mean_twice(detail**2, side))
    return detail / (local_std + 0.3 * local_std.mean())


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("factor", [0.0, 0.4, 2.0])
def test_sharpness_is_scipys_unsharp_mask(name, factor):
    image = film(SHAPES[name])
    blurred = of_each_channel(
        lambda channel: mean_twice(channel, FINE_SIDES[name]), image
    )
    expected = blurred + factor * (image - blurred)
    actual = pipeline.apply_transform(
        image, {"sharpness": factor}, pipeline.AugmentConfig()
    )
    np.testing.assert_allclose(actual, expected, atol=1e-3)


def test_sharpness_of_one_is_the_image():
    image = film(SHAPES["square"])
    for factor in (1, tf.constant(1.0)):
        actual = pipeline.apply_transform(
            image, {"sharpness": factor}, pipeline.AugmentConfig()
        )
        np.testing.assert_array_equal(actual, image)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_local_contrast_is_that_of_scipy(name, data_format):
    image = film(SHAPES[name])
    expected = of_each_channel(
        lambda channel: normalized(channel, LOCAL_SIDES[name]), image
    )
    if data_format == "channels_first":
        image, expected = (np.moveaxis(a, -1, 0) for a in (image, expected))
    config = pipeline.AugmentConfig(
        local_contrast_normalization=True, data_format=data_format
    )
    actual = pipeline.standardize(image, config)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_local_contrast_does_not_see_exposure():
    image = film(SHAPES["square"])
    config = pipeline.AugmentConfig(local_contrast_normalization=True)
    np.testing.assert_allclose(
        pipeline.standardize(image, config),
        pipeline.standardize(40 + 0.5 * image, config),
        atol=1e-4,
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_statistics_are_those_of_what_is_normalised_by_them(data_format):
    images = np.stack([film((32, 24, 3)), 9 + film((32, 24, 3)) // 2])
    if data_format == "channels_first":
        images = np.moveaxis(images, -1, 1)
    config = pipeline.AugmentConfig(
        local_contrast_normalization=True,
        featurewise_center=True,
        featurewise_std_normalization=True,
        rescale=1 / 255,
        data_format=data_format,
    )
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(1)
    statistics = pipeline.fit_statistics(dataset, config)
    actual = pipeline.standardize(images, config, statistics).numpy()
    axes = (0, 2, 3) if data_format == "channels_first" else (0, 1, 2)
    np.testing.assert_allclose(actual.mean(axes), 0, atol=1e-4)
    np.testing.assert_allclose(actual.std(axes), 1, atol=1e-4)


def test_local_contrast_of_an_empty_image_is_zero():
    config = pipeline.AugmentConfig(local_contrast_normalization=True)
    image = np.full((20, 30, 1), 77, np.uint8)
    np.testing.assert_array_equal(pipeline.standardize(image, config), 0)


def test_unknown_size_is_refused():
    config = pipeline.AugmentConfig(local_contrast_normalization=True)
    normalize = tf.function(
        lambda image: pipeline.standardize(image, config),
        input_signature=[tf.TensorSpec([None, 20, 1], tf.uint8)],
    )
    with pytest.raises(ValueError, match="known height and width.*None, 20"):
        normalize.get_concrete_function()


@pytest.mark.parametrize("exponent", [0.5, 0.9, 1.7])
def test_gamma_is_a_power_of_the_grey_scale(exponent):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    # Noise may lead out of the grey scale: it is clipped first.
    beyond = image.astype(np.float32) * 1.2 - 10
    for pixels in (image, beyond):
        actual = pipeline.apply_transform(
            pixels, {"gamma": exponent}, pipeline.AugmentConfig()
        )
        levels = np.clip(pixels.astype(np.float64), 0, 255) / 255
        np.testing.assert_allclose(actual, 255 * levels**exponent, atol=1e-3)


def test_gamma_is_drawn_as_often_above_one_as_below():
    params = pipeline.sample_params(
        [1, 2],
        (8, 8, 1),
        pipeline.AugmentConfig(gamma_range=0.7, sharpness_range=0.5),
        num_examples=10_000,
    )
    powers = np.log2(params["gamma"])
    counts = np.histogram(powers, bins=10, range=(-0.7, 0.7))[0]
    # All within the range; ten standard deviations of a binomial count.
    assert counts.sum() == 10_000
    assert np.abs(counts - 1000).max() < 10 * np.sqrt(900)
    assert abs(np.corrcoef(powers, params["sharpness"])[0, 1]) < 0.05


@pytest.mark.parametrize("value", [-0.1, 1.5, "a", float("nan")])
def test_sharpness_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="`sharpness_range` must be.*Received"):
        pipeline.AugmentConfig(sharpness_range=value)


def test_sharpness_is_uniform_and_leaves_other_draws_as_they_are():
    plain, sharp = (
        pipeline.sample_params(
            [1, 2],
            (8, 8, 1),
            pipeline.AugmentConfig(rotation_range=9, sharpness_range=reach),
            num_examples=10_000,
        )
        for reach in (0, 0.5)
    )
    np.testing.assert_array_equal(plain["theta"], sharp["theta"])
    assert "sharpness" not in plain
    factors = sharp["sharpness"].numpy()
    counts = np.histogram(factors, bins=10, range=(0.5, 1.5))[0]
    # All within the range; ten standard deviations of a binomial count.
    assert counts.sum() == 10_000
    assert np.abs(counts - 1000).max() < 10 * np.sqrt(900)
    assert abs(np.corrcoef(factors, sharp["theta"])[0, 1]) < 0.05
