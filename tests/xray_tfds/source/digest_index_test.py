"""The index of files that were read before."""

import os
import threading

from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib


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
