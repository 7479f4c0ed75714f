"""Sentences and cautions: what is said follows from the numbers."""

import re

import pytest

from evaluation.report import cautions
from evaluation.report import verdict
from evaluation.report import words
from tests.helpers import evaluation_checks
from tests.helpers import evaluation_results
from tests.helpers import study_parts


@pytest.fixture(name="results")
def fixture_results():
    return evaluation_results.make_binary(1000)


def _said(results):
    return " ".join(cautions.find(results))


@pytest.mark.parametrize("split", ["validation", "test", "external"])
@pytest.mark.parametrize("make", ["binary", "multiclass", "minimal"])
def test_verdict_is_three_sentences(make, split):
    results = getattr(evaluation_results, f"make_{make}")()
    results["data"]["split"] = split
    found = verdict.sentences(results)
    assert len(found) == 3
    for sentence in found:
        assert sentence.endswith(".") and ". " not in sentence
        assert sentence[0].isupper() and "None" not in sentence
        assert "  " not in sentence


def test_first_sentence_has_the_figures_with_their_intervals(results):
    first = verdict.sentences(results)[0]
    for name in ("auc", "sensitivity", "specificity"):
        figure = words.find(results["figures"], name)
        assert words.with_interval(figure) in first


def test_second_sentence_says_on_what_was_chosen(results):
    assert "chosen on these very images" in verdict.sentences(results)[1]
    results["data"]["split"] = "test"
    results["ledger"] = study_parts.make_ledger()
    assert "opened once, by 1 model" in verdict.sentences(results)[1]
    results["ledger"] = study_parts.make_ledger(3)
    assert "opened 3 times" in verdict.sentences(results)[1]
    results["ledger"] = study_parts.make_ledger(3, intact=False)
    assert "does not hold" in verdict.sentences(results)[1]


@pytest.mark.parametrize(
    "weights, monitor, chosen_on, said",
    [
        ("best", "val_loss", "validation", "model and threshold were chosen"),
        ("best", "val_loss", "fixed", "since the model was chosen"),
        ("best", "epoch", "validation", "since the threshold was chosen"),
        ("last", "val_auc", "validation", "since the threshold was chosen"),
        ("best", "epoch", "fixed", "nothing was chosen on these images"),
        ("last", "val_auc", "fixed", "nothing was chosen on these images"),
        # Of a run from before there were monitors: by validation.
        ("best", None, "fixed", "since the model was chosen"),
    ],
)
def test_second_sentence_says_what_was_chosen(
    results, weights, monitor, chosen_on, said
):
    (run,) = results["model"]["runs"]
    settings = {**run["settings"], "monitor": monitor}
    if monitor is None:
        del settings["monitor"]
    run.update(weights=weights, settings=settings)
    results["threshold"]["chosen_on"] = chosen_on
    second = verdict.sentences(results)[1]
    assert said in second
    assert ("on these very images" in second) == ("nothing" not in said)


def test_one_chosen_model_of_an_ensemble_is_a_choice(results):
    (run,) = results["model"]["runs"]
    last = {**run, "settings": {"monitor": "epoch"}}
    results["threshold"] = None
    for runs, was_chosen in (([last, run], True), ([last, last], False)):
        results["model"] = {"runs": runs, "is_ensemble": True}
        second = verdict.sentences(results)[1]
        assert ("the model was chosen" in second) == was_chosen


def test_third_sentence_has_the_strongest_null_and_the_worst_film(results):
    third = verdict.sentences(results)[2]
    assert "8x8 thumbnail" in third
    assert results["robustness"]["worst"]["name"] in third
    assert "no images from another source" in third


def test_third_sentence_says_so_where_nothing_speaks_against_it(results):
    auc = results["figures"][0]["value"]
    results["data"]["split"] = "external"
    results["nulls"] = evaluation_checks.make_nulls(auc)[2:]
    results["nulls"][0]["auc"]["value"] = 0.51
    results["robustness"]["worst"] = {"name": "unchanged"}
    assert "Nothing that was measured" in verdict.sentences(results)[2]
    results["robustness"] = None
    assert "is not known" in verdict.sentences(results)[2]


def test_third_sentence_has_falling_rates_and_patients_of_training(results):
    """Also where the AUC holds, and where nothing else speaks against it."""
    results["data"]["split"] = "external"
    results["nulls"] = None
    results["robustness"]["worst"] = {"name": "unchanged"}
    for row in results["robustness"]["rows"][1:]:
        row["specificity"]["value"] = 0.1
    results["data"]["overlap"] |= {"patients": 3, "images": 1200}
    third = verdict.sentences(results)[2]
    assert third.startswith("Doubt remains because 1,200 images may be of")
    assert re.search(r"degraded films \(\w.*\) lower the specificity by", third)


@pytest.mark.parametrize("fall, is_said", [(0.05, True), (0.3, False)])
def test_third_sentence_has_the_rate_that_a_small_fall_hides(
    results, fall, is_said
):
    """As the cautions have: of the AUC alone where that falls far."""
    name = results["robustness"]["worst"]["name"]
    auc = words.model_auc(results)["value"]
    for row in results["robustness"]["rows"]:
        if row["name"] == name:
            row["auc"]["value"] = auc - fall
            row["specificity"]["value"] = 0.1
    third = verdict.sentences(results)[2]
    assert f"lower the AUC to {words.number(auc - fall)}" in third
    for said in (third, _said(results)):
        assert ("lower the specificity by" in said) == is_said


def test_accuracy_that_falls_under_a_degradation_is_told():
    results = evaluation_results.make_multiclass()
    results["robustness"]["worst"] = {"name": "unchanged"}
    assert "lower the accuracy" not in _said(results)
    results["robustness"]["rows"][3]["accuracy"]["value"] -= 0.3
    assert " Degraded films (JPEG 30) lower the accuracy by" in _said(results)


def test_no_doubt_where_there_is_none(results):
    for null in results["nulls"]:
        null["difference"].update(value=0.2, low=0.1, high=0.3)
    for name in ("auc", "sensitivity", "specificity"):
        figure = words.find(results["figures"], name)
        figure.update(low=figure["value"] - 0.01, high=figure["value"])
    assert cautions.find(results) == []


@pytest.mark.parametrize("auc, is_flagged", [(0.7, False), (0.71, True)])
def test_shift_opens_the_cautions_and_names_the_class(results, auc, is_flagged):
    results["shift"] = evaluation_checks.make_shift(
        ("normal", "pneumonia"), (0.5, auc)
    )
    results["data"]["overlap"] = {
        **results["data"]["overlap"],
        **{"seen": 2, "patients": 4, "images": 9},
    }
    first = cautions.find(results)[0]
    assert ("class pneumonia" in first) == is_flagged
    assert "has seen 2 of these" in _said(results)
    assert "9 of these" in _said(results)


@pytest.mark.parametrize("low, is_sure", [(0.4, False), (0.6, True)])
def test_shift_that_may_be_chance_is_no_certainty(results, low, is_sure):
    results["shift"] = evaluation_checks.make_shift(("normal",), (0.75,))
    results["shift"][0]["low"] = low
    said = cautions.find(results)[0]
    assert ("they are of another kind" in said) == is_sure
    assert ("they may be of another kind" in said) != is_sure
    third = verdict.sentences(results)[2]
    assert f"(AUC 0.750 [{low:.3f}, 0.800])" in third


def test_what_the_compared_model_has_seen_is_said(results):
    none = {"seen": 0, "images": 0, "patients": 0, "unknown": 0}
    for overlap, is_said in ((none, False), (none | {"seen": 3}, True)):
        results["comparison"] = {"overlap": overlap}
        said = " ".join(cautions.find(results))
        assert ("compared with has seen 3 of" in said) == is_said


def test_openings_and_tampering_are_told(results):
    results["ledger"] = study_parts.make_ledger(1)
    assert "opened" not in _said(results)
    results["ledger"] = study_parts.make_ledger(2)
    assert "opened 2 times, by 1 model" in _said(results)
    results["ledger"] = study_parts.make_ledger(2, intact=False)
    assert "line 2 was changed" in _said(results)


def test_few_patients_and_an_empty_class_are_told(results):
    few, none = results["data"]["classes"]
    few["num_patients"] = 99
    none.update(num_images=0, num_patients=0)
    assert "99 of normal." in _said(results)
    assert "no image of the class pneumonia" in _said(results)


@pytest.mark.parametrize(
    "value, low, words_of_it",
    [
        (0.03, -0.001, "it is not shown that the network is better"),
        (0.015, 0.01, "adds little"),
        (0.03, 0.01, ""),
    ],
)
def test_null_model_about_as_good_is_told(results, value, low, words_of_it):
    results["nulls"][0]["difference"].update(value=value, low=low)
    assert words_of_it in _said(results)
    assert ("null model" in _said(results)) == bool(words_of_it)


def test_collapse_under_a_degradation_is_told(results):
    row = results["robustness"]["rows"][3]
    row["specificity"]["value"] = 0.2
    assert "lower the specificity" in _said(results)
    assert row["name"] in _said(results)
    row["auc"]["value"] = 0.6
    results["robustness"]["worst"] = {"name": row["name"], "auc": row["auc"]}
    assert "lower the AUC" in _said(results) and "0.600" in _said(results)


def test_probabilities_that_are_not_calibrated_are_told(results):
    assert "not calibrated" not in _said(results)
    results["calibration"].update(after=None, method="none")
    assert "--calibrate=temperature" in _said(results)
    assert "probabilities are not calibrated" in _said(results)
    results["calibration"]["before"]["calibration_error"]["low"] = 0.0
    assert "probabilities may not be calibrated" in _said(results)


def test_null_model_that_is_better_is_told(results):
    results["nulls"][0]["difference"].update(value=-0.1, low=-0.2, high=-0.01)
    assert ": the network is worse (difference -0.100" in _said(results)
    assert "not shown that" not in _said(results)


def test_wide_interval_is_told(results):
    words.find(results["figures"], "specificity").update(low=0.6, high=0.99)
    assert "Wide intervals: specificity" in _said(results)
