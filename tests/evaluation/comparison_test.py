"""Paired tests against SciPy; what must not be compared."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from evaluation import assessment
from evaluation import comparison
from evaluation import thresholds
from tests.helpers import synthetic_scores


def _pair(rng, **options):
    """Returns two models on the same images, the second a bit worse."""
    this = synthetic_scores.make(rng, **options)
    logits = np.log(this.positive / (1 - this.positive))
    positive = 1 / (1 + np.exp(-logits - rng.normal(0, 1.0, len(logits))))
    other = dataclasses.replace(
        this, probabilities=np.stack([1 - positive, positive], axis=1)
    )
    return this, other


def test_model_does_not_differ_from_itself_in_any_order(rng):
    scores = synthetic_scores.make(rng)
    shuffled = scores.take(rng.permutation(len(scores.keys)))
    result = comparison.compare(
        scores, shuffled, thresholds=(0.5, 0.5), num_rounds=50
    )
    assert result.auc_difference.value == 0
    assert result.p_value == 1
    assert result.mcnemar == comparison.McNemar(0, 0, 0, 1.0)
    assert {figure.value for figure in result.figures} == {0.0}


def test_differences_are_those_of_the_figures_in_any_order(rng):
    this, other = _pair(rng, num_patients=80)
    options = {"thresholds": (0.4, 0.6), "num_rounds": 300}
    result = comparison.compare(this, other, **options)
    areas = [
        sklearn_metrics.roc_auc_score(each.labels, each.positive)
        for each in (this, other)
    ]
    difference = areas[0] - areas[1]
    assert result.auc_difference.value == pytest.approx(difference, abs=1e-12)
    by_name = {figure.name: figure for figure in result.figures}
    assert by_name["auc"].value == pytest.approx(difference, abs=1e-12)
    right = [
        (each.positive >= threshold) == this.labels
        for each, threshold in zip((this, other), (0.4, 0.6))
    ]
    accuracy = right[0].mean() - right[1].mean()
    assert by_name["accuracy"].value == pytest.approx(accuracy, abs=1e-12)
    assert by_name["accuracy"].low <= accuracy <= by_name["accuracy"].high
    shuffled = other.take(rng.permutation(len(other.keys)))
    assert comparison.compare(this, shuffled, **options) == result
    other_way = comparison.compare(
        other, this, thresholds=(0.6, 0.4), num_rounds=300
    )
    assert other_way.auc_difference.value == -result.auc_difference.value
    assert other_way.p_value == pytest.approx(result.p_value)


def test_paired_interval_is_narrower_than_two_side_by_side(rng):
    this, other = _pair(rng, num_images=400)
    result = comparison.compare(
        this, other, thresholds=(0.5, 0.5), num_rounds=400
    )
    (brier,) = (f for f in result.figures if f.name == "brier")
    unpaired = [
        np.std((each.positive - each.labels) ** 2) / np.sqrt(400)
        for each in (this, other)
    ]
    # Of independent models the standard error would be this.
    assert brier.high - brier.low < 2 * 1.96 * np.hypot(*unpaired)
    errors = [(each.positive - each.labels) ** 2 for each in (this, other)]
    paired = np.std(errors[0] - errors[1]) / np.sqrt(400)
    assert brier.high - brier.low == pytest.approx(2 * 1.96 * paired, rel=0.15)


@pytest.mark.parametrize("shares", [(0.8, 0.6), (0.9, 0.2)])
def test_mcnemar_is_the_binomial_test_of_one_image_a_patient(rng, shares):
    this, other = rng.random((2, 200)) < np.array(shares)[:, np.newaxis]
    result = comparison.mcnemar(this, other, patients=np.arange(200))
    assert result.only_this == sum(a and not b for a, b in zip(this, other))
    assert result.only_other == sum(b and not a for a, b in zip(this, other))
    number = result.only_this + result.only_other
    assert result.num_patients == number
    expected = stats.binomtest(result.only_this, number).pvalue
    assert result.p_value == pytest.approx(expected, rel=1e-10)


def test_mcnemar_of_patients_is_scipys_permutation_test(rng):
    patients = rng.integers(0, 11, 80)
    this, other = rng.random((2, 80)) < [[0.7], [0.45]]
    result = comparison.mcnemar(this, other, patients=patients)
    counts = [np.bincount(patients, right) for right in (this, other)]
    assert len(set(np.abs(counts[0] - counts[1]))) > 3
    expected = stats.permutation_test(
        counts,
        lambda x, y, axis: np.sum(x - y, axis),
        permutation_type="samples",
        n_resamples=np.inf,
    ).pvalue
    assert 0 < expected < 1
    assert result.p_value == pytest.approx(expected, rel=1e-12)


def test_copies_of_the_films_make_no_difference_surer(rng):
    this, other = rng.random((2, 30)) < [[0.9], [0.4]]
    once = comparison.mcnemar(this, other, patients=np.arange(30))
    assert 0 < once.p_value < 1
    copies = comparison.mcnemar(
        this.repeat(9), other.repeat(9), patients=np.arange(30).repeat(9)
    )
    assert copies.only_this == 9 * once.only_this
    assert copies.num_patients == once.num_patients
    assert copies.p_value == pytest.approx(once.p_value, rel=1e-12)
    # One patient says nothing, however many films there are of them.
    alone = comparison.mcnemar(
        np.ones(20, bool), np.zeros(20, bool), patients=np.zeros(20)
    )
    assert (alone.only_this, alone.num_patients) == (20, 1)
    assert alone.p_value == 1


def test_calibrated_probabilities_are_judged_and_do_not_decide(rng):
    this, other = _pair(rng, num_patients=80)
    other = other.take(rng.permutation(len(other.keys)))
    options = {"num_rounds": 50}
    points = [
        assessment.choose(
            scores, rule=thresholds.YOUDEN, calibrate="temperature", **options
        )
        for scores in (this, other)
    ]
    result = comparison.compare(
        this,
        other,
        thresholds=tuple(point.threshold for point in points),
        calibrated=tuple(
            point.calibrate(scores.probabilities)
            for point, scores in zip(points, (this, other))
        ),
        **options,
    )
    reports = [
        {
            figure["name"]: figure["value"]
            for figure in assessment.assess(scores, point, **options)["figures"]
        }
        for point, scores in zip(points, (this, other))
    ]
    assert min(abs(point.temperature.value - 1) for point in points) > 0.05
    found = {figure.name: figure.value for figure in result.figures}
    assert found == pytest.approx(
        {name: reports[0][name] - reports[1][name] for name in reports[0]},
        abs=1e-12,
    )
    for figure in result.figures:
        assert figure.low <= figure.value <= figure.high


def test_more_than_two_classes_are_compared(rng):
    probabilities = rng.dirichlet(np.ones(3), (2, 60))
    labels = rng.integers(0, 3, 60)
    base = synthetic_scores.of_positive(labels > 0, np.full(60, 0.5))
    this, other = (
        dataclasses.replace(
            base, labels=labels, probabilities=each, class_names=("a", "b", "c")
        )
        for each in probabilities
    )
    result = comparison.compare(
        this, other, thresholds=(None, None), num_rounds=50
    )
    areas = [
        sklearn_metrics.roc_auc_score(labels, each, multi_class="ovr")
        for each in probabilities
    ]
    assert result.auc_difference.value == pytest.approx(
        areas[0] - areas[1], abs=1e-12
    )


def test_result_is_json_where_there_is_no_value():
    scores = synthetic_scores.of_positive([1, 1], [0.2, 0.7])
    result = comparison.compare(
        scores, scores, thresholds=(0.5, 0.5), num_rounds=10
    )
    assert math.isnan(result.p_value)
    content = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert content["p_value"] is None
    assert content["auc_difference"]["value"] is None


def test_other_images_are_refused_and_the_first_is_named(rng):
    this = synthetic_scores.make(rng, num_images=6)
    fewer = this.take([0, 1, 3, 4, 5])
    with pytest.raises(ValueError, match="k00002.png is only in this run"):
        comparison.align(this, fewer)
    with pytest.raises(ValueError, match="k00002.png is only in the other"):
        comparison.align(fewer, this)


def test_other_labels_are_refused_and_the_first_is_named(rng):
    this = synthetic_scores.make(rng, num_images=6)
    labels = this.labels.copy()
    labels[3] = 1 - labels[3]
    other = dataclasses.replace(this, labels=labels)
    with pytest.raises(
        ValueError, match="k00003.png is pneumonia here and normal in the"
    ):
        comparison.align(this, other)


def test_other_classes_are_refused(rng):
    this = synthetic_scores.make(rng, num_images=6)
    other = dataclasses.replace(this, class_names=("pneumonia", "normal"))
    with pytest.raises(ValueError, match="`compare` .* the same classes"):
        comparison.align(this, other)
