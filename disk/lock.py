"""A lock on an open file, which the system lifts however the process ends."""

from collections.abc import Iterator
import contextlib
import errno
import os
import time
from typing import IO

import filelock

# Seconds between two looks whether a lock is free.
_PAUSE = 0.1


def acquire(file: IO[str]) -> None:
    """Locks a file until it is closed.

    Raises:
        BlockingIOError: If another open file of the same name is locked.
        OSError: If there are no locks on this system, or this drive.
    """
    # Of an open file, not `filelock.FileLock`: that makes do with a file of its
    # own where a drive has no locks, which a killed process would leave behind.
    if not filelock.lock_descriptor(file.fileno(), blocking=False):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


@contextlib.contextmanager
def hold(path: str | os.PathLike[str], waiting: str) -> Iterator[None]:
    """Holds the lock of a file while `with` lasts, as soon as nobody else does.

    Args:
        path: Of the file, which is made if need be and stays: whoever removed
            it might remove one that another process has just locked.
        waiting: Printed once if another process holds it.

    Raises:
        OSError: If the file cannot be made, or there are no locks on this
            system, or this drive.
    """
    with open(path, "a", encoding="utf-8") as file:
        is_told = False
        while True:
            try:
                acquire(file)
                break
            except BlockingIOError:
                if not is_told:
                    print(waiting, flush=True)
                    is_told = True
                time.sleep(_PAUSE)
        yield
