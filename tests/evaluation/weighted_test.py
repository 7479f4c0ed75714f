"""Figures under weights, against scikit-learn's with `sample_weight`."""

import numpy as np
import pytest
from sklearn import metrics

from evaluation import weighted


@pytest.fixture(name="case", params=[9, 1], ids=["continuous", "ties"])
def _case(request, rng):
    labels = rng.integers(0, 2, 60)
    scores = np.round(0.3 * labels + rng.random(60), request.param)
    return labels, scores, rng.integers(0, 4, (5, 60)).astype(float)


@pytest.mark.parametrize(
    ("function", "oracle"),
    [
        (weighted.auc, metrics.roc_auc_score),
        (weighted.average_precision, metrics.average_precision_score),
    ],
)
def test_ranking_figures_equal_those_of_scikit_learn(case, function, oracle):
    labels, scores, weights = case
    found = function(*weighted.Ranking(labels == 1, scores).cumulate(weights))
    expected = [oracle(labels, scores, sample_weight=one) for one in weights]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_rates_equal_those_of_scikit_learn(case):
    labels, scores, weights = case
    decided = (scores >= 0.7).astype(int)
    found = weighted.rates(
        weighted.confusion_matrix(weights, labels, decided, 2)
    )
    oracles = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "sensitivity": metrics.recall_score,
        "ppv": metrics.precision_score,
        "f1": metrics.f1_score,
        "matthews": metrics.matthews_corrcoef,
    }
    for name, oracle in oracles.items():
        expected = [oracle(labels, decided, sample_weight=w) for w in weights]
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-12)
    expected = [
        metrics.recall_score(1 - labels, 1 - decided, sample_weight=w)
        for w in weights
    ]
    np.testing.assert_allclose(found["specificity"], expected, atol=1e-12)


def test_rates_of_more_classes_are_means_over_them(rng):
    labels, decided = rng.integers(0, 4, (2, 300))
    weights = rng.integers(0, 3, (3, 300)).astype(float)
    found = weighted.rates(
        weighted.confusion_matrix(weights, labels, decided, 4)
    )
    for name, oracle in (
        ("sensitivity", metrics.recall_score),
        ("ppv", metrics.precision_score),
        ("f1", metrics.f1_score),
    ):
        expected = [
            oracle(labels, decided, sample_weight=w, average="macro")
            for w in weights
        ]
        np.testing.assert_allclose(found[name], expected, atol=1e-12)
    expected = [
        metrics.matthews_corrcoef(labels, decided, sample_weight=w)
        for w in weights
    ]
    np.testing.assert_allclose(found["matthews"], expected, atol=1e-12)


def test_rounds_without_a_class_have_no_value():
    ranking = weighted.Ranking(np.array([True, False]), np.array([0.9, 0.1]))
    cumulated = ranking.cumulate(np.array([[1.0, 0], [0, 1], [1, 1]]))
    for function in (weighted.auc, weighted.average_precision):
        np.testing.assert_array_equal(function(*cumulated), [np.nan, np.nan, 1])


def test_predictive_values_at_a_prevalence_obey_bayes():
    """A test of 99 %, a disease of 1 in 1,000: one alarm in eleven is true."""
    found = weighted.at_prevalence(
        {"sensitivity": 0.99, "specificity": 0.99}, 0.001
    )
    assert found["ppv_at_prevalence"] == pytest.approx(0.99 / (0.99 + 9.99))
    assert found["npv_at_prevalence"] == pytest.approx(989.01 / 989.02)


def test_predictive_values_at_the_observed_prevalence_are_those_observed(case):
    labels, scores, _ = case
    decided = scores >= 0.7
    rates = {
        "sensitivity": metrics.recall_score(labels, decided),
        "specificity": metrics.recall_score(1 - labels, ~decided),
    }
    found = weighted.at_prevalence(rates, labels.mean())
    assert found["ppv_at_prevalence"] == pytest.approx(
        metrics.precision_score(labels, decided), abs=1e-12
    )
    assert found["npv_at_prevalence"] == pytest.approx(
        metrics.precision_score(1 - labels, ~decided), abs=1e-12
    )
