"""The model card: metadata that YAML reads, text that Markdown reads."""

import pytest

from evaluation.report import card
from tests.helpers import evaluation_results

yaml = pytest.importorskip("yaml")

# https://github.com/huggingface/huggingface_hub: modelcard_template.md
_SECTIONS = (
    *("Model Details", "Uses", "Bias, Risks, and Limitations"),
    *("How to Get Started with the Model", "Training Details", "Evaluation"),
    *("Model Examination", "Technical Specifications", "Model Card Contact"),
)


def _split(text):
    start, metadata, body = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(metadata), body


def test_metadata_has_the_structure_of_the_hub():
    results = evaluation_results.make_binary(split="test")
    metadata, _ = _split(card.render(results))
    assert metadata["library_name"] == "keras"
    assert metadata["pipeline_tag"] == "image-classification"
    (model,) = metadata["model-index"]
    (result,) = model["results"]
    assert model["name"] == "lesson"
    assert result["task"]["type"] == "image-classification"
    assert result["dataset"]["split"] == "test"
    assert {"type", "name"} <= set(result["dataset"])
    found = {each["type"]: each["value"] for each in result["metrics"]}
    values = {each["name"]: each["value"] for each in results["figures"]}
    assert found["roc_auc"] == values["auc"]
    assert found["recall"] == values["sensitivity"]
    assert set(metadata["metrics"]) == set(found)


@pytest.mark.parametrize("make", ["binary", "multiclass", "minimal"])
def test_all_sections_are_there(make):
    results = getattr(evaluation_results, f"make_{make}")()
    _, body = _split(card.render(results))
    places = [body.index(f"\n## {section}\n") for section in _SECTIONS]
    assert places == sorted(places)
    assert "must not guide the treatment" in body


def test_intervals_nulls_and_degradations_stand_in_tables():
    results = evaluation_results.make_binary()
    _, body = _split(card.render(results))
    auc = results["figures"][0]
    assert f"| AUC | {auc['value']:.3f} [{auc['low']:.3f}, " in body
    assert "| 8x8 thumbnail | " in body and "| JPEG 30 | " in body


@pytest.mark.parametrize(
    "export, told",
    [
        (None, ""),
        ({"threshold": 0.43}, ""),
        ({"threshold": 0.43, "rule": "0.43"}, ""),
        ({"threshold": 0.4, "rule": "specificity>=0.9"}, ""),
        (
            {"threshold": 0.43, "rule": "specificity>=0.9"},
            " It is that of the export, whose rule is specificity\\>=0.9.",
        ),
    ],
)
def test_rule_of_an_export_is_told(export, told):
    """What is evaluated is a number, whatever it was chosen by."""
    results = evaluation_results.make_binary(20)
    results["threshold"] |= {"rule": "0.43", "value": 0.43}
    (run,) = results["model"]["runs"]
    named = {"directory": "OUT", "format": "onnx", "sha256": "ab"}
    run["export"] = export and named | export
    _, body = _split(card.render(results))
    [line] = [each for each in body.split("\n") if "Threshold 0.43" in each]
    assert line.endswith(f"chosen on validation.{told}")
    assert f"{line}\n\n### Results\n" in body


@pytest.mark.parametrize(
    "hostile",
    ["<img src=x onerror=alert(1)>", "a|b", "[x](javascript:alert(1))"]
    + ["# head\n---\nlicense: mit", "\x00\x85\x7f: {", "`code` &lt;"],
)
def test_hostile_names_are_text(hostile):
    results = evaluation_results.make_binary(40, names=(hostile, "p"))
    results["data"]["name"] = hostile
    results["versions"] = {hostile: hostile}
    metadata, body = _split(card.render(results))
    assert metadata["license"] == "unknown"
    printable = "".join(c if c.isprintable() else " " for c in hostile)
    dataset = metadata["model-index"][0]["results"][0]["dataset"]
    assert dataset["name"] == printable
    assert "<img" not in body.replace("\\<img", "")
    assert "[x](" not in body and "\n---" not in body


def test_network_that_is_loaded_is_not_taken_for_what_has_the_figures():
    results = evaluation_results.make_binary(20)
    assert "figures of this card are" not in card.render(results)
    (run,) = results["model"]["runs"]
    ensemble = {"runs": [run, run], "is_ensemble": True}
    body = card.render({**results, "model": ensemble})
    assert "of the mean of the probabilities of 2 networks" in body
    assert "### Training Procedure\n\nOf the first network:\n\n- model" in body
    run["export"] = {"format": "onnx", "sha256": "a", "threshold": 0.43}
    assert "are of the export (onnx)" in card.render(results)
