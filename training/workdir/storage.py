"""Errors of a disk, in words."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import pathlib

from training import errors

# What a disk says of a file without naming it, as when it is full while one
# writes.
_OF_DISKS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
)


@contextlib.contextmanager
def reporting_errors(
    directory: pathlib.Path, *kinds: type[Exception]
) -> Iterator[None]:
    """Turns errors of the files of a run into `StorageError`.

    Errors of other files, such as those of a user's callback, are left alone.

    Args:
        directory: The run's.
        *kinds: Exceptions besides `OSError` that are about its files if they
            name it.

    Raises:
        StorageError: With what the system says, and what to do.
    """
    try:
        yield
    except OSError as error:
        names = [error.filename, error.filename2]
        paths = [str(name) for name in names if name is not None]
        if paths and not any(_is_within(path, directory) for path in paths):
            raise
        if not paths and error.errno not in _OF_DISKS:
            raise
        where = paths[-1] if paths else str(directory)
        raise _cannot_write(where, error.strerror or str(error)) from error
    except kinds as error:
        if str(directory) not in str(error):
            raise
        reason = str(error).split("\n")[0]
        raise _cannot_write(str(directory), reason) from error


def _is_within(path: str, directory: pathlib.Path) -> bool:
    return pathlib.Path(path).is_relative_to(directory)


def _cannot_write(where: str, reason: str) -> errors.StorageError:
    return errors.StorageError(
        f"Files of the run could not be written to {where}: {reason}. Its "
        "checkpoints are whole: make room or give access, and run the same "
        "command again."
    )
