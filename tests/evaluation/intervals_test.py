"""Intervals of shares, against SciPy and what is known of copies."""

import math

import numpy as np
import pytest
from scipy import optimize
from scipy import stats

from evaluation import intervals


@pytest.mark.parametrize(("successes", "number"), [(0, 9), (3, 9), (9, 9)])
def test_wilson_is_that_of_scipy(successes, number):
    expected = stats.binomtest(successes, number).proportion_ci(method="wilson")
    hits = np.arange(number) < successes
    figure = intervals.share_figure("x", hits, np.arange(number), "")
    assert figure.value == successes / number
    assert (figure.low, figure.high) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )
    assert figure.method == "wilson"
    assert "one image" in figure.reason


def test_copies_of_all_or_none_are_no_news():
    """Ten copies of each of eight images are eight images."""
    for hits in (np.ones(80, bool), np.zeros(80, bool)):
        patients = np.arange(8).repeat(10)
        figure = intervals.share_figure("x", hits, patients, "")
        expected = stats.binomtest(8 if hits[0] else 0, 8).proportion_ci(
            method="wilson"
        )
        assert (figure.low, figure.high) == pytest.approx(
            (expected.low, expected.high), abs=1e-12
        )
        assert "80 images of 8 patients" in figure.reason


def test_interval_with_clusters_solves_the_equation_of_the_score():
    """Wilson's ends are where the share is 1.96 standard errors away."""
    hits = np.array([1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1], bool)
    patients = np.repeat([0, 1, 2, 3], 3)
    figure = intervals.share_figure("x", hits, patients, "")
    number = intervals.effective_number(hits, patients)
    z = stats.norm.ppf(0.975)

    def distance(share):
        error = math.sqrt(share * (1 - share) / number)
        return abs(figure.value - share) - z * error

    low = optimize.brentq(distance, 1e-6, figure.value)
    high = optimize.brentq(distance, figure.value, 1 - 1e-6)
    assert (figure.low, figure.high) == pytest.approx((low, high))


def test_effective_number_counts_copies_once_but_for_students_t():
    hits = np.tile([True, False, True, True, False], 8).repeat(10)
    patients = np.arange(40).repeat(10)
    expected = stats.norm.ppf(0.975) ** 2 / stats.t.ppf(0.975, 39) ** 2 * 40
    # The design effect of copies is 10, times 40 / 39 for a lost degree.
    assert intervals.effective_number(hits, patients) == pytest.approx(
        expected * 39 / 40
    )


def test_effective_number_of_unlike_images_is_about_theirs(rng):
    hits = rng.random(4000) < 0.8
    number = intervals.effective_number(hits, np.arange(1000).repeat(4))
    assert 3400 < number <= 4000


def test_share_of_nothing_and_of_one_patient_say_why():
    nothing = np.zeros(0, bool)
    figure = intervals.share_figure("x", nothing, nothing, "Nothing is there.")
    assert math.isnan(figure.value)
    assert (figure.method, figure.reason) == ("none", "Nothing is there.")
    figure = intervals.share_figure(
        "x", np.array([True, False]), np.array(["a", "a"]), ""
    )
    assert (figure.value, figure.method) == (0.5, "none")
    assert math.isnan(figure.low)
    assert "one patient" in figure.reason
    assert all(math.isnan(end) for end in intervals.wilson(0, 0))
