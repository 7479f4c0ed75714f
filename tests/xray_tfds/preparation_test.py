"""A folder prepared again and again: what is read, and what is found again."""

import json
import os
import pathlib
import shutil
import sys

from PIL import Image
import numpy as np
import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds import sample
from xray_tfds.curate import examine
from xray_tfds.records import examination
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key
from xray_tfds.source import scan

_OPTIONS = {"image_size": (32, 24)}
_CLASSES = ("normal", "pneumonia")


class _Opened:
    """Paths of files that this process opens; Python itself reports them."""

    def __init__(self):
        self.paths = None
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if event == "open" and self.paths is not None:
            self.paths.append(arguments[0])

    def below(self, folder, function, *args, **kwargs):
        """Returns the relative paths of what a call opens in a folder."""
        self.paths = []
        try:
            function(*args, **kwargs)
        finally:
            paths, self.paths = self.paths, None
        names = [os.fsdecode(p) for p in paths if not isinstance(p, int)]
        start = f"{folder}/"
        return sorted(n[len(start) :] for n in names if n.startswith(start))


_OPENED = _Opened()


def _prepare(images, data_dir, **options):
    return xray_tfds.prepare(images, data_dir, **(_OPTIONS | options))


@pytest.fixture
def images(tmp_path):
    """A folder that has been at rest for a while."""
    root = image_trees.write_flat_tree(tmp_path / "images")
    (root / "normal" / "notes.txt").write_text("a note")
    shutil.copy(
        root / "normal" / "IM-0000-0000.png", root / "normal" / "IM-0099-9999"
    )
    film = Image.open(root / "normal" / "IM-0000-0000.png")
    film.rotate(180).save(root / "normal" / "IM-0099-9999", "PNG")
    _wait_a_tick(root)
    return root


def _wait_a_tick(root):
    """Waits until the file system's clock is past the folder's last change."""
    probe = root.parent / "probe"
    newest = max(path.stat().st_ctime_ns for path in root.rglob("*"))
    while True:
        probe.write_bytes(b"x")
        if probe.stat().st_ctime_ns > newest + 2 * files_lib._TICK_NS:
            return


def _names(root):
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file()
    )


def test_first_build_reads_each_file_once_and_the_second_none(images, tmp_path):
    data_dir = tmp_path / "data"
    opened = _OPENED.below(images, _prepare, images, data_dir)
    assert opened == sorted([*_names(images), "normal/IM-0099-9999"])
    assert _OPENED.below(images, _prepare, images, data_dir) == []
    # Other options: all are decoded again, and nothing but that.
    opened = _OPENED.below(images, _prepare, images, data_dir, seed=1)
    assert opened == [n for n in _names(images) if n != "normal/notes.txt"]


def test_only_what_changed_is_read_again(images, tmp_path):
    first = _prepare(images, tmp_path / "data")
    film = images / "normal" / "IM-0001-0002.png"
    os.utime(film)  # The content is as it was.
    opened = _OPENED.below(images, _prepare, images, tmp_path / "data")
    assert opened == ["normal/IM-0001-0002.png"]
    image_trees.write_images(images, ["normal/IM-0001-0002.png"], seed=5)
    second = _prepare(images, tmp_path / "data")
    assert second.data_dir != first.data_dir


def test_film_of_equal_size_and_time_is_noticed(images, tmp_path):
    first = _prepare(images, tmp_path / "data")
    film = images / "normal" / "IM-0001-0002.png"
    before = film.stat()
    data = bytearray(film.read_bytes())
    data[-1] ^= 1
    film.write_bytes(data)
    os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert film.stat().st_size == before.st_size
    second = _prepare(images, tmp_path / "data")
    assert second.data_dir != first.data_dir


def test_file_that_changed_just_now_is_read_again(images, monkeypatch):
    film = images / "normal" / "IM-0001-0002.png"
    path = xray_tfds.preparation.epath.Path(film)
    assert files_lib.read(path)[1] is not None
    written = film.stat().st_ctime_ns
    for later, is_kept in ((10**6, False), (10**8, True)):
        monkeypatch.setattr(files_lib.time, "time_ns", lambda: written + later)
        assert (files_lib.read(path)[1] is not None) == is_kept
    # A clock of whole seconds may stand still for two.
    coarse = files_lib.Stamp(1, 5 * 10**9, 5 * 10**9)
    assert not files_lib._is_settled(coarse, 6 * 10**9)
    assert files_lib._is_settled(coarse, 8 * 10**9)


def test_fingerprint_is_that_of_older_records(images):
    source = scan.scan(images, _CLASSES)
    import hashlib

    digest = hashlib.sha256()
    for file in source.files:
        content = hashlib.sha256(file.path.read_bytes()).hexdigest()
        fields = ["", file.label, file.filename, content]
        digest.update("\0".join(fields).encode() + b"\n")
    assert source.fingerprint == digest.hexdigest()


def test_records_without_an_index_are_found_and_not_built(
    images, tmp_path, monkeypatch
):
    first = _prepare(images, tmp_path / "data")
    # As the first version left them.
    (index,) = (tmp_path / "data").glob("*/index-*.json")
    index.unlink()
    path = pathlib.Path(first.data_dir) / "build_report" / "splits.json"
    path.with_name("checksums.json").unlink()
    splits = json.loads(path.read_text())
    path.write_text(
        json.dumps({key: splits[key] for key in ("fingerprint", "patients")})
    )
    monkeypatch.setattr(examine, "examine", None)
    again = _prepare(images, tmp_path / "data")
    assert again.data_dir == first.data_dir
    assert index.exists()
    for damaged in ("", "[]", '{"version": 2, "files": {"normal/x": [1]}}'):
        index.write_text(damaged)
        assert _prepare(images, tmp_path / "data").data_dir == first.data_dir


def test_index_that_cannot_be_kept_costs_nothing_else(
    images, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(digest_index.tempfile, "mkstemp", fail)
    first = _prepare(images, tmp_path / "data")
    assert not list((tmp_path / "data").glob("*/index-*"))
    monkeypatch.setattr(examine, "examine", None)
    assert _prepare(images, tmp_path / "data").data_dir == first.data_dir


def test_file_changed_between_listing_and_decoding_stops_the_build(
    images, tmp_path
):
    source = scan.scan(images, _CLASSES)
    image_trees.write_images(images, [source.files[3].filename], seed=8)
    with pytest.raises(scan.SourceError, match="changed while the dataset"):
        examination.examine(
            source,
            xray_tfds.XrayConfig(**_OPTIONS),
            tmp_path,
            hash_key.HashKey(b"x"),
        )


def _splits(builder):
    path = pathlib.Path(builder.data_dir) / "build_report" / "splits.json"
    return json.loads(path.read_text())["patients"]


@pytest.mark.parametrize("name", ["x[1]", "x*", "x?"])
def test_patients_of_a_folder_with_a_pattern_for_a_name_stay(name, tmp_path):
    images = image_trees.write_flat_tree(tmp_path / name)
    before = _splits(_prepare(images, tmp_path / "data"))
    image_trees.write_flat_tree(images, per_class=25, seed=7)
    after = _splits(_prepare(images, tmp_path / "data"))
    assert len(after) > len(before) and before.items() <= after.items()


def test_folders_of_like_names_or_other_places_share_no_splits(
    tmp_path, capsys
):
    data_dir = tmp_path / "data"
    first = image_trees.write_flat_tree(tmp_path / "a" / "x-0123456789ab")
    alike = image_trees.write_flat_tree(tmp_path / "b" / "x", seed=1)
    _prepare(first, data_dir)
    _prepare(alike, data_dir)
    assert "earlier" not in capsys.readouterr().out
    elsewhere = tmp_path / "c" / "x"
    shutil.copytree(alike, elsewhere)
    image_trees.write_flat_tree(elsewhere, per_class=9, seed=2)
    _prepare(elsewhere, data_dir)
    printed = capsys.readouterr().out
    assert "records of another folder named x" in printed
    assert "stay in the splits" not in printed


def test_records_hashed_with_another_key_are_not_forgotten_silently(
    tmp_path, monkeypatch
):
    names = [f"{label}/{i}.png" for label in _CLASSES for i in range(12)]
    images, data_dir = tmp_path / "images", tmp_path / "data"
    image_trees.write_images(images, names)
    table = tmp_path / "patients.csv"
    lines = [f"{name},p{i // 2}" for i, name in enumerate(names)]
    table.write_text("filename,patient\n" + "\n".join(lines))
    options = {"patients_csv": str(table)}
    monkeypatch.setenv("XRAY_TFDS_HASH_KEY", "one")
    before = _splits(_prepare(images, data_dir, **options))
    image_trees.write_images(images, ["normal/0.png"], seed=3)
    monkeypatch.setenv("XRAY_TFDS_HASH_KEY", "other")
    with pytest.raises(scan.SourceError, match="hashed with another key"):
        _prepare(images, data_dir, **options)
    monkeypatch.setenv("XRAY_TFDS_HASH_KEY", "one")
    after = _splits(_prepare(images, data_dir, **options))
    assert after == before


def test_records_whose_table_was_saved_otherwise_are_replaced(images, tmp_path):
    builder = _prepare(images, tmp_path / "data")
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    table = path.read_bytes()
    path.write_bytes(table.replace(b",", b";"))
    (index,) = (tmp_path / "data").glob("*/index-*.json")
    index.unlink()  # Else the table is not looked at.
    _prepare(images, tmp_path / "data")
    assert path.read_bytes() == table


@pytest.mark.parametrize("inner", [".", "records", "normal/records"])
def test_records_among_the_images_are_refused(inner, images):
    with pytest.raises(scan.SourceError, match="--data_dir=DIR"):
        _prepare(images, images / inner)
    assert "records" not in _names(images)


def test_tilde_is_the_home_directory(images, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    builder = _prepare("~/images", "~/data")
    assert pathlib.Path(builder.data_dir).is_relative_to(tmp_path / "data")
    builder = xray_tfds.Builder(data_dir="~/other")
    assert pathlib.Path(builder.data_dir).is_relative_to(tmp_path / "other")
    sample.write_sample("~/sample", num_images=12)
    assert (tmp_path / "sample" / sample.README).exists()


def test_pixels_are_those_of_a_build_by_tfds(images, tmp_path):
    builder = _prepare(images, tmp_path / "data")
    config = xray_tfds.XrayConfig(**_OPTIONS)
    other = xray_tfds.Builder(data_dir=tmp_path / "other", config=config)
    other.download_and_prepare(
        download_config=xray_tfds.preparation.tfds.download.DownloadConfig(
            manual_dir=images
        )
    )
    for split in ("train", "validation", "test"):
        one, two = (
            list(b.as_dataset(split=split).as_numpy_iterator())
            for b in (builder, other)
        )
        np.testing.assert_equal(one, two)
