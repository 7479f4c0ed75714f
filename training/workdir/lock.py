"""A lock on an open file, which the system lifts however the process ends."""

import errno
from typing import IO

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]


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
