"""`evaluate.py --model=EXPORT`: what is measured is the export."""

import csv
import json
import types

import numpy as np
import pytest

from disk import hashing
from evaluation import thresholds
from inference import config as config_lib
from inference import ensemble as ensemble_lib
from inference import evidence
from inference import examples as examples_lib
from inference import scoring
from inference.exports import manifest as manifest_lib
from tests.helpers import synthetic_scores
from training.config import options

# Of a probability: `exporting_test` has what each format keeps to.
_TOLERANCE = 2e-6


def _open_validation(run):
    return examples_lib.open_split(run, "validation")


def _evaluate(workdir, **flags):
    config = options.make(
        config_lib.EvaluateConfig, {"workdir": str(workdir), **flags}
    )
    path = evidence.evaluate(config)
    with open(path.parent / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return path, json.loads((path.parent / "metrics.json").read_text()), rows


def test_export_is_asked_and_not_the_network(exported, trained, monkeypatch):
    _, directory = exported
    workdirs = [str(trained[0] / "run")]
    own = ensemble_lib.Ensemble(workdirs).score(_open_validation)
    (images,) = own.first.batches(64)
    ensemble = ensemble_lib.Ensemble(workdirs, model=str(directory))
    monkeypatch.setattr(scoring, "score_at_once", None)
    found = ensemble.score(_open_validation)
    assert found.scores.keys.tolist() == own.scores.keys.tolist()
    np.testing.assert_allclose(
        found.scores.probabilities, own.scores.probabilities, atol=_TOLERANCE
    )
    order = np.argsort(found.first.keys)
    np.testing.assert_allclose(
        ensemble.predict([0], images)[order],
        found.scores.probabilities,
        atol=_TOLERANCE,
    )


def test_report_says_which_export_and_the_run_is_used_as_before(
    keras_export, workdir
):
    _, own, own_rows = _evaluate(workdir, threshold="youden")
    point = (workdir / "operating_point.json").read_bytes()
    path, found, rows = _evaluate(
        workdir,
        threshold="youden",
        calibrate="temperature",
        model=str(keras_export),
        compare=str(workdir),
    )
    assert (workdir / "operating_point.json").read_bytes() == point
    # Before calibration: Keras loses no bit.
    columns = [name for name in own_rows[0] if "calibrated" not in name]
    assert len(columns) > 3
    assert [[row[c] for c in columns] for row in rows] == [
        [row[c] for c in columns] for row in own_rows
    ]
    assert found["threshold"]["value"] == own["threshold"]["value"]
    assert found["threshold"]["chosen_on"] == "validation"
    assert found["comparison"]["auc_difference"]["value"] == 0
    digest = hashing.hash_file(keras_export / manifest_lib.FILE)
    assert own["model"]["runs"][0]["export"] is None
    threshold = manifest_lib.read(keras_export).threshold
    assert found["model"]["runs"][0]["export"] == {
        "threshold": threshold,
        "rule": "0.5",
        "directory": str(keras_export),
        "format": "keras",
        "sha256": digest,
    }
    assert found["title"].startswith("An export (keras) of one network")
    for name in ("report.html", "model_card.md"):
        text = (path.parent / name).read_text()
        assert digest in text and "keras" in text


def test_export_is_measured_as_it_decides(keras_export, workdir):
    """Whatever was chosen for its run since."""
    _evaluate(workdir, threshold="sensitivity>=1", calibrate="temperature")
    _, found, _ = _evaluate(workdir, model=str(keras_export))
    export = manifest_lib.read(keras_export)
    assert found["threshold"]["value"] == export.threshold == 0.5
    assert found["calibration"]["method"] == "none"
    assert "The export itself" not in " ".join(found["cautions"])
    _, found, _ = _evaluate(
        workdir, model=str(keras_export), threshold="sensitivity>=1"
    )
    assert "The export itself decides from 0.5" in " ".join(found["cautions"])


@pytest.mark.parametrize(
    "threshold, chosen_on",
    [(0.5, "fixed"), (0.31, "validation"), (0.0, "validation")],
)
def test_threshold_of_an_export_was_chosen_on_validation(
    threshold, chosen_on, rng
):
    """But for .5, which nobody has chosen."""
    point = evidence._choose_of_export(
        config_lib.EvaluateConfig(),
        types.SimpleNamespace(threshold=threshold, temperature=1.0, rule=None),
        types.SimpleNamespace(scores=synthetic_scores.make(rng)),
    )
    assert point.threshold == threshold and point.temperature is None
    assert point.chosen.chosen_on == chosen_on
    # How other patients would have moved it, the export does not say.
    assert np.isnan(point.chosen.low) == (chosen_on == "validation")


def test_number_that_the_run_keeps_was_not_chosen_on_validation(rng):
    kept = thresholds.parse("0.31")
    point = evidence._choose_of_export(
        config_lib.EvaluateConfig(),
        types.SimpleNamespace(threshold=0.31, temperature=None, rule=None),
        types.SimpleNamespace(scores=synthetic_scores.make(rng)),
        kept,
    )
    assert (point.chosen.chosen_on, point.chosen.high) == ("fixed", 0.31)


@pytest.mark.parametrize(
    "rule, chosen_on",
    [("0.31", "fixed"), ("youden", "validation"), ("0.5", "fixed")],
)
@pytest.mark.parametrize("kept", ["youden", "0.31", "0.5"])
def test_export_says_whether_its_threshold_was_chosen(
    rule, chosen_on, kept, rng
):
    """Whatever its run decides by since."""
    threshold = 0.5 if rule == "0.5" else 0.31
    point = evidence._choose_of_export(
        config_lib.EvaluateConfig(),
        types.SimpleNamespace(threshold=threshold, temperature=None, rule=rule),
        types.SimpleNamespace(scores=synthetic_scores.make(rng)),
        thresholds.parse(kept),
    )
    assert point.threshold == threshold
    assert point.chosen.chosen_on == chosen_on
    assert np.isnan(point.chosen.high) == (chosen_on == "validation")


def test_export_of_another_run_is_refused(keras_export, second):
    with pytest.raises(ValueError, match="of other weights than best of .*sec"):
        ensemble_lib.Ensemble([str(second)], model=str(keras_export))
