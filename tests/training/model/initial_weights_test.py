"""Initial weights from files that Keras wrote."""

import errno
import os
import zipfile

import h5py
import keras
from keras.src.applications import efficientnet
from keras.src.legacy.saving import legacy_h5_format
import numpy as np
import pytest

from training import model
from training.config import weight_files
from training.loop import strategy as strategy_lib

SHAPE = (64, 64, 1)
SUFFIXES = (".keras", ".weights.h5")

# A flat list of layers, a graph of them, and a network in a network.
LIKE = [
    ("lesson", ".keras"),
    ("lesson", ".weights.h5"),
    ("residual", ".keras"),
    ("residual", ".weights.h5"),
    ("MobileNetV3Small", ".keras"),
]


def build(name="residual", num_classes=2, seed=0, shape=SHAPE):
    keras.utils.set_random_seed(seed)
    return model.build_model(name, shape, num_classes)


def save(net, path):
    if path.suffix == ".keras":
        net.save(path)
    else:
        net.save_weights(path)


def save_published(net, path):
    """Writes a file as `keras.applications` has them on Keras's own site."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, net)


def assert_equal(ours, theirs):
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name, suffix", LIKE)
def test_model_takes_the_weights_of_its_like(name, suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    source, net = build(name), build(name, seed=1)
    save(source, path)
    assert model.load_initial_weights(net, path) == f"all of {path}"
    assert_equal(net.get_weights(), source.get_weights())


@pytest.mark.parametrize("name, suffix", LIKE)
def test_other_classes_keep_their_own_head(name, suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    source, net = build(name), build(name, num_classes=3, seed=1)
    save(source, path)
    head = net.get_weights()[-2:]
    assert "but for the head" in model.load_initial_weights(net, path)
    assert_equal(net.get_weights()[:-2], source.get_weights()[:-2])
    assert_equal(net.get_weights()[-2:], head)


def test_weights_do_not_depend_on_precision(tmp_path):
    path = tmp_path / "net.keras"
    source = model.build_model("residual", SHAPE, 2, precision="bfloat16")
    source.save(path)
    net = build(seed=1)
    model.load_initial_weights(net, path)
    assert_equal(net.get_weights(), source.get_weights())


def test_weights_fit_the_replicas_of_a_strategy(tmp_path):
    path = tmp_path / "net.keras"
    source = build()
    source.save(path)
    strategy = strategy_lib.build_strategy("mirrored", num_virtual_devices=2)
    with strategy.scope():
        net = build(seed=1)
        model.load_initial_weights(net, path)
    for ours, theirs in zip(net.weights, source.weights, strict=True):
        for value in strategy.experimental_local_results(ours.value):
            np.testing.assert_array_equal(value, theirs)


def test_published_weights_fill_the_network_without_its_head(tmp_path):
    path = tmp_path / "mobilenet_v2_notop.h5"
    published = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    save_published(published, path)
    net = build("MobileNetV2", seed=3)
    head = net.get_weights()[-2:]
    told = model.load_initial_weights(net, path)
    assert told == f"MobileNetV2 from {path}, its head at random"
    assert_equal(
        net.get_layer("MobileNetV2").get_weights(), published.get_weights()
    )
    assert_equal(net.get_weights()[-2:], head)


def test_published_efficientnet_computes_what_keras_makes_of_it(
    tmp_path, monkeypatch
):
    # The published files hold the standard deviation of pixels where their
    # variance belongs, and Keras makes up for it with a layer.
    path = tmp_path / "efficientnetb0_notop.h5"
    options = {"include_top": False, "pooling": "avg"}
    options["input_shape"] = (32, 32, 3)
    keras.utils.set_random_seed(4)
    published = keras.applications.EfficientNetB0(weights=None, **options)
    normalization = published.layers[2]
    normalization.adapt_mean.assign([0.485, 0.456, 0.406])
    normalization.adapt_variance.assign([0.229, 0.224, 0.225])
    save_published(published, path)
    monkeypatch.setattr(
        efficientnet.file_utils, "get_file", lambda *a, **k: str(path)
    )
    expected = keras.applications.EfficientNetB0(weights="imagenet", **options)

    net = build("EfficientNetB0", seed=5, shape=(32, 32, 3))
    model.load_initial_weights(net, path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))
    pixels = pixels.astype(np.float32)
    np.testing.assert_allclose(
        net.get_layer("EfficientNetB0")(pixels),
        expected(pixels),
        rtol=1e-3,
        atol=1e-6,
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "name, shape, message",
    [
        ("residual", SHAPE, "residual: it has 62 arrays, the file 6"),
        ("lesson", (128, 128, 1), r"lesson: .*shape.*\(36, 2\)"),
        ("lesson", (64, 64, 3), r"lesson: .*shape.*\(5, 5, 3, 2\)"),
    ],
    ids=["other_network", "other_size", "other_channels"],
)
def test_weights_of_another_network_are_refused(
    name, shape, message, suffix, tmp_path
):
    path = tmp_path / f"lesson{suffix}"
    save(build("lesson"), path)
    net = build(name, shape=shape, seed=1)
    before = net.get_weights()
    with pytest.raises(ValueError, match=f"{message}.*weights={path}"):
        model.load_initial_weights(net, path)
    assert_equal(net.get_weights(), before)


def test_published_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "mobilenet_notop.h5"
    save_published(
        keras.applications.MobileNet(
            include_top=False, weights=None, input_shape=(32, 32, 3)
        ),
        path,
    )
    net = build("MobileNetV2", shape=(32, 32, 1))
    before = net.get_weights()
    with pytest.raises(
        ValueError, match=f"MobileNetV2 without its head.*weights={path}"
    ):
        model.load_initial_weights(net, path)
    assert_equal(net.get_weights(), before)
    with pytest.raises(ValueError, match="networks of keras.applications"):
        model.load_initial_weights(build(), path)


def test_nothing_that_a_file_says_about_layers_is_run(tmp_path):
    # The architecture in the archive is not so much as read.
    path, forged = tmp_path / "net.keras", tmp_path / "forged.keras"
    source, net = build(), build(seed=1)
    source.save(path)
    with zipfile.ZipFile(path) as read, zipfile.ZipFile(forged, "w") as write:
        write.writestr("config.json", '{"class_name": "Lambda"}')
        write.writestr("model.weights.h5", read.read("model.weights.h5"))
    model.load_initial_weights(net, forged)
    assert_equal(net.get_weights(), source.get_weights())


@pytest.mark.parametrize(
    "name, content",
    [
        ("net.keras", b"not a model"),
        ("net.weights.h5", b"not a model"),
        ("net_notop.h5", b""),
    ],
)
def test_file_of_something_else_is_refused(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"complete file.*weights={path}"):
        weight_files.check_weights_path(path)
    with pytest.raises(ValueError, match=f"complete file.*weights={path}"):
        model.load_initial_weights(build(), path)


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.npz"])
def test_file_that_may_not_be_read_is_told_in_words(
    name, tmp_path, monkeypatch
):
    path = tmp_path / name
    path.write_bytes(b"x")

    def refuse(file, mode):
        assert (file, mode) == (path, "rb")
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), file)

    # Whoever runs the tests may read all files.
    monkeypatch.setattr(weight_files, "open", refuse, raising=False)
    message = f"can be read: Permission denied.*weights={path}"
    with pytest.raises(ValueError, match=message):
        weight_files.check_weights_path(path)


@pytest.mark.parametrize("name", ["missing.keras", "net.txt", "."])
def test_missing_file_and_other_formats_are_refused(name, tmp_path):
    (tmp_path / "net.txt").write_text("x")
    with pytest.raises(ValueError, match=r"must be .*Received: weights="):
        weight_files.check_weights_path(tmp_path / name)


def test_archive_and_h5_without_weights_are_refused(tmp_path):
    archive, h5 = tmp_path / "other.keras", tmp_path / "other.h5"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("text", "x")
    with h5py.File(h5, "w") as file:
        file["measurements"] = np.zeros(3)
    for path, message in [(archive, "can read"), (h5, "something else")]:
        weight_files.check_weights_path(path)
        with pytest.raises(ValueError, match=f"{message}.*weights={path}"):
            model.load_initial_weights(build(), path)


def test_cut_file_is_refused(tmp_path):
    path = tmp_path / "net.weights.h5"
    build().save_weights(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=f"can read.*weights={path}"):
        model.load_initial_weights(build(), path)
