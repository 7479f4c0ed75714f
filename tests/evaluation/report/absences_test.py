"""What the page says where something was not done, or not by all."""

import copy

import pytest

from evaluation.report import cautions
from evaluation.report import claim_model
from evaluation.report import page
from tests.helpers import evaluation_results
from tests.helpers import report_inputs


@pytest.fixture(scope="module", name="results")
def fixture_results():
    return evaluation_results.make_binary(split="test")


def test_calibration_that_was_refused_says_why(results):
    results = copy.deepcopy(results)
    results["calibration"] |= {
        **{"method": "temperature", "temperature": None, "after": None},
        **{"fitted_on": None, "reason": "Not calibrated: for this reason."},
    }
    text = page.render(results)
    assert "Not calibrated: for this reason." in text
    assert "One temperature" not in text and "were left as" not in text


@pytest.mark.parametrize("unknown, badge", [(0, "apart"), (3, "not known")])
def test_patients_are_apart_only_where_somebody_looked(results, unknown, badge):
    results = copy.deepcopy(results)
    results["data"]["overlap"]["unknown"] = unknown
    text = page.render(results)
    for each in ("apart", "not known"):
        assert (f">{each}</span>" in text) == (each == badge)
    told = " ".join(cautions.find(results))
    assert (f"Of {unknown} of these" in told) == bool(unknown)


def test_why_the_originals_were_not_degraded_is_told(results):
    assert (
        "as decoded from its file"
        in report_inputs.Page(page.render(results)).text
    )
    reason = "Films were changed as the records hold them: 2 of 9 <are> gone."
    robustness = {
        **results["robustness"],
        **{"measured_on": "records", "reason": reason},
    }
    other = page.render({**results, "robustness": robustness})
    read = report_inputs.Page(other).text
    assert reason in read and "as decoded from its file" not in read


def test_maps_of_an_ensemble_are_those_of_its_first_network():
    results = evaluation_results.make_binary(20)
    alone = report_inputs.Page(page.render(results)).text
    assert "where the network looked for its decision" in alone
    (run,) = results["model"]["runs"]
    runs = [run, {**run, "workdir": "runs/residual"}]
    ensemble = {"runs": runs, "is_ensemble": True}
    read = report_inputs.Page(page.render({**results, "model": ensemble})).text
    assert "where the first of the 2 networks ( runs/lesson ) alone" in read
    assert "where the network looked for its decision" not in read


def test_maps_beside_the_decisions_of_an_export_are_its_runs():
    results = evaluation_results.make_binary(20)
    export = {"directory": "OUT", "format": "onnx", "threshold": 0.5}
    run = {**results["model"]["runs"][0], "export": {**export, "sha256": "a"}}
    model = {**results["model"], "runs": [run]}
    results = {**results, "model": model}
    read = report_inputs.Page(page.render(results)).text
    assert "the network of the run itself, not that of the export" in read
    assert "where the network looked for its decision" not in read
    _, told = claim_model.explanation(results)
    assert told.endswith("images, by the run's own network.")


def test_calibration_that_an_export_has_not_is_a_caution():
    results = evaluation_results.make_binary(20)
    (run,) = results["model"]["runs"]
    value = results["threshold"]["value"]
    run["export"] = {"directory": "OUT", "threshold": value}
    assert "for this report alone" not in " ".join(cautions.find(results))
    results["flags"]["calibrate"] = "temperature"
    told = " ".join(cautions.find(results))
    assert "for this report alone, as --calibrate=temperature says" in told
    results["flags"]["calibrate"] = "none"
    told = " ".join(cautions.find(results))
    assert (
        "are not calibrated for this report alone, as --calibrate=none" in told
    )
    run["export"] = None
    assert "for this report alone" not in " ".join(cautions.find(results))


def test_a_class_without_images_has_no_curve():
    results = evaluation_results.make_binary(20)
    nothing = {"roc": None, "precision_recall": None}
    text = page.render({**results, "curves": nothing})
    assert "No curve can be drawn." in text and "ROC curve" not in text
    results = evaluation_results.make_multiclass(24)
    curves = {**results["curves"], "bacteria": nothing}
    assert "ROC curves" in page.render({**results, "curves": curves})


@pytest.mark.parametrize(
    "threshold, said",
    [(0.43, None), (0.4300001, None), (0.4306, "0.4306 on, not from 0.43,")],
)
def test_threshold_of_an_export_that_rounds_otherwise_is_the_same(
    threshold, said
):
    results = evaluation_results.make_binary(20)
    (run,) = results["model"]["runs"]
    run["export"] = {"format": "onnx", "threshold": threshold}
    told = " ".join(cautions.find(results))
    assert ("The export itself decides" in told) == bool(said)
    assert said is None or said in told
