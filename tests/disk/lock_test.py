"""Who waits for whom."""

import errno
import os
import subprocess
import sys

import filelock
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


def test_drive_without_locks_says_so(tmp_path, monkeypatch):
    def refuse(descriptor, **options):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)
    with open(tmp_path / "lock", "w") as file:
        with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
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
