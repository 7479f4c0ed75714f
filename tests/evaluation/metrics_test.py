"""The metrics against scikit-learn, and against the count of all pairs."""

import math

import hypothesis
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from evaluation import metrics


def _binary_case(name, rng):
    labels = rng.integers(0, 2, 501)
    scores = rng.random(501)
    if name == "ties":
        scores = np.round(scores, 1)
    elif name == "all_equal":
        scores = np.full(501, 0.5)
    elif name == "separable":
        scores = labels + 0.1 * scores
    elif name == "reversed":
        scores = -labels + 0.1 * scores
    elif name == "rare_positive":
        labels = np.zeros(501, np.int64)
        labels[7] = 1
    elif name == "float32_saturated":
        # Softmax saturates to exactly 0 and 1: ties at both ends.
        scores = np.clip(rng.normal(0.5, 1, 501), 0, 1).astype(np.float32)
    return labels, scores


@pytest.mark.parametrize(
    "name",
    [
        "random",
        "ties",
        "all_equal",
        "separable",
        "reversed",
        "rare_positive",
        "float32_saturated",
    ],
)
def test_auc_equals_sklearn_with_two_classes(name, rng):
    labels, positive_score = _binary_case(name, rng)
    scores = np.stack([1 - positive_score, positive_score], axis=1)
    expected = sklearn_metrics.roc_auc_score(labels, positive_score)
    assert metrics.auc(labels, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("num_classes", [3, 5])
@pytest.mark.parametrize("decimals", [16, 1], ids=["continuous", "ties"])
def test_auc_equals_sklearn_macro_ovr_with_more_classes(
    num_classes, decimals, rng
):
    labels = rng.integers(0, num_classes, 400)
    scores = rng.dirichlet(np.ones(num_classes), 400)
    # scikit-learn wants rows that sum to 1, so ties come from rounding the
    # others and giving the last class the rest.
    scores[:, :-1] = np.round(scores[:, :-1], decimals)
    scores[:, -1] = 1 - scores[:, :-1].sum(axis=1)
    expected = sklearn_metrics.roc_auc_score(
        labels, scores, multi_class="ovr", average="macro"
    )
    assert metrics.auc(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_auc_equals_sklearn_on_many_examples(rng):
    # Products of counts and rank sums pass 2**31 here.
    labels = rng.integers(0, 2, 200_000)
    score = np.round(rng.normal(labels, 2.0), 2)
    scores = np.stack([-score, score], axis=1)
    expected = sklearn_metrics.roc_auc_score(labels, score)
    assert metrics.auc(labels, scores) == pytest.approx(expected, abs=1e-12)


@hypothesis.given(
    labels=hypothesis.strategies.lists(
        hypothesis.strategies.integers(0, 2), min_size=1, max_size=60
    ),
    decimals=hypothesis.strategies.sampled_from([1, 2, 16]),
    dtype=hypothesis.strategies.sampled_from([np.float32, np.float64]),
    num_classes=hypothesis.strategies.sampled_from([2, 3]),
    seed=hypothesis.strategies.integers(0, 2**32 - 1),
)
def test_auc_is_the_share_of_pairs_that_are_ranked_right(
    labels, decimals, dtype, num_classes, seed
):
    labels = [*np.array(labels) % num_classes, *range(num_classes)]
    labels = np.array(labels)
    scores = np.random.default_rng(seed).random((len(labels), num_classes))
    scores = np.round(scores, decimals).astype(dtype)
    areas = []
    for label in [1] if num_classes == 2 else range(num_classes):
        own = scores[labels == label, label, np.newaxis]
        others = scores[labels != label, label]
        areas.append(np.mean((own > others) + 0.5 * (own == others)))
    assert metrics.auc(labels, scores) == pytest.approx(
        np.mean(areas), abs=1e-12
    )


def test_infinite_scores_are_ranked_like_others():
    scores = np.array([-np.inf, 0.5, 0.3, np.inf, np.inf])
    scores = np.stack([-scores, scores], axis=1)
    labels = [0, 1, 0, 1, 0]
    # Each positive is above two negatives; the second ties with the third.
    assert metrics.auc(labels, scores) == pytest.approx(
        ((2 + 0) + (2 + 0.5)) / 6, abs=1e-12
    )


@pytest.mark.parametrize("num_classes", [2, 4])
def test_accuracy_equals_sklearn(num_classes, rng):
    labels = rng.integers(0, num_classes, 333)
    scores = rng.random((333, num_classes))
    expected = sklearn_metrics.accuracy_score(labels, scores.argmax(axis=1))
    assert metrics.accuracy(labels, scores) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [metrics.auc, metrics.accuracy])
def test_metric_ignores_padding(metric, rng):
    labels = rng.integers(0, 2, 50)
    scores = rng.random((50, 2))
    padded_labels = np.concatenate([labels, np.zeros(14, np.int64)])
    padded_scores = np.concatenate([scores, np.full((14, 2), 9.0)])
    weight = np.concatenate([np.ones(50), np.zeros(14)]).astype(np.float32)
    value = metric(padded_labels, padded_scores, sample_weight=weight)
    assert value == metric(labels, scores)
    assert value != metric(padded_labels, padded_scores)


@pytest.mark.parametrize(
    "labels, num_classes",
    [([1, 1, 1], 2), ([0, 0, 0], 2), ([0, 2, 2], 3)],
    ids=["only_positives", "only_negatives", "one_of_three_missing"],
)
def test_auc_is_nan_and_warns_without_all_classes(labels, num_classes, rng):
    scores = rng.random((3, num_classes))
    with pytest.warns(RuntimeWarning, match="do not cover all"):
        assert math.isnan(metrics.auc(labels, scores))


def test_auc_is_nan_where_a_score_is_nan():
    scores = np.array([[0.5, 0.5], [np.nan, np.nan], [0.2, 0.8]])
    assert math.isnan(metrics.auc([0, 1, 1], scores))


def test_accuracy_is_nan_without_examples():
    assert math.isnan(metrics.accuracy(np.zeros(0, int), np.zeros((0, 2))))


@pytest.mark.parametrize(
    "labels, scores, weight, message",
    [
        ([0, 1], np.zeros(2), None, r"scores.shape=\(2,\)"),
        ([0, 1], np.zeros((2, 1)), None, r"scores.shape=\(2, 1\)"),
        ([[0, 1]], np.zeros((2, 2)), None, r"labels.shape=\(1, 2\)"),
        ([0, 1, 1], np.zeros((2, 2)), None, r"len\(labels\)=3"),
        ([0, 2], np.zeros((2, 2)), None, r"values=\[0, 2\]"),
        ([0.0, 1.0], np.zeros((2, 2)), None, "dtype=float64"),
        ([0, 1], np.zeros((2, 2)), [1, 0.5], r"values=\[0.5, 1.0\]"),
        ([0, 1], np.zeros((2, 2)), [1], r"shape=\(1,\)"),
    ],
    ids=[
        "scores_rank_1",
        "one_class",
        "labels_rank_2",
        "lengths_differ",
        "label_out_of_range",
        "float_labels",
        "fractional_weight",
        "weight_length",
    ],
)
def test_metric_names_what_it_received_when_wrong(
    labels, scores, weight, message
):
    with pytest.raises(ValueError, match=message):
        metrics.auc(labels, scores, sample_weight=weight)
