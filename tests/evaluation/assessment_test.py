"""What is chosen on validation, and what is said with it of other scores."""

import dataclasses

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sk

from evaluation import assessment
from evaluation import calibration
from evaluation import scores as scores_lib
from evaluation import thresholds
from tests.helpers import synthetic_scores

_FEW = {"num_rounds": 50}


def choose(validation, rule="0.5", calibrate="none"):
    return assessment.choose(
        validation, rule=thresholds.parse(rule), calibrate=calibrate, **_FEW
    )


def by_name(figures):
    return {figure["name"]: figure["value"] for figure in figures}


def make_three(rng, num_images=90):
    """Three classes, of a network that is far too sure of itself."""
    labels = np.arange(num_images) % 3
    logits = rng.normal(size=(num_images, 3)) + 1.2 * np.eye(3)[labels]
    return scores_lib.Scores(
        keys=np.array([f"k{index:03}" for index in range(num_images)]),
        patients=np.array([f"p{index // 2:03}" for index in range(num_images)]),
        labels=labels,
        probabilities=special.softmax(3 * logits, axis=1),
        class_names=("a", "b", "c"),
    )


@pytest.fixture
def validation(rng):
    return synthetic_scores.make(rng, num_images=80, num_patients=40)


@pytest.fixture
def scores(rng):
    return synthetic_scores.make(rng, num_images=60, separation=1)


def test_figures_are_those_of_scikit_learn(validation, scores):
    point = choose(validation, "youden", "temperature")
    results = assessment.assess(scores, point, prevalence=0.1, **_FEW)
    figures = by_name(results["figures"])
    labels, own = scores.labels, scores.positive
    decided = own >= point.threshold
    calibrated = point.calibrate(scores.probabilities)[:, 1]
    assert not np.allclose(calibrated, own)
    recall = sk.recall_score(labels, decided)
    for name, value in {
        "auc": sk.roc_auc_score(labels, own),
        "average_precision": sk.average_precision_score(labels, own),
        "accuracy": sk.accuracy_score(labels, decided),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, decided),
        "sensitivity": recall,
        "specificity": sk.recall_score(labels, decided, pos_label=0),
        "ppv": sk.precision_score(labels, decided),
        "npv": sk.precision_score(labels, decided, pos_label=0),
        "f1": sk.f1_score(labels, decided),
        "matthews": sk.matthews_corrcoef(labels, decided),
        "brier": sk.brier_score_loss(labels, calibrated),
        "log_loss": sk.log_loss(labels, calibrated),
    }.items():
        assert figures[name] == pytest.approx(value, abs=1e-12), name
    assert results["confusion"]["counts"] == (
        sk.confusion_matrix(labels, decided).tolist()
    )
    assert results["prevalence"] == {"observed": labels.mean(), "assumed": 0.1}


def test_thresholds_stand_side_by_side(validation, scores):
    point = choose(validation, "sensitivity>=0.9")
    table = assessment.assess(scores, point, **_FEW)["threshold"]
    assert [row["rule"] for row in table["table"]] == [
        *("0.5", "youden", "sensitivity>=0.9")
    ]
    assert [row["is_chosen"] for row in table["table"]] == [False, False, True]
    assert table["value"] == point.threshold
    assert table["chosen_on"] == "validation"
    reached = np.mean(
        validation.positive[validation.labels == 1] >= point.threshold
    )
    assert reached >= 0.9
    for row in table["table"]:
        own = scores.positive >= row["value"]
        assert row["sensitivity"]["value"] == own[scores.labels == 1].mean()


def test_threshold_does_not_depend_on_what_is_evaluated(validation, rng):
    point = choose(validation, "youden", "temperature")
    values = {
        assessment.assess(
            synthetic_scores.make(rng, num_images=40, separation=separation),
            point,
            **_FEW,
        )["threshold"]["value"]
        for separation in (0.2, 3)
    }
    assert values == {point.threshold}


def test_probabilities_are_not_warped(validation, scores):
    """A threshold is a threshold: it does not become 0.5."""
    one, other = (
        by_name(
            assessment.assess(scores, choose(validation, rule), **_FEW)[
                "figures"
            ]
        )
        for rule in ("0.5", "0.2")
    )
    assert one["brier"] == other["brier"] and one["auc"] == other["auc"]
    assert one["sensitivity"] < other["sensitivity"]


def test_temperature_leaves_the_order_of_examples(rng):
    """The AUC is that of the curves, and of all that it is compared with."""
    scores = make_three(rng)
    point = choose(make_three(rng), calibrate="temperature")
    results = assessment.assess(scores, point, **_FEW)
    calibrated = point.calibrate(scores.probabilities)
    aucs = []
    for index, each in enumerate(results["per_class"]):
        own = scores.labels == index
        found = by_name(each["figures"])
        aucs.append(sk.roc_auc_score(own, scores.probabilities[:, index]))
        assert found["auc"] == pytest.approx(aucs[-1], abs=1e-12)
        assert found["brier"] == pytest.approx(
            sk.brier_score_loss(own, calibrated[:, index]), abs=1e-12
        )
        # The temperature does change the order.
        changed = sk.roc_auc_score(own, calibrated[:, index])
        assert abs(changed - aucs[-1]) > 1e-6
    figures = by_name(results["figures"])
    assert figures["auc"] == pytest.approx(np.mean(aucs), abs=1e-12)
    assert figures["log_loss"] == pytest.approx(
        sk.log_loss(scores.labels, calibrated), abs=1e-12
    )
    assert results["threshold"] is None and results["prevalence"] is None


def test_saturated_probabilities_keep_their_auc(validation, scores):
    point = dataclasses.replace(
        choose(validation),
        temperature=calibration.Temperature(value=0.01, reason=""),
    )
    results = assessment.assess(scores, point, **_FEW)
    assert by_name(results["figures"])["auc"] == pytest.approx(
        sk.roc_auc_score(scores.labels, scores.positive), abs=1e-12
    )


def test_calibration_that_was_refused_is_not_called_one(scores):
    perfect = dataclasses.replace(
        scores, probabilities=np.eye(2)[scores.labels]
    )
    point = choose(perfect, calibrate="temperature")
    found = assessment.assess(scores, point, **_FEW)["calibration"]
    assert found["temperature"] is found["after"] is found["fitted_on"] is None
    assert found["reason"].startswith("Not calibrated: no image")


def test_surest_cases_of_each_cell_come_first(scores, validation):
    cases = assessment.assess(scores, choose(validation), **_FEW)["confusion"]
    counts = np.array(cases["counts"])
    for cell, found in cases["cases"].items():
        label, decision = map(int, cell.split(","))
        assert len(found) == counts[label, decision]
        sureness = [
            each["probability"] if decision else 1 - each["probability"]
            for each in found
        ]
        assert sureness == sorted(sureness, reverse=True)
    keys = [each["key"] for found in cases["cases"].values() for each in found]
    assert sorted(keys) == sorted(scores.keys)


def test_rule_without_a_threshold_is_refused(validation):
    healthy = validation.take(validation.labels == 0)
    with pytest.raises(ValueError, match="cannot be chosen on validation"):
        choose(healthy, "youden")
    # The same rule beside a threshold that is fixed decides nothing.
    point = choose(healthy)
    table = assessment.assess(validation, point, **_FEW)["threshold"]["table"]
    youden = table[1]
    assert (youden["rule"], youden["value"]) == ("youden", None)
    assert youden["sensitivity"]["value"] is None


def test_more_classes_have_no_threshold(rng):
    with pytest.raises(ValueError, match="--threshold.*class_names=a,b,c"):
        choose(make_three(rng), "youden")
    with pytest.raises(ValueError, match="--prevalence.*class_names=a,b,c"):
        assessment.assess(
            make_three(rng), choose(make_three(rng)), prevalence=0.1, **_FEW
        )
