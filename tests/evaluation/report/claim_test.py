"""CLAIM: 42 items, answered where the results hold the answer and nowhere."""

import pytest

from evaluation.report import claim
from evaluation.report import page
from tests.helpers import evaluation_results


def _answered(results):
    return {
        item["number"]
        for item in claim.answer(results)
        if item["status"] == "answered"
    }


def _answers(results):
    return {item["item"]: item["answer"] for item in claim.answer(results)}


def test_there_are_42_items_in_order():
    items = claim.answer(evaluation_results.make_binary())
    assert [item["number"] for item in items] == list(range(1, 43))
    assert {item["status"] for item in items} == {"answered", "author"}
    assert len({item["item"] for item in items}) == 42


@pytest.mark.parametrize("make", ["binary", "multiclass"])
def test_at_least_26_are_answered(make):
    results = getattr(evaluation_results, f"make_{make}")()
    assert len(_answered(results)) >= 26


def test_what_only_the_author_knows_is_left_to_the_author():
    results = evaluation_results.make_binary(split="external")
    alone = {3, 8, 12, 14, 15, 16, 17, 18, 34, 39, 40, 41, 42}
    assert not alone & _answered(results)
    for item in claim.answer(results):
        assert (item["status"] == "author") == (item["where"] is None)
        assert (item["status"] == "author") == (item["answer"] == "")


@pytest.mark.parametrize("make", ["binary", "multiclass", "minimal"])
def test_answers_hold_no_holes(make):
    results = getattr(evaluation_results, f"make_{make}")()
    for item in claim.answer(results):
        assert "None" not in item["answer"].replace("None: one model", "")


@pytest.mark.parametrize(
    "key, numbers",
    [
        ("nulls", {4}),
        ("training", {6, 25, 35}),
        ("provenance", {7, 9, 10, 13, 20, 33}),
        ("robustness", {30}),
        ("cases", {31}),
        ("confusion", {37}),
        ("versions", {23}),
    ],
)
def test_without_the_results_there_is_no_answer(key, numbers):
    results = evaluation_results.make_binary()
    before = _answered(results)
    results[key] = None
    assert before - _answered(results) == numbers


def test_external_test_is_answered_by_an_external_set_only():
    assert 32 not in _answered(evaluation_results.make_binary(split="test"))
    results = evaluation_results.make_binary(split="external")
    assert 32 in _answered(results)


@pytest.mark.parametrize(
    "weights, monitor, said",
    [
        ("best", "val_loss", "Epoch 9: the best by val_loss on validation."),
        ("best", "epoch", "Epoch 9: the last, which --monitor=epoch keeps."),
        ("last", "val_loss", "Epoch 9: the last weights."),
        ("last", "epoch", "Epoch 9: the last weights."),
    ],
)
def test_choice_of_the_final_model_is_told(weights, monitor, said):
    results = evaluation_results.make_binary(20)
    (run,) = results["model"]["runs"]
    run.update(weights=weights, settings={"monitor": monitor})
    assert _answers(results)["Choice of the final model"] == said


@pytest.mark.parametrize("rescale", [0, None])
def test_no_factor_is_told_of_a_run_without_one(rescale):
    # As the recipes do that hold best on unlike films.
    results = evaluation_results.make_binary()
    item = "Preprocessing of the images"
    assert "multiplied by 0.00392157" in _answers(results)[item]
    run = results["model"]["runs"][0]
    run["settings"] = run["settings"] | {"rescale": rescale}
    assert "multiplied" not in _answers(results)[item]


def test_folder_of_another_source_is_one_set():
    """Whatever splits its build has dealt it into."""
    for split, is_one in (("test", False), ("external", True)):
        results = evaluation_results.make_binary(20, split=split)
        told = _answers(results)["Assignment to partitions"]
        assert ("All 20 images of the folder are one set." in told) == is_one
        assert ("train 400" in told) != is_one
        assert ("All splits of the build" in page.render(results)) != is_one


def test_ensemble_says_whose_training_is_told():
    results = evaluation_results.make_binary(20)
    (run,) = results["model"]["runs"]
    other = {**run, "settings": {**run["settings"], "seed": 7}}
    items = ("Details of the training", "Performance on all partitions")
    for runs in ([run], [run, other]):
        results["model"] = {"runs": runs, "is_ensemble": len(runs) > 1}
        answers = _answers(results)
        assert ("seed 7" in answers["Initial weights"]) == (len(runs) > 1)
        for item in items:
            is_said = "of the first network" in answers[item]
            assert is_said == (len(runs) > 1)


def test_ensemble_tells_each_epoch_and_whose_the_maps_are():
    results = evaluation_results.make_binary(20)
    (run,) = results["model"]["runs"]
    alone = _answers(results)["Explanation of decisions"]
    assert "first network" not in alone
    runs = [run, {**run, "weights": "last", "epoch": 12}]
    results["model"] = {"runs": runs, "is_ensemble": True}
    answers = _answers(results)
    assert answers["Choice of the final model"].endswith(
        "on validation. Epoch 12: the last weights."
    )
    assert answers["Explanation of decisions"].endswith("by the first network.")
