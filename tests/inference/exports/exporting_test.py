"""Runs exported, and opened again as what they were."""

import dataclasses
import importlib.util
import io
import json
import types

from PIL import Image
import keras
import numpy as np
import pytest
import tensorflow as tf

from inference import examples as examples_lib
from inference import predictor as predictor_lib
from inference import scoring
from inference.exports import config as config_lib
from inference.exports import exporting
from inference.exports import keras_file
from inference.exports import libraries
from inference.exports import litert_file
from inference.exports import loading
from inference.exports import manifest as manifest_lib
from inference.exports import onnx_file
from inference.exports import self_test
from inference.exports import verification
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


def test_film_that_the_graph_cannot_read_is_counted(savedmodel, run):
    """The builder reads more: such a film is no reason to export nothing."""
    levels = np.random.default_rng(0).integers(0, 2, (80, 90)).astype(bool)
    films = []
    for file_format in ("BMP", "PNG"):
        buffer = io.BytesIO()
        Image.fromarray(levels).save(buffer, file_format)
        films.append(buffer.getvalue())
    manifest = manifest_lib.read(savedmodel)
    own = predictor_lib.of_run(run)
    found = verification._verify_films(manifest, own, films, 1e-5)
    assert found["num_refused_films"] == 1
    assert found["num_films"] == len(manifest.self_test) + 1
    # Records stand for films that are gone, and may be smaller than these.
    config = dataclasses.replace(own.config, name="", min_image_size=85)
    own = dataclasses.replace(own, config=config)
    found = verification._verify_films(manifest, own, films, 1e-5)
    assert found["num_refused_films"] == 0
    assert found["num_films"] == len(manifest.self_test)


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


@pytest.fixture
def changed_weights(monkeypatch):
    """Lets exports to Keras hold other weights than their runs."""
    write = keras_file.write

    def write_others(members, directory):
        model = members[0].model
        weights = model.get_weights()
        model.set_weights([weight * np.float32(1.001) for weight in weights])
        write(members, directory)
        model.set_weights(weights)

    monkeypatch.setattr(keras_file, "write", write_others)


@pytest.mark.usefixtures("changed_weights")
def test_nothing_is_left_where_scores_differ(trained, tmp_path):
    with pytest.raises(ValueError, match="does not say what the run says"):
        exports.export(trained[0], tmp_path / "out", "keras")
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("changed_weights")
def test_what_rounding_does_to_a_network_is_allowed(
    trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(verification, "rounding", lambda run, images: 1e-3)
    out = exports.export(trained[0], tmp_path / "out", "keras")
    content = json.loads((out / manifest_lib.FILE).read_text())
    assert 1e-5 < content["verified"]["largest_difference"] < 1e-2


@pytest.mark.usefixtures("changed_weights")
def test_export_is_held_to_what_it_said_itself(trained, tmp_path, monkeypatch):
    """It may differ from its run by more than from itself elsewhere."""
    monkeypatch.setattr(verification, "rounding", lambda run, images: 1e-3)
    monkeypatch.setattr(self_test, "TOLERANCE", 1e-7)
    out = exports.export(trained[0], tmp_path / "out", "keras")
    opened = loading.open_export(out)
    manifest = manifest_lib.read(out)
    found = self_test.predict(opened, manifest.read_tests())
    own = predictor_lib.open_predictor(trained[0] / "run")
    expected = self_test.predict(own, manifest.read_tests())
    for name, probabilities in manifest.self_test.items():
        np.testing.assert_array_equal(found[name], probabilities)
        assert np.abs(expected[name] - probabilities).max() > 1e-7


def test_rounding_is_what_the_network_makes_of_it(run):
    height, width, channels = run.image_shape
    shape = (8, height, width // 2, channels)
    images = np.random.default_rng(0).integers(1, 256, shape)
    # Neighbours are the same, and weighed against each other: even odds.
    images = np.repeat(images, 2, axis=2).astype(np.uint8)
    inputs = keras.Input(run.image_shape)
    features = keras.layers.Flatten()(inputs)
    head = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(inputs, head(features))
    weights = np.zeros(head.kernel.shape)
    weights[::2, 0], weights[1::2, 0] = 100, -100
    head.set_weights([weights, np.zeros(2)])
    loud = dataclasses.replace(run, model=model)
    assert verification.rounding(run, images) < 1e-6
    assert verification.rounding(loud, images) > 1e-5


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
