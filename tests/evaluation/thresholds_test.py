"""Thresholds against a search of all of them, and scikit-learn's curve."""

import dataclasses
import itertools
import math

import hypothesis
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from evaluation import bootstrap
from evaluation import threshold_store
from evaluation import thresholds
from tests.helpers import programs
from tests.helpers import synthetic_scores

_RULES = ["youden", "sensitivity>=0.95", "specificity>=0.9", "sensitivity>=1"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0.5", "0.5"),
        (".50", "0.5"),
        ("1e-3", "0.001"),
        (" Youden ", "youden"),
        ("sensitivity >= .95", "sensitivity>=0.95"),
        ("specificity>=1.0", "specificity>=1"),
    ],
)
def test_rule_has_one_text_however_it_is_written(text, expected):
    rule = thresholds.parse(text)
    assert str(rule) == expected
    assert thresholds.parse(expected) == rule


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "1", "1.5", "-0.5", "nan", "inf", "1e999", "0_5", "50%"),
        *("٠.٥", "best", "youden>=0.5", "sensitivity", "sensitivity>0.9"),
        *("sensitivity>=95", "sensitivity>=0", "specificity>=nan"),
        *("0.5,youden", "auc>=0.9"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_forms(text):
    with pytest.raises(
        ValueError, match="`threshold` must be 0.5, youden, "
    ) as e:
        thresholds.parse(text)
    assert f"Received: threshold={text!r}" in str(e.value)


def test_asked_rule_stands_beside_the_usual_ones_once():
    asked = thresholds.parse("sensitivity>=0.95")
    shown = thresholds.side_by_side(asked)
    assert [str(rule) for rule in shown] == ["0.5", "youden", str(asked)]
    assert len(thresholds.side_by_side(thresholds.parse("0.50"))) == 2


def _search(rule, labels, positive):
    """Returns the threshold by a look at the middle of every gap."""
    ends = np.unique(np.concatenate([positive, [0.0, 1.0]]))
    best = None
    for upper, lower in itertools.pairwise(ends[::-1]):
        value = (upper + lower) / 2
        decided = positive >= value
        hits = int(decided[labels == 1].sum())
        rejected = int((~decided)[labels == 0].sum())
        positives, negatives = int(labels.sum()), int((1 - labels).sum())
        if rule.kind == "youden":
            # Integers, so that ties are ties.
            merit = hits * negatives + rejected * positives
        elif rule.kind == "sensitivity":
            merit = value if hits / positives >= rule.bound else -1
        else:
            merit = -value if rejected / negatives >= rule.bound else -2
        if best is None or merit > best[0]:
            best = merit, value
    return best[1]


@hypothesis.given(
    labels=hypothesis.strategies.lists(
        hypothesis.strategies.integers(0, 1), min_size=1, max_size=40
    ),
    decimals=hypothesis.strategies.sampled_from([1, 2, 16]),
    text=hypothesis.strategies.sampled_from(_RULES),
    seed=hypothesis.strategies.integers(0, 2**32 - 1),
)
def test_threshold_is_the_best_of_all_gaps(labels, decimals, text, seed):
    labels = np.array([0, 1, *labels])
    positive = np.random.default_rng(seed).uniform(0.06, 0.94, len(labels))
    positive = np.round(positive, decimals)
    rule = thresholds.parse(text)
    scores = synthetic_scores.of_positive(labels, positive)
    chosen = thresholds.choose(rule, scores, num_rounds=1)
    assert chosen.value == _search(rule, labels, positive)


@pytest.mark.parametrize("decimals", [None, 1], ids=["continuous", "ties"])
def test_youden_is_the_peak_of_scikit_learns_curve(decimals, rng):
    scores = synthetic_scores.make(rng, decimals=decimals)
    fpr, tpr, _ = sklearn_metrics.roc_curve(scores.labels, scores.positive)
    value = thresholds.choose(thresholds.YOUDEN, scores, num_rounds=1).value
    decided = scores.positive >= value
    reached = (
        decided[scores.labels == 1].mean() - decided[scores.labels == 0].mean()
    )
    assert reached == pytest.approx(np.max(tpr - fpr), abs=1e-12)


def test_bound_is_reached_that_only_a_quotient_meets():
    # 0.07 * 100 is above 7.
    labels = np.repeat([0, 1], 100)
    positive = np.linspace(0.1, 0.9, 200)[::-1]
    scores = synthetic_scores.of_positive(labels, positive)
    rule = thresholds.parse("sensitivity>=0.07")
    value = thresholds.choose(rule, scores, num_rounds=1).value
    assert np.sum(scores.positive[labels == 1] >= value) == 7


# Of one of two neighbours the middle is rounded to the lower one.
@pytest.mark.parametrize("lower", [0.5, np.nextafter(0.5, 1)])
def test_neighbouring_floats_are_still_parted(lower):
    upper = np.nextafter(lower, 1)
    scores = synthetic_scores.of_positive([0, 1], [lower, upper])
    value = thresholds.choose(thresholds.YOUDEN, scores, num_rounds=1).value
    assert (scores.positive >= value).tolist() == [False, True]


@pytest.mark.parametrize("text", _RULES)
def test_spread_is_that_of_examples_drawn_again(text, rng):
    """Weights say the same as a resampled set in which examples repeat."""
    scores = synthetic_scores.make(
        rng, num_images=40, num_patients=13, decimals=2
    )
    rule = thresholds.parse(text)
    chosen = thresholds.choose(rule, scores, num_rounds=200, seed=3)
    (weights,) = bootstrap.weight_chunks(
        scores.patients, num_rounds=200, seed=3
    )
    expected = []
    for row in weights.astype(int):
        labels = np.repeat(scores.labels, row)
        if 0 < labels.sum() < len(labels):
            drawn = np.repeat(scores.positive, row)
            expected.append(_search(rule, labels, drawn))
    assert [chosen.low, chosen.high] == pytest.approx(
        np.quantile(expected, [0.025, 0.975]), abs=1e-12
    )
    assert chosen.low < chosen.high


def test_number_is_itself_whatever_the_scores_are(rng):
    scores = synthetic_scores.make(rng)
    chosen = thresholds.choose(thresholds.parse("0.3"), scores)
    assert dataclasses.astuple(chosen) == ("0.3", 0.3, 0.3, 0.3, "fixed", "")


def test_threshold_that_would_lie_above_one_has_no_value():
    scores = synthetic_scores.of_positive([0, 1, 1], [1.0, 0.4, 0.6])
    rule = thresholds.parse("specificity>=0.9")
    chosen = thresholds.choose(rule, scores, num_rounds=10)
    assert math.isnan(chosen.value)
    assert "above the highest probability" in chosen.reason


def test_certain_scores_are_parted_in_the_middle():
    scores = synthetic_scores.of_positive([0, 0, 1], [0.0, 0.0, 1.0])
    for text in _RULES:
        rule = thresholds.parse(text)
        assert thresholds.choose(rule, scores, num_rounds=1).value == 0.5


@pytest.mark.parametrize("label, name", [(0, "pneumonia"), (1, "normal")])
def test_one_class_has_no_threshold_and_the_other_is_named(label, name):
    scores = synthetic_scores.of_positive([label] * 3, [0.1, 0.5, 0.9])
    chosen = thresholds.choose(thresholds.YOUDEN, scores)
    assert math.isnan(chosen.value) and math.isnan(chosen.low)
    assert chosen.reason == f"No image of validation is of class {name}."


def test_more_than_two_classes_are_refused(rng):
    scores = synthetic_scores.make(rng, num_images=4)
    three = dataclasses.replace(
        scores,
        probabilities=np.full((4, 3), 1 / 3),
        class_names=("a", "b", "c"),
    )
    with pytest.raises(ValueError, match="`threshold` needs two classes"):
        thresholds.choose(thresholds.YOUDEN, three)


@pytest.mark.parametrize("text", ["0.5", "youden", "specificity>=1"])
def test_stored_threshold_is_read_back(text, rng):
    scores = synthetic_scores.make(rng, num_images=40, num_patients=20)
    chosen = thresholds.choose(thresholds.parse(text), scores, num_rounds=50)
    made_of = {"data_fingerprint": "f" * 64, "model_sha256": "a" * 64}
    content = threshold_store.to_json(chosen, scores, **made_of)
    assert (content["num_images"], content["num_patients"]) == (40, 20)
    assert threshold_store.from_json(content, **made_of) == chosen
    for name, what in (
        ("data_fingerprint", "another validation split"),
        ("model_sha256", "another model"),
    ):
        with pytest.raises(ValueError, match=what):
            threshold_store.from_json(content, **{**made_of, name: "0"})


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"rule": "best"},
        {"rule": 7},
        {"value": "x"},
        {"low": 1.5},
        {"data_fingerprint": None},
    ],
    ids=lambda change: "-".join(change),
)
def test_damaged_threshold_is_refused(change, rng):
    scores = synthetic_scores.make(rng, num_images=4)
    chosen = thresholds.choose(thresholds.HALF, scores)
    made_of = {"data_fingerprint": "f", "model_sha256": "a"}
    content = threshold_store.to_json(chosen, scores, **made_of)
    with pytest.raises(ValueError, match="stored threshold"):
        threshold_store.from_json({**content, **change}, **made_of)
    for damaged in (None, [], {}):
        with pytest.raises(ValueError, match="cannot be read"):
            threshold_store.from_json(damaged, **made_of)


def test_rule_is_checked_without_libraries_that_take_seconds():
    program = (
        "import sys; from evaluation import thresholds;"
        "thresholds.parse('youden');"
        "print({'scipy', 'sklearn', 'tensorflow'} & set(sys.modules))"
    )
    assert programs.run("-c", program).stdout.strip() == "set()"
