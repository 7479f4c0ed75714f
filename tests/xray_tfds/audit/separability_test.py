"""The audit's AUC and its interval, against scikit-learn's and DeLong's."""

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics
from sklearn import model_selection

from xray_tfds.audit import separability


def test_auc_equals_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 200)
    # Rounded, so that there are ties.
    scores = np.round(targets + generator.normal(size=200), 1)
    auc, _ = separability.clustered_auc(
        targets, np.stack([-scores, scores], 1), np.arange(200)
    )
    assert auc == pytest.approx(metrics.roc_auc_score(targets, scores))


def test_macro_auc_equals_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 3, 200)
    scores = generator.dirichlet(np.ones(3), 200) + 0.3 * np.eye(3)[targets]
    scores /= scores.sum(axis=1, keepdims=True)
    auc, _ = separability.clustered_auc(targets, scores, np.arange(200))
    expected = metrics.roc_auc_score(targets, scores, multi_class="ovr")
    assert auc == pytest.approx(expected)


def test_variance_is_delongs_and_knows_copies_for_copies():
    generator = np.random.default_rng(0)
    targets = np.repeat([0, 1], (30, 50))
    scores = targets + generator.normal(size=80)
    columns = np.stack([-scores, scores], 1)
    _, variance = separability.clustered_auc(targets, columns, np.arange(80))
    # DeLong, DeLong and Clarke-Pearson 1988, by all pairs.
    wins = scores[targets == 1][:, np.newaxis] > scores[targets == 0]
    expected = wins.mean(1).var(ddof=1) / 50 + wins.mean(0).var(ddof=1) / 30
    assert variance == pytest.approx(expected)
    # Ten copies of each image, of one patient, are no news.
    _, copied = separability.clustered_auc(
        targets.repeat(10), columns.repeat(10, axis=0), np.arange(80).repeat(10)
    )
    assert copied == pytest.approx(variance)


def test_interval_stays_within_bounds_and_is_exact_at_the_ends():
    low, high = separability.interval(0.99, 0.01, 10)
    assert 0 < low < 0.99 < high < 1
    # Clopper and Pearson's bound for 10 of 10.
    assert separability.interval(1.0, 0.0, 10) == (0.025**0.1, 1.0)
    assert separability.interval(0.0, 0.0, 10) == (0.0, 1 - 0.025**0.1)


def test_no_patient_is_on_both_sides():
    # Features name the patient; labels are random but equal within a patient.
    generator = np.random.default_rng(0)
    groups = np.arange(60).repeat(5)
    targets = generator.integers(0, 2, 60)[groups]
    values = generator.normal(size=(60, 50))[groups]
    estimate = separability.estimate_auc(values, targets, groups)
    assert estimate.low < 0.5 < estimate.high
    leaking = model_selection.cross_val_predict(
        linear_model.LogisticRegression(),
        values,
        targets,
        cv=model_selection.StratifiedKFold(5, shuffle=True, random_state=0),
        method="decision_function",
    )
    assert metrics.roc_auc_score(targets, leaking) > 0.95


def test_values_between_those_of_the_other_class_are_found():
    generator = np.random.default_rng(0)
    targets = np.arange(200) % 2
    values = np.where(targets, 0.0, generator.choice([-2, 2], 200))
    values += 0.3 * generator.normal(size=200)
    estimate = separability.estimate_auc(
        values[:, np.newaxis], targets, np.arange(200)
    )
    assert estimate.auc > 0.95


@pytest.mark.parametrize("groups", ["aaaa", "abbb"], ids=["one", "one each"])
def test_too_few_patients_are_said_to_be_too_few(groups):
    with pytest.raises(separability.NotMeasurableError, match="two patients"):
        separability.estimate_auc(
            np.eye(4), np.array([0, 1, 1, 1]), np.array(list(groups))
        )
