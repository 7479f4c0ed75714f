"""The laws of the random parameters, form by form."""

import numpy as np
import pytest
import tensorflow as tf

import pipeline

SHAPE = (40, 24, 1)
N = 20_000


def draw(**kwargs):
    params = pipeline.sample_params(
        (7, 0), SHAPE, pipeline.AugmentConfig(**kwargs), num_examples=N
    )
    return {
        name: value.numpy() if tf.is_tensor(value) else value
        for name, value in params.items()
    }


@pytest.mark.parametrize(
    "value, limit",
    ((0.1, 4.0), (1.0, 1.0), (2.5, 2.5), (-0.1, 4.0), (-2, 80.0)),
    ids=str,
)
def test_float_shift_is_uniform_within_its_limit(value, limit):
    tx = draw(height_shift_range=value)["tx"]
    assert tx.dtype == np.float64
    assert np.abs(tx).max() <= limit
    # P(no draw in the outer 0.2 %) = 0.998 ** 20000 < 1e-17.
    assert np.abs(tx).max() > 0.998 * limit
    counts = np.histogram(tx, bins=10, range=(-limit, limit))[0]
    # Ten standard deviations of a binomial count.
    assert np.abs(counts - N / 10).max() < 10 * np.sqrt(N * 0.09)


@pytest.mark.parametrize(
    "value, expected",
    (
        (4, {0: 1 / 4, **{k: 1 / 8 for k in (-3, -2, -1, 1, 2, 3)}}),
        (1, {0: 1.0}),
        ([3, 5], {-5: 1 / 4, -3: 1 / 4, 3: 1 / 4, 5: 1 / 4}),
        ([0.5, 0.25], {-20: 1 / 4, -10: 1 / 4, 10: 1 / 4, 20: 1 / 4}),
        ([-5, -10], {-400: 1 / 4, -200: 1 / 4, 200: 1 / 4, 400: 1 / 4}),
    ),
    ids=str,
)
def test_discrete_shift_has_the_frequencies_of_keras(value, expected):
    values, counts = np.unique(
        draw(height_shift_range=value)["tx"] + 0.0, return_counts=True
    )
    assert set(values) == set(expected)
    for v, count in zip(values, counts):
        p = expected[v]
        assert abs(count - N * p) <= 10 * np.sqrt(N * p * (1 - p))


def test_height_range_feeds_tx_and_width_range_feeds_ty():
    params = draw(height_shift_range=0.5, width_shift_range=0.25)
    assert 19 < np.abs(params["tx"]).max() <= 20
    assert 5.9 < np.abs(params["ty"]).max() <= 6


def test_without_quirks_width_range_moves_columns():
    params = draw(
        height_shift_range=0.5, width_shift_range=0.25, keras_quirks=False
    )
    assert 5.9 < np.abs(params["tx"]).max() <= 6
    assert 19 < np.abs(params["ty"]).max() <= 20


def test_transforms_that_are_off_have_plain_neutral_values():
    assert draw() == {
        "theta": 0,
        "tx": 0,
        "ty": 0,
        "shear": 0,
        "zx": 1,
        "zy": 1,
        "flip_horizontal": 0,
        "flip_vertical": 0,
        "channel_shift_intensity": None,
        "brightness": None,
    }


def test_switching_one_transform_on_keeps_the_draws_of_others():
    few = draw(vertical_flip=True)
    many = draw(vertical_flip=True, height_shift_range=3, zoom_range=0.2)
    np.testing.assert_array_equal(few["flip_vertical"], many["flip_vertical"])


def test_first_rows_do_not_depend_on_how_many_follow():
    config = pipeline.AugmentConfig(zoom_range=0.2)
    short = pipeline.sample_params((3, 4), SHAPE, config, num_examples=5)
    long = pipeline.sample_params((3, 4), SHAPE, config, num_examples=500)
    np.testing.assert_array_equal(short["zx"], long["zx"][:5])


def test_seeds_are_unrelated():
    config = pipeline.AugmentConfig(zoom_range=0.2)
    draws = [
        pipeline.sample_params(seed, SHAPE, config, num_examples=100)["zx"]
        for seed in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert len(np.unique(draws)) == 400


@pytest.mark.parametrize("seed", [1, None, (1, 2, 3), (0.5, 1), "12"], ids=str)
def test_seed_that_is_no_pair_is_refused(seed):
    config = pipeline.AugmentConfig(rotation_range=5)
    with pytest.raises(ValueError, match="`seed` must be two ints.*Received"):
        pipeline.sample_params(seed, SHAPE, config)


def test_random_transform_is_of_one_image():
    with pytest.raises(ValueError, match="one image.*Received"):
        pipeline.random_transform(
            np.zeros((2, *SHAPE)), (1, 2), pipeline.AugmentConfig()
        )
