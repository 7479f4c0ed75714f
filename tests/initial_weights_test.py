"""Initial weights from files that Keras wrote."""

import h5py
import keras
from keras.src.legacy.saving import legacy_h5_format
import numpy as np
import pytest

from training import model

SHAPE = (64, 64, 1)


def build(name="residual", num_classes=2, seed=0):
    keras.utils.set_random_seed(seed)
    return model.build_model(name, SHAPE, num_classes)


def assert_equal(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_model_takes_the_weights_of_its_like(suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    source, net = build(), build(seed=1)
    save = source.save if suffix == ".keras" else source.save_weights
    save(path)
    assert model.load_initial_weights(net, path) == f"all of {path}"
    assert_equal(net, source)


def test_other_classes_keep_their_own_head(tmp_path):
    path = tmp_path / "net.keras"
    source, net = build(), build(num_classes=3, seed=1)
    source.save(path)
    head = net.get_weights()[-2:]
    assert "but for the head" in model.load_initial_weights(net, path)
    for x, y in zip(net.get_weights()[:-2], source.get_weights()[:-2]):
        np.testing.assert_array_equal(x, y)
    for x, y in zip(net.get_weights()[-2:], head):
        np.testing.assert_array_equal(x, y)


def test_published_weights_fill_the_network_without_its_head(tmp_path):
    # In the format of Keras's own site: without a head, for three channels.
    path = tmp_path / "mobilenet_v2_notop.h5"
    published = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, published)
    net = build("MobileNetV2", seed=3)
    told = model.load_initial_weights(net, path)
    assert told == f"MobileNetV2 from {path}, its head at random"
    assert_equal(net.get_layer("MobileNetV2"), published)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_of_another_network_are_refused(suffix, tmp_path):
    path = tmp_path / f"lesson{suffix}"
    source, net = build("lesson"), build()
    save = source.save if suffix == ".keras" else source.save_weights
    save(path)
    before = net.get_weights()
    with pytest.raises(ValueError, match=f"network residual.*weights={path}"):
        model.load_initial_weights(net, path)
    for x, y in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", ["net.keras", "net.weights.h5"])
def test_file_of_something_else_is_refused(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=f"can read.*weights={path}"):
        model.load_initial_weights(build(), path)


@pytest.mark.parametrize("name", ["missing.keras", "net.txt"])
def test_missing_file_and_other_formats_are_refused(name, tmp_path):
    (tmp_path / "net.txt").write_text("x")
    with pytest.raises(ValueError, match="must be an existing file"):
        model.load_initial_weights(build(), tmp_path / name)


def test_published_weights_need_a_network_of_keras(tmp_path):
    path = tmp_path / "resnet_notop.h5"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="networks of keras.applications"):
        model.load_initial_weights(build(), path)
