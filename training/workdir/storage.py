"""Errors of a disk, in words."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import pathlib

from training import errors

_CANNOT_WRITE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
)


@contextlib.contextmanager
def reporting_errors(directory: pathlib.Path) -> Iterator[None]:
    """Turns an error of a full or read-only disk into one that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise errors.StorageError(
            f"Files of the run could not be written to {directory}: "
            f"{error.strerror}. Its checkpoints are whole: make room or give "
            "access, and run the same command again."
        ) from error
