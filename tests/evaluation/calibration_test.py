"""Temperatures against scikit-learn's regression; what they must not change."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import optimize
from scipy import special
from sklearn import linear_model
from sklearn import metrics as sklearn_metrics

from evaluation import calibration
from evaluation import scores as scores_lib
from tests.helpers import synthetic_scores


def _too_sure(rng, temperature, num_images=3000):
    """Returns scores of a network whose true temperature is given."""
    logits = rng.normal(0, 2, num_images)
    labels = rng.random(num_images) < special.expit(logits)
    positive = special.expit(logits * temperature)
    return synthetic_scores.of_positive(labels, positive)


def _several(rng, temperature, num_images=3000):
    logits = rng.normal(0, 2, (num_images, 4))
    draws = logits + rng.gumbel(size=logits.shape)
    return scores_lib.Scores(
        keys=np.arange(num_images).astype(np.str_),
        patients=np.arange(num_images).astype(np.str_),
        labels=draws.argmax(axis=1),
        probabilities=special.softmax(logits * temperature, axis=1),
        class_names=("a", "b", "c", "d"),
    )


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
@pytest.mark.parametrize("make", [_too_sure, _several])
def test_true_temperature_is_found(make, temperature, rng):
    found = calibration.fit(make(rng, temperature))
    assert found.value == pytest.approx(temperature, rel=0.1)
    assert not found.reason


def test_temperature_is_that_of_logistic_regression(rng):
    scores = _too_sure(rng, 2.0, 400)
    model = linear_model.LogisticRegression(
        C=1e12, fit_intercept=False, tol=1e-10
    )
    logits = special.logit(scores.positive)[:, np.newaxis]
    slope = model.fit(logits, scores.labels).coef_[0, 0]
    assert calibration.fit(scores).value == pytest.approx(1 / slope, rel=1e-4)


def test_temperature_has_the_lowest_log_loss_of_several_classes(rng):
    scores = _several(rng, 3.0, 500)

    def loss(temperature):
        scaled = calibration.apply(scores.probabilities, temperature)
        return sklearn_metrics.log_loss(scores.labels, scaled)

    expected = optimize.brute(loss, [(0.5, 6)], Ns=200)[0]
    assert calibration.fit(scores).value == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("temperature", [0.5, 1, 3.0, 20.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_order_of_two_classes_stays(temperature, dtype, rng):
    logits = np.concatenate([rng.normal(0, 4, 500), [40.0, 30.0, -95.0]])
    if dtype == np.float64:
        logits[500:] = 17.0, 17.1, -300.0
    # As a softmax has them: where class 1 has 1, class 0 still differs.
    probabilities = special.expit(np.stack([-logits, logits], axis=1))
    probabilities = probabilities.astype(dtype)
    positive = probabilities[:, 1]
    calibrated = calibration.apply(probabilities, temperature)
    assert np.allclose(calibrated.sum(axis=1), 1, atol=1e-12)
    _, before = np.unique(positive, return_inverse=True)
    _, after = np.unique(calibrated[:, 1], return_inverse=True)
    np.testing.assert_array_equal(after, before)
    labels = rng.integers(0, 2, len(positive))
    assert sklearn_metrics.roc_auc_score(
        labels, calibrated[:, 1]
    ) == sklearn_metrics.roc_auc_score(labels, positive)
    np.testing.assert_array_equal(
        calibrated[:, 1] >= 0.5, probabilities[:, 1] >= 0.5
    )


def test_likeliest_of_several_classes_stays(rng):
    probabilities = rng.dirichlet(np.ones(5), 300)
    probabilities[0] = [0, 0, 1, 0, 0]
    probabilities[1] = [0.5, 0, 0, 0.5, 0]
    calibrated = calibration.apply(probabilities, 4.0)
    np.testing.assert_array_equal(
        calibrated.argmax(axis=1), probabilities.argmax(axis=1)
    )
    assert calibrated[1, 0] == calibrated[1, 3]
    assert np.allclose(calibrated.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(
        calibration.apply(probabilities, 1.0), probabilities
    )


def test_certain_error_weighs_as_much_as_a_float32_tells(rng):
    """Taken at its word, one wrong 1 would have an infinite loss."""
    scores = _too_sure(rng, 1.0, 400)
    labels = np.append(scores.labels, 0)
    certain = np.append(scores.positive, 1.0)
    nearly = np.append(scores.positive, 1 - 2.0**-25)
    found = [
        calibration.fit(synthetic_scores.of_positive(labels, positive)).value
        for positive in (certain, nearly)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert math.isfinite(found[0])


@pytest.mark.parametrize(
    "labels, positive, reason",
    [
        ([1, 1, 1], [0.2, 0.7, 0.9], "no image of validation is of class no"),
        ([0, 0], [0.2, 0.7], "no image of validation is of class pneumonia"),
        ([0, 1], [0.2, 0.7], "no image of validation is classified wrongly"),
        ([0, 1], [0.0, 1.0], "no image of validation is classified wrongly"),
        ([0, 1], [0.5, 0.5], "no image of validation is classified wrongly"),
    ],
)
def test_what_no_temperature_fits_is_left_as_it_is(labels, positive, reason):
    found = calibration.fit(synthetic_scores.of_positive(labels, positive))
    assert found.value == 1.0 and not found.is_fitted
    assert reason in found.reason


@pytest.mark.parametrize(
    "positive, limit",
    [([0.9, 0.1, 0.8], 20.0), ([0.499, 0.501, 0.4999999], 0.05)],
    ids=["worse_than_chance", "hardly_ever_sure"],
)
def test_temperature_beyond_the_bounds_is_the_bound_and_told(positive, limit):
    labels = [0, 1, 1]
    found = calibration.fit(synthetic_scores.of_positive(labels, positive))
    assert found.value == limit and found.is_fitted
    assert f"beyond {limit:g}" in found.reason


def test_bins_hold_all_images_and_their_frequency(rng):
    scores = _too_sure(rng, 2.0, 1000)
    bins = calibration.bins(
        scores.labels, scores.probabilities, scores.patients
    )
    assert sum(each["count"] for each in bins) == 1000
    assert max(each["count"] for each in bins) <= 2 * 1000 / len(bins)
    for each in bins:
        own = (scores.positive >= each["low"]) & (
            scores.positive <= each["high"]
        )
        assert own.sum() == each["count"]
        assert each["frequency"] == scores.labels[own].mean()
        assert each["freq_low"] <= each["frequency"] <= each["freq_high"]
        assert each["low"] <= each["mean_probability"] <= each["high"]


def test_bins_of_few_or_equal_scores(rng):
    equal = synthetic_scores.of_positive([0, 1, 1], [0.5, 0.5, 0.5])
    (only,) = calibration.bins(
        equal.labels, equal.probabilities, equal.patients
    )
    assert (only["count"], only["frequency"]) == (3, 2 / 3)
    one_patient = dataclasses.replace(equal, patients=np.array(["p"] * 3))
    (only,) = calibration.bins(
        equal.labels, equal.probabilities, one_patient.patients
    )
    assert only["freq_low"] is None
