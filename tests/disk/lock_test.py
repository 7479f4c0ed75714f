"""Who waits for whom, also on systems that this one is not."""

import subprocess
import sys
import types

import pytest

from disk import lock


def test_second_lock_is_refused_until_the_first_is_closed(tmp_path):
    first = open(tmp_path / "lock", "w")
    second = open(tmp_path / "lock", "w")
    lock.acquire(first)
    with pytest.raises(BlockingIOError):
        lock.acquire(second)
    first.close()
    lock.acquire(second)
    second.close()


def test_windows_locks_the_first_byte_or_says_that_it_is_locked(
    tmp_path, monkeypatch
):
    calls = []

    def locking(descriptor, mode, num_bytes):
        if calls:
            raise PermissionError(13, "Permission denied")
        calls.append((descriptor, mode, num_bytes))

    windows = types.SimpleNamespace(LK_NBLCK=2, locking=locking)
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", windows)
    with open(tmp_path / "lock", "w") as file:
        lock.acquire(file)
        assert calls == [(file.fileno(), 2, 1)]
        with pytest.raises(BlockingIOError):
            lock.acquire(file)


def test_system_without_locks_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", None)
    with open(tmp_path / "lock", "w") as file:
        with pytest.raises(OSError, match="no file locks"):
            lock.acquire(file)


# Holds the lock until it is told to end.
_HOLD = """
import sys
from disk import lock
with lock.hold(sys.argv[1], "waiting"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_lock_is_held_until_its_process_ends_in_any_way(tmp_path, is_killed):
    path = tmp_path / "lock"
    command = [sys.executable, "-c", _HOLD, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(command, **pipes) as second:
            assert second.stdout.readline() == "waiting\n"
            if is_killed:
                first.kill()
            first.communicate()
            assert second.stdout.readline() == "held\n"
            second.communicate()
