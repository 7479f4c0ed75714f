"""Files of weights that reach out of themselves, or unpack to far too much."""

import errno
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest

from training import errors
from training import model
from training.model import weight_arrays

SUFFIXES = (".keras", ".weights.h5", "_notop.h5")
FAR_TOO_MUCH = "would take [0-9,]{13,} bytes"


def external_storage(file, name, values, other):
    other.write_bytes(values.tobytes())
    file.create_dataset(
        name,
        values.shape,
        values.dtype,
        external=[(str(other), 0, values.nbytes)],
    )


def virtual_dataset(file, name, values, other):
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    with h5py.File(other, "w") as source:
        array = source.create_dataset("a", data=values)
        layout[:] = h5py.VirtualSource(array)
    file.create_virtual_dataset(name, layout)


def external_link(file, name, values, other):
    with h5py.File(other, "w") as source:
        source["a"] = values
    file[name] = h5py.ExternalLink(str(other), "/a")


def soft_link(file, name, values, other):
    file["elsewhere"] = values
    file[name] = h5py.SoftLink("/elsewhere")


def loop(file, name, values, other):
    file[name] = values
    file["again"] = file["/"]


def text(file, name, values, other):
    file.create_dataset(name, data=["x"], dtype=h5py.string_dtype())


def huge_array(file, name, values, other):
    # None of its pebibyte is stored.
    file.create_dataset(name, (2**48,), "f4", chunks=(2,), compression="gzip")


def huge_chunk(file, name, values, other):
    # Of an array of the right shape.
    axes = values.ndim - 1
    file.create_dataset(
        name,
        values.shape,
        values.dtype,
        maxshape=(None,) * values.ndim,
        chunks=(2**29,) + (1,) * axes,
    )


CRAFTED = [
    (external_storage, "stored in another file"),
    (virtual_dataset, "stored in another file"),
    (external_link, "a link to something else"),
    (soft_link, "a link to something else"),
    (loop, "one thing under two names"),
    (text, "other than numbers"),
    (huge_array, FAR_TOO_MUCH),
    (huge_chunk, FAR_TOO_MUCH),
]


@pytest.fixture(scope="module")
def net():
    return model.build_model("MobileNetV3Small", (32, 32, 3), 2)


def save_arrays(net, path, published):
    """Writes the arrays of a network; returns the name of the first."""
    if published:
        net.get_layer("MobileNetV3Small").save_weights(path)
        with h5py.File(path, "r+") as file:
            file.attrs["layer_names"] = ["layers"]
    else:
        net.save_weights(path)
    names = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            names.append(name)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return names[0]


def pack(h5, path, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.write(h5, "model.weights.h5")


def assert_refused(net, path, message):
    before = net.get_weights()
    with pytest.raises(ValueError, match=f"{message}.*weights={path}"):
        model.load_initial_weights(net, path)
    for ours, theirs in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "craft, message", CRAFTED, ids=[craft.__name__ for craft, _ in CRAFTED]
)
def test_what_is_not_in_the_file_is_refused(
    craft, message, suffix, net, tmp_path
):
    path, h5 = tmp_path / f"net{suffix}", tmp_path / "arrays.weights.h5"
    name = save_arrays(net, h5, suffix == "_notop.h5")
    with h5py.File(h5, "r+") as file:
        values = file[name][:]
        del file[name]
        craft(file, name, values, tmp_path / "other")
    if suffix == ".keras":
        pack(h5, path)
    else:
        h5.rename(path)
    assert_refused(net, path, f"as Keras writes it.*{message}")


def test_bomb_in_an_archive_is_refused(net, tmp_path):
    # A kilobyte for each mebibyte.
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("model.weights.h5", "w") as member:
            for _ in range(80):
                member.write(bytes(2**20))
    assert_refused(net, path, "would take 83,886,080 bytes")


def test_array_that_is_named_over_and_over_is_refused(net, tmp_path):
    # Keras holds all arrays of a layer at once, one as often as it is named.
    path = tmp_path / "net_notop.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["layer"]
        layer = file.create_group("layer")
        layer["a"] = np.zeros(2**18, np.float32)
        layer.attrs["weight_names0"] = ["a"] * 2000
    assert_refused(net, path, "would take 2,097,152,000 bytes")


def test_archive_that_cannot_be_unpacked_is_refused(net, tmp_path):
    h5, path = tmp_path / "net.weights.h5", tmp_path / "net.keras"
    net.save_weights(h5)
    pack(h5, path, zipfile.ZIP_DEFLATED)
    intact = path.read_bytes()
    central = intact.rindex(b"PK\1\2")
    # It is encrypted or compressed in an unknown way, says the archive's list
    # of members; or its data is damaged.
    for offset, bytes_ in [
        (central + 8, b"\1"),
        (central + 10, b"\x63"),
        (1000, b"\xff" * 20),
    ]:
        content = bytearray(intact)
        content[offset : offset + len(bytes_)] = bytes_
        path.write_bytes(content)
        assert_refused(net, path, "damaged or none")


@pytest.mark.parametrize("compression", ["stored", "deflated"])
def test_weights_that_someone_has_compressed_are_read(compression, tmp_path):
    h5, path = tmp_path / "net.weights.h5", tmp_path / "net.keras"
    keras.utils.set_random_seed(1)
    source = model.build_model("residual", (32, 32, 1), 2)
    source.save_weights(h5)
    pack(h5, path, getattr(zipfile, f"ZIP_{compression.upper()}"))
    net = model.build_model("residual", (32, 32, 1), 2)
    assert model.load_initial_weights(net, path) == f"all of {path}"
    for ours, theirs in zip(net.weights, source.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_file_that_ends_too_early_is_refused(tmp_path):
    path = tmp_path / "net.weights.h5"
    net = model.build_model("lesson", (64, 64, 1), 2)
    net.save_weights(path)
    intact = path.read_bytes()
    for length in np.linspace(8, len(intact) - 1, 40).astype(int):
        path.write_bytes(intact[:length])
        assert_refused(net, path, "damaged or none")


def test_full_disk_is_not_called_damage(tmp_path, monkeypatch):
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", bytes(100))

    def copy(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", copy)
    with pytest.raises(errors.StorageError, match="No space.*TMPDIR=DIR"):
        with weight_arrays.open_arrays(path):
            pass
