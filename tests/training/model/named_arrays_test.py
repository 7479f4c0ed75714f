"""Initial weights from arrays that are named as Keras names its weights."""

import io
import json
import pickle
import struct
import zipfile

import keras
import numpy as np
import pytest

from tests.helpers import array_files
from training import model
from training.config import weight_files

SHAPE = (64, 64, 1)
SUFFIXES = (".npz", ".safetensors")


def build(name="residual", num_classes=2, seed=0, shape=SHAPE):
    keras.utils.set_random_seed(seed)
    return model.build_model(name, shape, num_classes)


def arrays_of(net):
    return {weight.path: weight.numpy() for weight in net.weights}


def assert_equal(ours, theirs):
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(x, y)


def assert_refused(net, path, message):
    before = net.get_weights()
    with pytest.raises(ValueError, match=f"(?s){message}.*weights={path}"):
        model.load_initial_weights(net, path)
    assert_equal(net.get_weights(), before)


@pytest.mark.parametrize(
    "name, suffix",
    [
        ("lesson", ".npz"),
        ("residual", ".safetensors"),
        ("efficientnet_lite0", ".npz"),
    ],
)
def test_model_takes_the_arrays_of_its_like(name, suffix, tmp_path):
    # Keras counts the layers of the second on from those of the first.
    source, net = build(name), build(name, seed=1)
    path = array_files.save(tmp_path / f"net{suffix}", arrays_of(source))
    assert model.load_initial_weights(net, path) == f"all of {path}"
    assert_equal(net.get_weights(), source.get_weights())


def test_layers_are_counted_and_not_ordered_as_text(tmp_path):
    # conv2d_9 comes before conv2d_10, and all layers of a kind count anew.
    source, net = build(), build(seed=1)
    arrays = {}
    for path, array in reversed(arrays_of(source).items()):
        layer, _, weight = path.rpartition("/")
        stem, _, number = layer.rpartition("_")
        if number.isdigit():
            layer = f"{stem}_{int(number) + 1000}"
        elif layer.startswith("conv"):
            layer = f"{layer}_7"
        arrays[f"{layer}/{weight}"] = array
    model.load_initial_weights(
        net, array_files.save(tmp_path / "net.npz", arrays)
    )
    assert_equal(net.get_weights(), source.get_weights())


@pytest.mark.parametrize(
    "name, has_head", [("residual", True), ("efficientnet_lite0", False)]
)
def test_other_classes_and_no_head_leave_the_head(name, has_head, tmp_path):
    source, net = build(name), build(name, num_classes=3, seed=1)
    arrays = arrays_of(source)
    if not has_head:
        for weight in source.layers[-1].weights:
            del arrays[weight.path]
    path = array_files.save(tmp_path / "net.npz", arrays)
    head = net.get_weights()[-2:]
    told = model.load_initial_weights(net, path)
    assert told == f"{path}, " + (
        "but for the head, which had other classes"
        if has_head
        else "its head at random"
    )
    assert_equal(net.get_weights()[:-2], source.get_weights()[:-2])
    assert_equal(net.get_weights()[-2:], head)


def test_pixels_are_scaled_as_before_whatever_a_file_says(tmp_path):
    # A network that Keras makes has mean 0 and variance 1 of its own pixels.
    net = build("EfficientNetB0", shape=(32, 32, 3))
    arrays = arrays_of(net)
    [mean] = [name for name in arrays if name.endswith("/mean")]
    statistics = arrays[mean].copy()
    arrays[mean][:] = 0
    model.load_initial_weights(
        net, array_files.save(tmp_path / "net.npz", arrays)
    )
    np.testing.assert_array_equal(arrays_of(net)[mean], statistics)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_does_not_fit_is_listed_by_name_and_shape(suffix, tmp_path):
    net = build("lesson")
    kernel, bias, *others = arrays_of(net)
    arrays = arrays_of(net)
    del arrays[bias]
    arrays[kernel] = np.zeros((3, 3, 1, 2), np.float32)
    arrays["extra"] = np.zeros(4, np.float32)
    path = array_files.save(tmp_path / f"net{suffix}", arrays)
    before = net.get_weights()
    with pytest.raises(ValueError) as caught:
        model.load_initial_weights(net, path)
    for part in (
        "network lesson: ",
        f"{kernel} is (3, 3, 1, 2), not (5, 5, 1, 2)",
        f"{bias} (2,) is missing",
        "extra (4,) is none of its weights",
        f"Received: weights={path}",
    ):
        assert part in str(caught.value)
    assert_equal(net.get_weights(), before)


def test_long_list_of_what_does_not_fit_is_cut(tmp_path):
    path = array_files.save(tmp_path / "net.npz", arrays_of(build("lesson")))
    assert_refused(build(), path, "and 61 more")


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions_are_converted(dtype, tmp_path):
    net, arrays = build("lesson"), arrays_of(build("lesson", seed=1))
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    model.load_initial_weights(
        net, array_files.save(tmp_path / "net.npz", arrays)
    )
    assert_equal(
        net.get_weights(), [a.astype(np.float32) for a in arrays.values()]
    )


class Bomb:
    """Makes a file where a pickle of it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickle_in_an_npz_is_not_loaded(tmp_path):
    net, trap = build("lesson"), tmp_path / "trap"
    arrays = arrays_of(net)
    arrays[next(iter(arrays))] = np.array([Bomb(trap)], dtype=object)
    path = tmp_path / "net.npz"
    np.savez(path, **arrays)
    assert_refused(net, path, "can be read.*allow_pickle")
    # A member that is a pickle and no array is not loaded either.
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("layer.npy", pickle.dumps(Bomb(trap)))
    assert_refused(net, path, "can be read")
    assert not trap.exists()


def test_npz_of_other_things_is_refused(tmp_path):
    net, path = build("lesson"), tmp_path / "net.npz"
    for content, message in (
        ({"a": np.array(["text"])}, "a holds something other than numbers"),
        ({"a": np.zeros(2, complex)}, "a holds something other than numbers"),
        ({"a": np.array([np.nan])}, "a .* is none of its weights"),
    ):
        np.savez(path, **content)
        assert_refused(net, path, message)
    arrays = arrays_of(net)
    next(iter(arrays.values()))[0] = np.inf
    np.savez(path, **arrays)
    assert_refused(net, path, "kernel holds NaN or infinity")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "x")
    assert_refused(net, path, "readme.txt is no array")


def test_npz_that_unpacks_to_far_too_much_is_refused(tmp_path):
    net, path = build("lesson"), tmp_path / "net.npz"
    np.savez_compressed(path, a=np.zeros(2**25, np.float32))
    assert_refused(net, path, "would take 134,[0-9,]* bytes")
    # An array that says that it is larger than any memory.
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {"descr": "<f4", "fortran_order": False, "shape": (2**50,)},
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    assert_refused(net, path, "can be read")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_file_that_ends_too_early_is_refused(suffix, tmp_path):
    net = build("lesson")
    path = array_files.save(tmp_path / f"net{suffix}", arrays_of(net))
    intact = path.read_bytes()
    for length in (0, 7, 100, len(intact) // 2, len(intact) - 1):
        path.write_bytes(intact[:length])
        assert_refused(net, path, "(can be read|complete file)")


def test_safetensors_whose_header_is_wrong_is_refused(tmp_path):
    pytest.importorskip("safetensors")
    net, path = build("lesson"), tmp_path / "net.safetensors"
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for header in (
        {"a": {**one, "data_offsets": [0, 2**40]}},
        {"a": {**one, "data_offsets": [-8, 0]}},
        {"a": {**one, "shape": [2**40]}},
        {"a": one, "b": {**one, "data_offsets": [4, 12]}},
        {"a": {**one, "dtype": "object"}},
    ):
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
        assert_refused(net, path, "can be read")


def test_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"x")
    monkeypatch.setattr(
        weight_files.importlib.util, "find_spec", lambda name: None
    )
    with pytest.raises(ValueError, match=r"pip install 'xray-tfds\[safet"):
        weight_files.check_weights_path(path)
