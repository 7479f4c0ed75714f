"""Curves and histograms, against scikit-learn."""

import dataclasses

import numpy as np
import pytest
from sklearn import metrics

from evaluation import curves
from evaluation.scores import Scores


def _scores(rng, num_classes, num_examples=150):
    labels = rng.integers(0, num_classes, num_examples)
    probabilities = rng.dirichlet(np.ones(num_classes), num_examples)
    probabilities = (probabilities + 0.5 * np.eye(num_classes)[labels]) / 1.5
    return Scores(
        keys=np.arange(num_examples).astype(str),
        patients=(np.arange(num_examples) // 2).astype(str),
        labels=labels,
        probabilities=probabilities,
        class_names=("a", "b", "c")[:num_classes],
    )


def test_roc_lies_on_that_of_scikit_learn_and_in_its_band(rng):
    scores = _scores(rng, 2)
    roc = curves.curves(scores, num_rounds=200)["roc"]
    fpr, tpr, _ = metrics.roc_curve(
        scores.labels, scores.positive, drop_intermediate=False
    )
    for rate, found in zip(roc["fpr"], roc["tpr"]):
        reached = fpr <= rate + 1e-12
        after = tpr[~reached][0] if (~reached).any() else 1
        assert tpr[reached][-1] - 1e-12 <= found <= after + 1e-12
    ends = np.array([roc["low"], roc["tpr"], roc["high"]])
    assert (np.diff(ends[:, 1:-1], axis=0) >= -0.05).all()
    assert (ends >= 0).all() and (ends <= 1).all()
    assert np.mean(np.subtract(roc["high"], roc["low"])) > 0.05
    # The area of the curve is the AUC, up to the grid.
    area = metrics.roc_auc_score(scores.labels, scores.positive)
    assert metrics.auc(roc["fpr"], roc["tpr"]) == pytest.approx(area, abs=0.01)


def test_precision_is_that_of_the_highest_threshold_for_a_recall(rng):
    scores = _scores(rng, 2)
    curve = curves.curves(scores, num_rounds=20)["precision_recall"]
    precision, recall, _ = metrics.precision_recall_curve(
        scores.labels, scores.positive
    )
    # From the highest threshold down, without the point at recall 0.
    precision, recall = precision[-2::-1], recall[-2::-1]
    for rate, found in zip(curve["recall"], curve["precision"]):
        reached = (recall >= rate - 1e-9) & (recall > 0)
        assert found == pytest.approx(precision[reached][0], abs=1e-12)


def test_more_classes_have_their_curves(rng):
    scores = _scores(rng, 3)
    found = curves.curves(scores, num_rounds=20)
    assert [*found] == ["a", "b", "c"]
    area = metrics.roc_auc_score(scores.labels == 2, scores.probabilities[:, 2])
    roc = found["c"]["roc"]
    assert metrics.auc(roc["fpr"], roc["tpr"]) == pytest.approx(area, abs=0.01)


def test_curves_without_a_class_or_with_one_patient(rng):
    scores = _scores(rng, 2, 20)
    one_class = dataclasses.replace(scores, labels=np.ones(20, np.int64))
    assert curves.curves(one_class) == {"roc": None, "precision_recall": None}
    one_patient = dataclasses.replace(scores, patients=np.full(20, "a"))
    roc = curves.curves(one_patient, num_rounds=20)["roc"]
    assert (roc["low"], roc["high"]) == (None, None)
    assert len(roc["tpr"]) == 101


def _count(probabilities):
    """Returns how many lie in each twentieth, by a look at each."""
    places = np.floor(probabilities * 20).astype(int)
    return [int(np.sum(places == place)) for place in range(20)]


def test_histogram_counts_each_example_once(rng):
    scores = _scores(rng, 2)
    found = curves.histogram(scores)
    assert found["edges"][0] == 0 and found["edges"][-1] == 1
    for index, name in enumerate("ab"):
        own = scores.positive[scores.labels == index]
        assert found["counts"][name] == _count(own)
        assert sum(found["counts"][name]) == len(own)
    # With more classes it is the probability of the true one.
    scores = _scores(rng, 3)
    counts = curves.histogram(scores)["counts"]
    for index, name in enumerate("abc"):
        own = scores.probabilities[scores.labels == index, index]
        assert counts[name] == _count(own)
