"""The index of files that were read before."""

import dataclasses
import os
import threading

from tests.helpers import image_trees
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import scan as scan_lib


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
