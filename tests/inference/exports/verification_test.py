"""What is compared of an export before it is there."""

import dataclasses
import io
import json

from PIL import Image
import keras
import numpy as np
import pytest

from inference import predictor as predictor_lib
from inference.exports import keras_file
from inference.exports import loading
from inference.exports import manifest as manifest_lib
from inference.exports import self_test
from inference.exports import verification
from tests.helpers import exports


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
    asked = []

    def rounding(run, images):
        asked.append(len(images))
        return 1e-3

    monkeypatch.setattr(verification, "rounding", rounding)
    out = exports.export(trained[0], tmp_path / "out", "keras")
    content = json.loads((out / manifest_lib.FILE).read_text())
    verified = content["verified"]
    assert 1e-5 < verified["largest_difference"] < 1e-2
    # Drawn films as well, of which a network is less sure than of its own.
    assert asked == [verified["num_images"] + len(content["self_test"])]


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


@pytest.mark.parametrize(
    "change",
    [{"threshold": 1.0}, {"temperature": 2.0}]
    + [{"class_names": ("pneumonia", "normal")}],
    ids=str,
)
def test_graph_that_makes_something_else_of_scores_is_refused(
    savedmodel, run, change
):
    manifest = manifest_lib.read(savedmodel)
    own = predictor_lib.of_run(run)
    verification._verify_films(manifest, own, [], 1e-5)
    other = dataclasses.replace(own, **change)
    with pytest.raises(ValueError, match="does not decide as the run does"):
        verification._verify_films(manifest, other, [], 1e-5)
