"""Checkpoints: whole or absent, whatever happens to the disk or the process."""

import errno
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from tests.helpers import damaged_files
from training import errors
from training.checkpoint import store as store_lib


def make(step, size=3):
    arrays = {
        "model/0000": np.arange(size, dtype=np.float32) + step,
        "optimizer/0000": np.array(step, np.int64),
    }
    return store_lib.Checkpoint(arrays, {"epoch": 1, "step": step})


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def assert_same(a, b):
    assert a.state == b.state
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        assert array.dtype == b.arrays[name].dtype
        np.testing.assert_array_equal(array, b.arrays[name])


def test_newest_is_what_was_saved_last(tmp_path):
    store = store_lib.CheckpointStore(tmp_path / "c", keep=2)
    assert store.newest() == (None, [])
    # Steps may go back: what counts is what was written last.
    for step in (5, 9, 2):
        store.save(make(step))
    found, damaged = store.newest()
    assert_same(found, make(2))
    assert damaged == []
    assert len(names(tmp_path / "c")) == 2


def test_checkpoint_is_written_and_read_without_copies(tmp_path):
    size = 2**26
    store = store_lib.CheckpointStore(tmp_path)
    checkpoint = make(1, size // 4)
    tracemalloc.start()
    try:
        store.save(checkpoint)
        written = tracemalloc.get_traced_memory()[1]
        del checkpoint
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        found, _ = store.newest()
        read = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert found.arrays["model/0000"].nbytes == size
    # NumPy's buffers have 16 MiB.
    assert written < size * 0.6
    assert read < size * 1.6


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, None])
def test_directories_are_synced_where_the_system_can(
    error, tmp_path, monkeypatch
):
    sync, synced = os.fsync, []

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            synced.append(descriptor)
            if error is not None:
                raise OSError(error, os.strerror(error))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if error is None:
        # Windows.
        monkeypatch.delattr(os, "O_DIRECTORY")
    store = store_lib.CheckpointStore(tmp_path)
    store.save(make(1))
    assert_same(store.newest()[0], make(1))
    assert bool(synced) == (error is not None)


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    "damage", [truncate, damaged_files.flip_bit, pathlib.Path.unlink]
)
@pytest.mark.parametrize("file", ["arrays.npz", "state.json", "SHA256SUMS"])
def test_damaged_newest_is_skipped_and_set_aside(file, damage, tmp_path):
    store = store_lib.CheckpointStore(tmp_path)
    store.save(make(1))
    store.save(make(2))
    newest = sorted(tmp_path.iterdir())[-1]
    damage(newest / file)
    found, damaged = store.newest()
    assert_same(found, make(1))
    (line,) = damaged
    assert line.startswith(f"{newest.name}: ")
    assert f"damaged-{newest.name}" in names(tmp_path)
    # The number is free again, and what was set aside is not in the way.
    store.save(make(3))
    assert_same(store.newest()[0], make(3))


def test_no_whole_checkpoint_is_an_error_not_a_new_beginning(tmp_path):
    store = store_lib.CheckpointStore(tmp_path)
    store.save(make(1))
    damaged_files.flip_bit(next(tmp_path.iterdir()) / "arrays.npz")
    with pytest.raises(errors.StorageError, match="is whole.*arrays.npz"):
        store.newest()


def test_full_disk_leaves_the_earlier_ones_whole(tmp_path, monkeypatch):
    store = store_lib.CheckpointStore(tmp_path)
    store.save(make(1))

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(
        errors.StorageError, match=f"{tmp_path}: No space left.*are whole"
    ):
        store.save(make(2))
    assert len(names(tmp_path)) == 1
    assert_same(store.newest()[0], make(1))


def test_leftover_of_a_killed_process_is_removed(tmp_path):
    store = store_lib.CheckpointStore(tmp_path)
    leftover = tmp_path / ".writing-checkpoint-000001"
    leftover.mkdir()
    (leftover / "arrays.npz").write_bytes(b"half")
    assert store.newest() == (None, [])
    store.save(make(1))
    assert names(tmp_path) == ["checkpoint-000001"]


def test_pickled_arrays_are_refused(tmp_path):
    store = store_lib.CheckpointStore(tmp_path)
    array = np.array([{"a": 1}], object)
    with pytest.raises(ValueError, match="allow_pickle"):
        store.save(store_lib.Checkpoint({"model/0000": array}, {}))
    assert store.newest() == (None, [])


def test_state_without_json_is_refused_before_anything_is_replaced(tmp_path):
    store = store_lib.CheckpointStore(tmp_path, keep=1)
    store.save(make(1))
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.save(store_lib.Checkpoint({}, {"loss": float("nan")}))
    assert_same(store.newest()[0], make(1))


_SAVER = """
import sys
import numpy as np
from training.checkpoint import store as store_lib

store = store_lib.CheckpointStore(sys.argv[1], keep=1)
step = 0
while True:
    step += 1
    array = np.full(200_000, step, np.float32)
    store.save(store_lib.Checkpoint({"model/0000": array}, {"step": step}))
    print(step, flush=True)
"""


def test_process_killed_while_writing_leaves_a_whole_checkpoint(tmp_path):
    for round_number in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", _SAVER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=pathlib.Path(__file__).parents[3],
        )
        # It writes all the time: wherever the kill meets it, it is at it.
        for _ in range(3 + round_number):
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=300)[0].split()
        said = int(rest[-1]) if rest else said
        found, damaged = store_lib.CheckpointStore(tmp_path).newest()
        assert damaged == []
        # The one it last spoke of, or the next, which it had no time to tell.
        assert found.state["step"] in (said, said + 1)
        assert (found.arrays["model/0000"] == found.state["step"]).all()


def test_state_is_readable_json(tmp_path):
    store_lib.CheckpointStore(tmp_path).save(make(4))
    (directory,) = tmp_path.iterdir()
    state = json.loads((directory / "state.json").read_text())
    assert state == {"format": 1, "epoch": 1, "step": 4}
