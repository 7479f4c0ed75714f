"""The index of files that were read before."""

import contextlib
import dataclasses
import hashlib
import json
import os
import threading
import tracemalloc

import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.source import digest_index
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import scan as scan_lib
from xray_tfds.source import source_files

_CLASSES = ("normal", "pneumonia")


def test_index_is_whole_while_several_write_it(tmp_path):
    stamp = files_lib.Stamp(1, 2, 3)
    root = tmp_path / "images"

    def write(number):
        for turn in range(30):
            index = digest_index.DigestIndex(root, tmp_path)
            assert turn == 0 or len(index._entries) == 500
            for i in range(500):
                entry = digest_index.Entry(f"{number}-{turn}")
                index.note(f"{i}", stamp, entry)
            index.save(tmp_path)

    failures = []

    def run(number):
        try:
            write(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    (name,) = os.listdir(tmp_path)
    assert name.startswith("index-")


def test_file_that_cannot_be_read_any_more_is_forgotten(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=2)
    (tmp_path / "data").mkdir()

    def scan(change):
        index = digest_index.DigestIndex(images, tmp_path / "data")
        source = scan_lib.find(images, ("normal", "pneumonia"), None, index)
        files = tuple(map(change, source.files))
        dataclasses.replace(source, files=files).note_digests(index)
        index.save(tmp_path / "data")
        return [file.digest for file in source.files]

    def read(file):
        return file.read_as(file.path.name, files_lib.look(file.path))

    def lose_first(file):
        return file.read_as("", file.stamp) if file == lost else file

    scan(read)
    lost = scan_lib.find(
        images,
        ("normal", "pneumonia"),
        None,
        digest_index.DigestIndex(images, tmp_path / "data"),
    ).files[0]
    assert all(scan(lose_first))
    first, *others = scan(lambda file: file)
    assert not first and all(others)


def test_folders_that_change_names_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(files_lib, "_is_settled", lambda stamp, now: True)
    # One tick of the clock for all files: up to a hundredth of a second on
    # Linux before 6.13, in which hundreds of films are unpacked.
    check = files_lib._check
    monkeypatch.setattr(
        files_lib,
        "_check",
        lambda status: check(status)._replace(mtime_ns=5, ctime_ns=5),
    )
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=2)
    films = ["normal/one/1.bmp", "normal/other/1.bmp"]
    image_trees.write_images(images, films, seed=3)
    one, other = images / "normal" / "one", images / "normal" / "other"
    (tmp_path / "data").mkdir()

    def scan():
        index = digest_index.DigestIndex(images, tmp_path / "data")
        source = scan_lib.find(images, _CLASSES, None, index)
        source = source_files.read_digests(source)
        source.note_digests(index)
        index.save(tmp_path / "data")
        return {file.filename: file.digest for file in source.files}

    before = scan()
    one.rename(images / "aside")
    other.rename(one)
    (images / "aside").rename(other)
    after = scan()
    assert [after[n] for n in films] == [before[n] for n in films[::-1]]


def test_change_that_does_not_show_is_told_with_its_remedy(
    tmp_path, monkeypatch
):
    # However soon after it is written it is read.
    monkeypatch.setattr(files_lib, "_is_settled", lambda stamp, now: True)
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    data_dir, options = tmp_path / "data", {"image_size": (32, 24)}
    builder = xray_tfds.prepare(images, data_dir, **options)
    name = "normal/IM-0001-0003.png"
    digest = hashlib.sha256((images / name).read_bytes()).hexdigest()
    image_trees.write_images(images, [name], seed=5)
    # As a disk leaves it that keeps no times, or a bit that turned over.
    index = digest_index.DigestIndex(images, builder.data_dir_root)
    for file in scan_lib.scan(images, _CLASSES).files:
        found = digest if file.filename == name else file.digest
        entry = digest_index.Entry(found)
        index.note(file.filename, files_lib.look(file.path), entry)
    index.save(builder.data_dir_root)
    for _ in range(2):
        with pytest.raises(errors.SourceError, match="--rehash of train.py"):
            xray_tfds.prepare(images, data_dir, **options, seed=1)
    after = xray_tfds.prepare(images, data_dir, **options, seed=1, rehash=True)
    assert after.data_dir_root != builder.data_dir_root
    again = xray_tfds.prepare(images, data_dir, **options, seed=1)
    assert again.data_dir == after.data_dir


def _write_meanwhile(monkeypatch, path, contents):
    """Writes the next of some contents whenever half of a file was read."""
    system_open = os.fdopen

    class Slow:
        def __init__(self, descriptor):
            self._descriptor = descriptor

        def read(self, size):
            half = os.read(self._descriptor, size // 2)
            if contents:
                path.write_bytes(contents.pop(0))
            return half + os.read(self._descriptor, size)

    @contextlib.contextmanager
    def open_slowly(descriptor, mode):
        with system_open(descriptor, mode):
            yield Slow(descriptor)

    monkeypatch.setattr(files_lib.os, "fdopen", open_slowly)


def test_file_that_is_written_meanwhile_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "film.png"
    path.write_bytes(b"a" * 100)
    os.utime(path, ns=(0, 0))
    _write_meanwhile(monkeypatch, path, [b"b" * 100])
    assert files_lib.read(path)[0] == b"b" * 100


def test_file_that_never_rests_is_no_film(tmp_path, monkeypatch):
    path = tmp_path / "film.png"
    path.write_bytes(b"a" * 100)
    contents = [b"b" * size for size in range(101, 120)]
    _write_meanwhile(monkeypatch, path, contents)
    with pytest.raises(errors.SourceError, match="another program writes it"):
        files_lib.read(path)
    # It need not be an image: a log of the program that copies films.
    assert files_lib.read_head(path)[1] is None


def test_indices_of_many_states_take_no_more_memory_than_one(tmp_path):
    root, folders = tmp_path / "images", []
    for number in range(10):
        folders.append(tmp_path / f"state-{number}")
        folders[-1].mkdir()
        index = digest_index.DigestIndex(root)
        for name in range(1000):
            entry = digest_index.Entry(f"{name:064}")
            stamp = files_lib.Stamp(name, 10**18 + name, 10**18 + name)
            index.note(f"normal/{name}.png", stamp, entry)
        index.save(folders[-1])

    def measure(*states):
        tracemalloc.start()
        try:
            kept = digest_index.DigestIndex(root, *states)
            assert len(kept._entries) == 1000
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    measure(folders[0])  # What the first call of all takes.
    assert measure(*folders) < 1.5 * measure(folders[0])


def test_index_that_is_none_is_read_as_none(tmp_path):
    index = digest_index.DigestIndex(tmp_path / "images")
    name, stamp = "normal/1.png", files_lib.Stamp(1, 2, 3, 4)
    index.note(name, stamp, digest_index.Entry("a"))
    index.save(tmp_path)
    (path,) = tmp_path.glob("index-*.json")
    path.write_text(path.read_text().replace("1, 2, 3, 4", "[1], 2, 3, 4"))
    again = digest_index.DigestIndex(tmp_path / "images", tmp_path)
    assert again.find(name, stamp) is None


def test_index_that_did_not_change_is_not_written_again(
    tmp_path, monkeypatch
):
    root = tmp_path / "images"
    names = [f"normal/{number}.png" for number in range(9)]
    paths = []
    for order in (names, names[::-1]):
        index = digest_index.DigestIndex(root, tmp_path)
        for name in order:
            entry = digest_index.Entry(name)
            index.note(name, files_lib.Stamp(1, 2, 3), entry)
        index.save(tmp_path)
        (path,) = tmp_path.glob("index-*.json")
        paths.append((path, path.stat().st_ino))
        # To put a million entries into words takes seconds.
        monkeypatch.delattr(json, "dumps", raising=False)
    assert paths[0] == paths[1]
