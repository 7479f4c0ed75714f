"""Runs exported, and opened again as what they were."""

import dataclasses
import importlib.util
import json
import re
import types

import numpy as np
import pytest
import tensorflow as tf

from inference import examples as examples_lib
from inference import predictor as predictor_lib
from inference import scoring
from inference.exports import config as config_lib
from inference.exports import exporting
from inference.exports import libraries
from inference.exports import litert_file
from inference.exports import loading
from inference.exports import manifest as manifest_lib
from inference.exports import onnx_file
import pipeline
from tests.helpers import exports
from tests.helpers import processes
from tests.helpers import programs

# Format -> largest difference of a probability, on the CPU that exported it.
_DIFFERENCES = {"savedmodel": 0, "keras": 0, "onnx": 2e-6, "litert": 2e-6}


def test_export_says_what_evaluate_says(exported, run):
    format_name, directory = exported
    opened = loading.open_export(directory)
    own = predictor_lib.of_run(run)
    assert (opened.class_names, opened.image_shape) == (
        run.class_names,
        run.image_shape,
    )
    assert (opened.threshold, opened.temperature) == (
        own.threshold,
        own.temperature,
    )
    examples = examples_lib.open_split(run, "validation")
    scores = scoring.score(run, examples)
    images = examples.read_images(scores.keys.tolist())
    predictions = opened.predict(images)
    found = np.stack([p.probabilities for p in predictions])
    difference = np.abs(found - scores.probabilities).max()
    assert difference <= _DIFFERENCES[format_name]
    # What is said of an image does not depend on the others.
    [alone] = opened.predict(images[:1])
    np.testing.assert_array_equal(alone.probabilities, found[0])
    assert [p.decision for p in predictions] == [
        p.decision for p in own.predict(images)
    ]


@pytest.mark.parametrize("exported", ["litert"], indirect=True)
def test_one_image_is_no_work_of_a_batch(exported, monkeypatch):
    """LiteRT is for small machines, and works on image after image."""
    load, worked = litert_file.load, []

    def load_counting(manifest):
        compute = load(manifest)

        def count(images):
            worked.append(len(images))
            return compute(images)

        return count

    monkeypatch.setattr(litert_file, "load", load_counting)
    opened = loading.open_export(exported[1])
    assert opened.batch_size == 8
    worked.clear()
    opened.predict(np.zeros((3, *opened.image_shape), np.uint8))
    assert sum(worked) == 3


def test_manifest_says_what_was_compared(exported):
    format_name, directory = exported
    content = json.loads((directory / manifest_lib.FILE).read_text())
    assert content["format"] == format_name
    verified = content["verified"]
    assert verified["largest_difference"] <= _DIFFERENCES[format_name]
    assert verified["num_images"] == 22
    assert content["files"] == manifest_lib.digests(directory)
    assert {test["file"] for test in content["self_test"]} < set(
        content["files"]
    )
    for name in ("intended_use", "limits", "data", "versions", "input"):
        assert content[name]


def test_films_are_prepared_by_the_builders_decoder(exported, trained):
    _, directory = exported
    path = next((trained[0] / "films").rglob("*.png"))
    own = predictor_lib.open_predictor(trained[0] / "run")
    opened = loading.open_export(directory)
    data = path.read_bytes()
    np.testing.assert_array_equal(opened.prepare(data), own.prepare(data))


@pytest.mark.parametrize("format_name", ["onnx", "litert"])
def test_format_without_tensorflow_loads_none(format_name, trained, tmp_path):
    exports.skip_without(format_name)
    directory = exports.export(trained[0], tmp_path / "out", format_name)
    film = next((trained[0] / "films").rglob("*.png"))
    program = (
        "import sys, pathlib, numpy as np;"
        "from inference.exports import loading;"
        f"predictor = loading.open_export({str(directory)!r});"
        f"image = predictor.prepare(pathlib.Path({str(film)!r}).read_bytes());"
        "[found] = predictor.predict(image[np.newaxis]);"
        "assert found.decision in (0, 1);"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert programs.run("-c", program).stdout.splitlines()[-1] == "[]"


def test_savedmodel_needs_tensorflow_alone(savedmodel, run, trained):
    own = predictor_lib.of_run(run)
    films = sorted((trained[0] / "films" / "validation").rglob("*.png"))
    data = [film.read_bytes() for film in films]
    images = np.stack([own.prepare(each) for each in data])
    signatures = tf.saved_model.load(str(savedmodel)).signatures
    found = signatures["serving_default"](image_bytes=tf.constant(data))
    expected = own.predict(images)
    np.testing.assert_allclose(
        found["probabilities"],
        np.stack([p.probabilities for p in expected]),
        atol=2e-6,
    )
    assert found["decision"].numpy().tolist() == [p.decision for p in expected]
    assert found["class_names"].numpy().tolist() == [
        [b"normal", b"pneumonia"]
    ] * len(films)
    same = signatures["serve_images"](images=tf.constant(images))
    for name, values in found.items():
        np.testing.assert_array_equal(values, same[name])


def test_map_of_an_export_is_that_of_its_run(savedmodel, run):
    images = examples_lib.open_split(run, "validation")
    images = next(images.batches(8))
    own, opened = predictor_lib.of_run(run), loading.open_export(savedmodel)
    classes = np.arange(len(images)) % 2
    np.testing.assert_allclose(
        opened.maps(images, classes), own.maps(images, classes), atol=1e-5
    )
    signatures = tf.saved_model.load(str(savedmodel)).signatures
    found = signatures["explain"](images=tf.constant(images))
    np.testing.assert_allclose(
        found["activation_map"],
        own.maps(images, found["decision"].numpy()),
        atol=1e-5,
    )


def test_threshold_and_temperature_are_in_the_graph(workdir, tmp_path):
    """Chosen by evaluate.py, and applied as by `calibration.apply`."""
    own = predictor_lib.open_predictor(workdir)
    fixed = {"rule": "0.3", "value": 0.3, "low": 0.3, "high": 0.3}
    threshold = {
        **fixed,
        **{"schema": 1, "reason": "", "data_fingerprint": ""},
        "model_sha256": own.sha256,
    }
    content = {
        "model_sha256": own.sha256,
        "threshold": threshold,
        "temperature": {"value": 2.5, "reason": ""},
    }
    (workdir / "operating_point.json").write_text(json.dumps(content))
    config = config_lib.ExportConfig(workdir=str(workdir))
    exporting.export(config, tmp_path / "out")
    own = predictor_lib.open_predictor(workdir)
    assert (own.threshold, own.temperature) == (0.3, 2.5)
    signatures = tf.saved_model.load(str(tmp_path / "out")).signatures
    images = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 1))
    images = images.astype(np.uint8)
    found = signatures["serve_images"](images=tf.constant(images))
    expected = own.predict(images)
    np.testing.assert_allclose(
        found["calibrated"],
        np.stack([p.calibrated for p in expected]),
        atol=2e-6,
    )
    assert not np.allclose(found["calibrated"], found["probabilities"], 1e-3)
    assert found["decision"].numpy().tolist() == [p.decision for p in expected]


def test_rule_of_the_threshold_goes_along(workdir, tmp_path, capsys):
    """A threshold says little to who does not know what it was chosen for."""
    own = predictor_lib.open_predictor(workdir)
    assert own.rule == "0.5"
    threshold = {
        **{"schema": 1, "rule": "sensitivity>=0.95", "value": 0.3},
        **{"low": 0.2, "high": 0.4, "reason": "", "data_fingerprint": ""},
        "model_sha256": own.sha256,
    }
    content = {"threshold": threshold, "temperature": None}
    (workdir / "operating_point.json").write_text(json.dumps(content))
    config = config_lib.ExportConfig(workdir=str(workdir), format="keras")
    exporting.export(config, tmp_path / "out")
    told = "From 0.3 on it decides on pneumonia.*threshold=sensitivity>=0.95"
    assert re.search(told, capsys.readouterr().out)
    opened = loading.open_export(tmp_path / "out")
    assert (opened.threshold, opened.rule) == (0.3, "sensitivity>=0.95")
    # An export of an earlier version does not say.
    exports.rewrite(tmp_path / "out", lambda c: c["decision"].pop("rule"))
    assert loading.open_export(tmp_path / "out").rule is None


def test_convnext_has_no_onnx():
    class Run:
        network = "ConvNeXtTiny"

    with pytest.raises(ValueError, match="ConvNeXtTiny.*--format=litert"):
        onnx_file.check(Run())


@pytest.mark.parametrize(
    "flags",
    [
        ["samplewise_center"],
        ["samplewise_center", "samplewise_std_normalization"],
        ["featurewise_center", "zca_whitening"],
    ],
)
def test_images_normalised_in_float64_have_no_litert(flags, run):
    augment = pipeline.AugmentConfig(**dict.fromkeys(flags, True))
    with pytest.raises(ValueError, match=f"--format=onnx.*{flags[-1]}"):
        litert_file.check(dataclasses.replace(run, augment=augment))


@pytest.mark.parametrize("format_name", ["onnx", "litert"])
def test_local_contrast_is_in_the_file(format_name, run, tmp_path):
    exports.skip_without(format_name)
    augment = pipeline.AugmentConfig(local_contrast_normalization=True)
    run = dataclasses.replace(run, augment=augment)
    module = {"onnx": onnx_file, "litert": litert_file}[format_name]
    module.write([run], tmp_path)
    manifest = types.SimpleNamespace(
        directory=tmp_path,
        image_shape=run.image_shape,
        read=lambda name: (tmp_path / name).read_bytes(),
    )
    images = np.random.default_rng(0).integers(
        0, 256, (4, *run.image_shape), np.uint8
    )
    np.testing.assert_allclose(
        module.load(manifest)(images), run.predict(images), atol=1e-4
    )


@pytest.mark.parametrize("format_name", ["onnx", "litert"])
def test_missing_extra_is_named(format_name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = rf"pip install 'xray-tfds\[{format_name}\]'"
    for check in (libraries.check_writer, libraries.check_runtime):
        with pytest.raises(ValueError, match=message):
            check(format_name)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "One directory to write to must be named"),
        (["--format=torch", "OUT"], "--format=torch: value should be one"),
        (["--workdir=none", "OUT"], "no such directory"),
    ],
)
def test_mistakes_are_sentences(arguments, message, tmp_path):
    program = processes.ROOT / "export.py"
    result = programs.run(program, *arguments, cwd=tmp_path, check=False)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not any(tmp_path.iterdir())
