"""The calibration error, against the formula of Kumar et al. and by chance."""

import math

import numpy as np
import pytest

from evaluation import bootstrap
from evaluation import reliability


def _columns(positive):
    return np.stack([1 - positive, positive], axis=1)


def test_error_is_that_of_kumar_liang_and_ma():
    """One probability a bin, one image a patient: their equation by hand."""
    positive = np.repeat([0.2, 0.5, 0.9], 20)
    labels = np.concatenate(
        [np.arange(20) < count for count in (9, 4, 20)]
    ).astype(int)
    expected = 0.0
    for chosen in np.arange(60).reshape(3, 20):
        frequency = labels[chosen].mean()
        gap = positive[chosen[0]] - frequency
        expected += (gap**2 - frequency * (1 - frequency) / 19) / 3
    found = reliability.calibration_error(
        labels, _columns(positive), np.arange(60)
    )
    assert found == pytest.approx(math.sqrt(expected), abs=1e-12)


@pytest.mark.parametrize("images", [1, 5])
def test_square_of_the_calibrated_is_unbiased(rng, images):
    """Without the correction it is above 0 by the noise; copies add to it."""
    squares, plain = [], []
    patients = np.arange(60).repeat(images)
    for _ in range(300):
        positive = rng.random(60)
        labels = (rng.random(60) < positive).astype(int).repeat(images)
        gaps = reliability.Gaps(
            labels, _columns(positive.repeat(images)), patients
        )
        ones = np.ones((1, len(patients)))
        plain.append(gaps._mean_squares(ones)[0])
        squares.append(plain[-1] - gaps._noise)
    error = np.std(squares) / math.sqrt(300)
    assert abs(np.mean(squares)) < 4 * error
    assert np.mean(plain) > 8 * error


def test_error_can_be_zero_and_is_never_negative():
    labels = np.tile([0, 1], 50)
    half = np.full(100, 0.5)
    found = reliability.calibration_error(
        labels, _columns(half), np.arange(100)
    )
    assert found == 0


def test_bins_have_equal_numbers_and_keep_equals_together(rng):
    positive = rng.random(3000)
    counts = np.bincount(reliability.equal_bins(positive))
    assert len(counts) == 15
    assert counts.max() - counts.min() <= 1
    tied = np.round(positive, 1)
    bins = reliability.equal_bins(tied)
    assert all(len(set(bins[tied == value])) == 1 for value in set(tied))
    # Saturated probabilities leave fewer bins, none of them empty.
    saturated = np.where(positive < 0.9, 1.0, positive)
    assert (np.bincount(reliability.equal_bins(saturated)) > 0).all()


def test_few_examples_have_one_bin_and_none_have_no_error():
    assert set(reliability.equal_bins(np.linspace(0, 1, 30))) == {0}
    nothing = np.zeros(0, int)
    found = reliability.calibration_error(nothing, np.zeros((0, 2)), nothing)
    assert math.isnan(found)


def test_more_classes_are_judged_by_the_likeliest():
    labels = np.array([0, 1, 2, 2])
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.1, 0.4], [0, 0.1, 0.9]]
    )
    foretold, came = reliability.forecasts(labels, probabilities)
    np.testing.assert_array_equal(foretold, [0.7, 0.6, 0.5, 0.9])
    np.testing.assert_array_equal(came, [True, True, False, True])


def test_resamples_are_about_the_error_and_not_above_it(rng):
    """A resample has the noise twice; subtracted once, it would be higher."""
    positive = rng.random(2000)
    labels = (rng.random(2000) < positive**2).astype(int)
    case = labels, _columns(positive), np.arange(2000).astype(str)
    draws = bootstrap.draw_calibration_errors(*case, num_rounds=500)
    error = reliability.calibration_error(*case)
    assert np.median(draws) == pytest.approx(error, rel=0.02)
