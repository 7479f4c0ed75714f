"""A lock on an open file, which the system lifts however the process ends."""

from collections.abc import Iterator
import contextlib
import errno
import os
import time
from typing import IO

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

# Seconds between two looks whether a lock is free. The blocking calls differ:
# that of Windows gives up after ten seconds.
_PAUSE = 0.1


def acquire(file: IO[str]) -> None:
    """Locks a file until it is closed.

    Raises:
        BlockingIOError: If another open file of the same name is locked.
        OSError: If there are no locks on this system, or this drive.
    """
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    elif msvcrt is not None:
        try:
            msvcrt.locking(  # type: ignore[attr-defined]
                file.fileno(),
                msvcrt.LK_NBLCK,  # type: ignore[attr-defined]
                1,
            )
        except PermissionError as error:
            # What Windows says of a byte that somebody else has locked.
            raise BlockingIOError(error.errno, error.strerror) from error
    else:
        raise OSError(errno.ENOTSUP, "there are no file locks on this system")


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
