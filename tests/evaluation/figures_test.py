"""All figures: their values by scikit-learn, their intervals at the edges."""

import dataclasses
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from benchmarks import interval_coverage
from evaluation import figure as figure_lib
from evaluation import figures
from evaluation.scores import Scores

_RANGES = {"matthews": (-1, 1), "log_loss": (0, math.inf), "brier": (0, 2)}


def _scores(labels, probabilities, patients=None):
    count = len(labels)
    if patients is None:
        patients = np.arange(count) // 2
    return Scores(
        keys=np.arange(count).astype(str),
        patients=np.asarray(patients).astype(str),
        labels=np.asarray(labels, np.int64),
        probabilities=np.asarray(probabilities, np.float64),
        class_names=("a", "b", "c")[: np.shape(probabilities)[1]],
    )


def _random(num_classes, count=120, decimals=9):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, num_classes, count)
    probabilities = rng.dirichlet(np.ones(num_classes), count)
    probabilities = np.round(
        (probabilities + 0.5 * np.eye(num_classes)[labels]) / 1.5, decimals
    )
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    return _scores(labels, probabilities)


def _by_name(found):
    return {figure.name: figure for figure in found}


@pytest.mark.parametrize("decimals", [9, 1], ids=["continuous", "ties"])
def test_values_of_two_classes_are_those_of_scikit_learn(decimals):
    scores = _random(2, decimals=decimals)
    found = _by_name(figures.headline(scores, threshold=0.4, num_rounds=20))
    labels, positive = scores.labels, scores.positive
    decided = positive >= 0.4
    expected = {
        "auc": sklearn_metrics.roc_auc_score(labels, positive),
        "average_precision": sklearn_metrics.average_precision_score(
            labels, positive
        ),
        "accuracy": sklearn_metrics.accuracy_score(labels, decided),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(
            labels, decided
        ),
        "sensitivity": sklearn_metrics.recall_score(labels, decided),
        "specificity": sklearn_metrics.recall_score(1 - labels, ~decided),
        "ppv": sklearn_metrics.precision_score(labels, decided),
        "npv": sklearn_metrics.precision_score(1 - labels, ~decided),
        "f1": sklearn_metrics.f1_score(labels, decided),
        "matthews": sklearn_metrics.matthews_corrcoef(labels, decided),
        "brier": sklearn_metrics.brier_score_loss(labels, positive),
        "log_loss": sklearn_metrics.log_loss(labels, positive),
    }
    values = {name: found[name].value for name in expected}
    assert values == pytest.approx(expected, abs=1e-12)


def test_values_of_more_classes_are_those_of_scikit_learn():
    scores = _random(3)
    found = _by_name(figures.headline(scores, threshold=None, num_rounds=20))
    labels, probabilities = scores.labels, scores.probabilities
    decided = probabilities.argmax(axis=1)
    onehot = np.eye(3)[labels]
    macro = {"average": "macro"}
    expected = {
        "auc": sklearn_metrics.roc_auc_score(
            labels, probabilities, multi_class="ovr"
        ),
        "average_precision": sklearn_metrics.average_precision_score(
            onehot, probabilities, **macro
        ),
        "accuracy": sklearn_metrics.accuracy_score(labels, decided),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(
            labels, decided
        ),
        "sensitivity": sklearn_metrics.recall_score(labels, decided, **macro),
        "ppv": sklearn_metrics.precision_score(labels, decided, **macro),
        "f1": sklearn_metrics.f1_score(labels, decided, **macro),
        "matthews": sklearn_metrics.matthews_corrcoef(labels, decided),
        "brier": np.mean(np.sum((probabilities - onehot) ** 2, axis=1)),
        "log_loss": sklearn_metrics.log_loss(labels, probabilities),
    }
    values = {name: found[name].value for name in expected}
    assert values == pytest.approx(expected, abs=1e-12)
    assert "ppv_at_prevalence" not in found


def test_each_of_more_classes_is_held_against_the_rest():
    scores = _random(3)
    found = figures.per_class(scores, num_rounds=20)
    assert [*found] == ["a", "b", "c"]
    one = _by_name(found["c"])
    decided = scores.probabilities.argmax(axis=1) == 2
    expected = {
        "auc": sklearn_metrics.roc_auc_score(
            scores.labels == 2, scores.probabilities[:, 2]
        ),
        "sensitivity": sklearn_metrics.recall_score(
            scores.labels == 2, decided
        ),
        "ppv": sklearn_metrics.precision_score(scores.labels == 2, decided),
    }
    values = {name: one[name].value for name in expected}
    assert values == pytest.approx(expected, abs=1e-12)


def test_figures_stand_in_the_order_of_tables_and_say_their_method():
    scores = _random(2)
    found = figures.headline(
        scores, threshold=0.5, prevalence=0.1, num_rounds=50
    )
    assert tuple(figure.name for figure in found) == figure_lib.NAMES
    methods = {figure.name: figure.method for figure in found}
    assert methods["auc"] == "delong"
    shares = {"accuracy", "sensitivity", "specificity", "ppv", "npv"}
    closed = {name for name, method in methods.items() if method == "wilson"}
    assert closed == shares | {"ppv_at_prevalence", "npv_at_prevalence"}
    assert all(
        "patients" in figure.reason
        for figure in found
        if "prevalence" not in figure.name
    )


_PERFECT = np.repeat(np.eye(2), 10, axis=0)
_EDGES = {
    "none": _scores([], np.zeros((0, 2))),
    "one": _scores([1], [[0.2, 0.8]]),
    "one class": _scores(np.ones(20), _random(2, 20).probabilities),
    "one patient": _scores(
        _random(2, 20).labels, _random(2, 20).probabilities, np.zeros(20)
    ),
    "all equal": _scores(_random(2, 20).labels, np.full((20, 2), 0.5)),
    "all right": _scores(np.repeat([0, 1], 10), _PERFECT),
    "all wrong": _scores(np.repeat([1, 0], 10), _PERFECT),
    "none of three": _scores([], np.zeros((0, 3))),
    "two of three": _scores(np.arange(30) % 2, _random(3, 30).probabilities),
}


@pytest.mark.parametrize("scores", _EDGES.values(), ids=_EDGES)
@pytest.mark.filterwarnings("error")
def test_edges_have_reasons_and_bounds_within_the_range(scores):
    two = len(scores.class_names) == 2
    found = figures.headline(
        scores,
        threshold=0.5 if two else None,
        prevalence=0.1 if two else None,
        num_rounds=50,
    )
    assert len(found) == (15 if two else 13)
    for figure in found:
        assert figure.reason.endswith(".")
        least, most = _RANGES.get(figure.name, (0, 1))
        if math.isnan(figure.value):
            assert figure.method == "none"
        else:
            assert least <= figure.value <= most
        if figure.method == "none":
            assert math.isnan(figure.low) and math.isnan(figure.high)
        else:
            assert least <= figure.low <= figure.high <= most


def test_perfect_scores_are_not_certain():
    """Of ten patients without an error nobody knows that there is none."""
    found = _by_name(
        figures.headline(
            _EDGES["all right"], threshold=0.5, prevalence=0.1, num_rounds=50
        )
    )
    for name in ("auc", "sensitivity", "f1", "matthews", "ppv_at_prevalence"):
        assert (found[name].value, found[name].high) == (1, 1)
        assert found[name].low < 0.75
    # All pairs of five independent ones are ranked correctly.
    assert found["auc"].low == pytest.approx(0.025 ** (1 / 5))


def test_bootstrap_is_quoted_only_where_it_says_something():
    """No error in class 1: no resample has one, and Wilson's is not it."""
    scores = _scores(
        [0, 0, 0, 1, 1, 1],
        [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8], [0.1, 0.9], [0, 1]],
        patients=np.arange(6),
    )
    found = _by_name(figures.headline(scores, threshold=0.5, num_rounds=50))
    for name in ("sensitivity", "npv"):
        assert (found[name].value, found[name].method) == (1, "wilson")
        assert "bootstrap" not in found[name].reason.lower()
    for name in ("specificity", "accuracy"):
        assert "The bootstrap of patients says" in found[name].reason


def test_figures_without_a_class_say_which():
    found = _by_name(
        figures.headline(_EDGES["one class"], threshold=0.5, num_rounds=50)
    )
    missing = {name for name, one in found.items() if math.isnan(one.value)}
    assert missing == {
        *("auc", "average_precision", "balanced_accuracy", "specificity"),
        "matthews",
    }
    assert found["specificity"].reason == "All examples are of the class."


def test_cheap_figures_are_those_of_the_headline():
    scores = _random(2)
    full = _by_name(figures.headline(scores, threshold=0.3, num_rounds=20))
    auc = figures.auc_figure(scores.labels, scores.positive, scores.patients)
    for figure in (auc, *figures.figures_at(scores, 0.3)):
        same = full[figure.name]
        assert (figure.value, figure.low, figure.high) == (
            same.value,
            same.low,
            same.high,
        )
    alone = figures.calibration_figure(scores, num_rounds=20)
    assert alone == full["calibration_error"]
    [accuracy] = figures.figures_at(_random(3), None)
    assert accuracy.name == "accuracy"


def test_probability_at_the_threshold_is_positive():
    scores = _scores([0, 1], [[0.5, 0.5], [0.4, 0.6]])
    assert figures.decide(scores, 0.5).tolist() == [1, 1]
    assert figures.decide(scores, 0.6).tolist() == [0, 1]


@pytest.mark.parametrize(("num_classes", "threshold"), [(2, None), (3, 0.5)])
def test_threshold_belongs_to_two_classes(num_classes, threshold):
    with pytest.raises(ValueError, match="`threshold` must be"):
        figures.headline(_random(num_classes), threshold=threshold)


def test_patients_are_not_taken_for_images():
    """Ten copies of each image say what one says, but for Student's t."""
    once = _random(2, 60)
    once = dataclasses.replace(once, patients=once.keys)
    copies = _scores(
        once.labels.repeat(10),
        once.probabilities.repeat(10, axis=0),
        once.patients.repeat(10),
    )
    pairs = zip(
        *(
            figures.headline(one, threshold=0.5, num_rounds=300)
            for one in (once, copies)
        )
    )
    for one, other in pairs:
        if one.name == "calibration_error":
            continue  # It has more bins.
        width, same = (x.high - x.low for x in (one, other))
        assert other.value == pytest.approx(one.value)
        assert same == pytest.approx(width, rel=0.08)


def test_intervals_contain_the_truth_where_naive_ones_do_not():
    """The benchmark in small: 200 test sets, so 3 standard errors are .046."""
    coverage = interval_coverage.measure_coverage(
        (50, 10, 1.19), num_repetitions=200, num_rounds=100
    )
    for name, share in coverage.items():
        if name.endswith("naive"):
            assert share < 0.88, name
        else:
            assert share > 0.89, name
