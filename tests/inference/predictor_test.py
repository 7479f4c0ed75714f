"""A film's bytes are scored as `evaluate.py` scores its record."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation import calibration
from evaluation import thresholds
from inference import examples as examples_lib
from inference import network_parts
from inference import operating_point
from inference import output
from inference import predictor as predictor_lib
from inference import runs
from inference import scoring
from tests.helpers import predictors
from tests.helpers import trained_runs
from xray_tfds.decode import errors


def store(workdir, run, **changes):
    content = {
        "threshold": {
            **{"schema": 1, "rule": "youden", "value": 0.4, "low": 0.3},
            **{"high": 0.6, "chosen_on": "validation", "reason": ""},
            **{"data_fingerprint": "abc", "model_sha256": run.sha256},
        },
        "temperature": {"value": 2.0, "reason": "", "model_sha256": run.sha256},
    }
    path = workdir / operating_point.FILE
    path.write_text(json.dumps(content | changes))
    return path


@pytest.mark.parametrize("split", ["train", "validation"])
def test_files_are_scored_as_their_records_bit_for_bit(trained, run, split):
    root, _ = trained
    examples = examples_lib.open_split(run, split)
    expected = scoring.score(run, examples)
    predictor = predictor_lib.open_predictor(root / "run")
    folder = root / "films" / split
    images = np.stack(
        [
            predictor.prepare((folder / key).read_bytes())
            for key in expected.keys.tolist()
        ]
    )
    # However they are grouped.
    for parts in (1, 3, len(images)):
        found = [
            prediction
            for part in np.array_split(images, parts)
            for prediction in predictor.predict(part)
        ]
        np.testing.assert_array_equal(
            [each.probabilities for each in found], expected.probabilities
        )
    assert len({each.probabilities[1] for each in found}) > 10


def test_no_images_have_no_predictions(trained):
    predictor = predictor_lib.open_predictor(trained[0] / "run")
    assert predictor.predict(np.zeros((0, 64, 64, 1), np.uint8)) == []


@pytest.mark.parametrize("precision", ["none", "bfloat16"])
def test_features_cost_no_bit_of_the_probabilities(
    trained, tmp_path, precision
):
    """They are computed along with them, by the parts of the network."""
    import tensorflow as tf

    import pipeline

    root, _ = trained
    trained_runs.train(
        root, tmp_path, model="residual", epochs=1, mixed_precision=precision
    )
    run = runs.open_run(tmp_path)
    images = next(examples_lib.open_split(run, "validation").batches(8))

    @tf.function
    def whole(images):
        features = {"image": images, "params": {}}
        return run.model(
            pipeline.augment_features(features, run.augment, run.statistics),
            training=False,
        )

    probabilities, features = run.outputs(tf.constant(images))
    np.testing.assert_array_equal(probabilities, whole(tf.constant(images)))
    head = network_parts.split(run.model).head
    logits = features.numpy() @ head.kernel.numpy() + head.bias.numpy()
    np.testing.assert_allclose(
        np.log(probabilities[:, 1] / probabilities[:, 0]),
        logits[:, 1] - logits[:, 0],
        atol=1e-4,
    )


def test_without_a_threshold_half_is_used_and_said(workdir):
    predictor = predictor_lib.open_predictor(workdir)
    assert (predictor.threshold, predictor.temperature) == (0.5, None)
    assert "from 0.5 on" in predictor.note
    assert f"evaluate.py --workdir={workdir}" in predictor.remedy
    assert predictor.advice == f"{predictor.note} {predictor.remedy}"
    # It is on the page of a service, and in an export.
    assert str(workdir.parent) not in predictor.note


def test_stored_threshold_and_temperature_are_used(workdir, run):
    store(workdir, run)
    predictor = predictor_lib.open_predictor(workdir)
    assert (predictor.threshold, predictor.temperature) == (0.4, 2.0)
    assert not predictor.note
    images = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 1))
    found = predictor.predict(images.astype(np.uint8))
    own = np.array([each.probabilities for each in found])
    np.testing.assert_array_equal(
        [each.decision for each in found], own[:, 1] >= 0.4
    )
    odds = np.log(own[:, 1] / own[:, 0]) / 2
    np.testing.assert_allclose(
        [each.calibrated[1] for each in found], 1 / (1 + np.exp(-odds))
    )


def test_what_evaluate_writes_is_read(workdir):
    """The whole way, through the file."""
    from evaluation import assessment
    from inference import ensemble as ensemble_lib

    ensemble = ensemble_lib.Ensemble([str(workdir)])
    subject = ensemble.score(
        lambda run: examples_lib.open_split(run, "validation")
    )
    point = assessment.choose(
        subject.scores,
        rule=thresholds.parse("youden"),
        calibrate="temperature",
        num_rounds=10,
    )
    output.keep_operating_point(ensemble, point, subject)
    predictor = predictor_lib.open_predictor(workdir)
    assert predictor.threshold == point.threshold
    assert predictor.temperature == point.temperature.value


def test_calibration_that_was_refused_is_no_temperature(workdir, run):
    reason = "Not calibrated: no image of validation is classified wrongly."
    refused = {"value": 1.0, "reason": reason, "model_sha256": run.sha256}
    store(workdir, run, temperature=refused)
    predictor = predictor_lib.open_predictor(workdir)
    assert predictor.temperature is None and predictor.note == reason
    assert predictor.threshold == 0.4
    # The next evaluation tries again.
    assert operating_point.read_rule(workdir) == ("youden", "temperature")


def test_threshold_of_other_weights_is_refused(workdir, run):
    store(workdir, run)
    with pytest.raises(ValueError, match="for other weights.*--model"):
        predictor_lib.open_predictor(workdir, weights="last")


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": None},
        {"threshold": []},
        {"temperature": {"value": "hot"}},
        {"temperature": {"value": -1}},
        {"temperature": {"value": 1e9}},
        {"temperature": 7},
    ],
)
def test_damaged_threshold_is_refused(changes, workdir, run):
    path = store(workdir, run, **changes)
    with pytest.raises(ValueError, match="damaged or of another version"):
        predictor_lib.open_predictor(workdir)
    path.write_text("{")
    with pytest.raises(ValueError, match="damaged or of another version"):
        predictor_lib.open_predictor(workdir)


def test_threshold_that_is_no_number_is_refused(workdir, run):
    """By which every film would be of the first class."""
    path = store(workdir, run)
    content = json.loads(path.read_text())
    content["threshold"]["value"] = None
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="damaged.*no number.*evaluate.py"):
        predictor_lib.open_predictor(workdir)


def test_more_classes_need_no_threshold():
    names = ("a", "b", "c")
    scores = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    predictor = predictors.make(
        class_names=names,
        threshold=None,
        temperature=3.0,
        score=lambda images: predictor_lib.Outputs(scores),
    )
    found = predictor.predict(np.zeros((2, *predictors.SHAPE), np.uint8))
    assert [each.decision for each in found] == [1, 0]
    np.testing.assert_array_equal(
        [each.calibrated for each in found], calibration.apply(scores, 3.0)
    )


def test_images_of_another_shape_or_kind_are_refused():
    predictor = predictors.make()
    for images in (
        np.zeros((1, 32, 33, 1), np.uint8),
        np.zeros((1, 32, 32, 1), np.float32),
    ):
        with pytest.raises(ValueError, match="`images` must be uint8"):
            predictor.predict(images)


def test_bad_file_is_named_by_its_reason():
    with pytest.raises(errors.BadFile, match="not an image"):
        predictors.make().prepare(b"text")


def test_run_of_other_records_is_refused(workdir):
    path = workdir / "model.json"
    info = json.loads(path.read_text())
    del info["dataset"]["harmonize"]
    path.write_text(json.dumps(info))
    with pytest.raises(ValueError, match="were not prepared by xray_tfds"):
        predictor_lib.open_predictor(workdir)


def test_predictor_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        predictors.make().threshold = 0.1
