"""What is on disk although the machine stops in the next moment."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import shutil
from typing import IO
import uuid

# Of a copy, in memory at a time.
_COPIED_BYTES = 2**20


def sync_directory(path: str | pathlib.Path) -> None:
    """Forces the names in a directory to disk, where a system can.

    Windows opens no directories, and some network drives refuse to sync them.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def append(path: str | pathlib.Path, data: bytes) -> None:
    """Adds to the end of a file, which is made if need be."""
    with open(path, "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(pathlib.Path(path).parent)


def replace(path: str | pathlib.Path, data: bytes) -> None:
    """Puts a file in place, whole or not at all."""
    with _replacing(pathlib.Path(path)) as file:
        file.write(data)


def copy(source: str | pathlib.Path, path: str | pathlib.Path) -> None:
    """Puts a copy of a file in place, as `replace` puts data."""
    with open(source, "rb") as read, _replacing(pathlib.Path(path)) as file:
        shutil.copyfileobj(read, file, _COPIED_BYTES)


@contextlib.contextmanager
def _replacing(path: pathlib.Path) -> Iterator[IO[bytes]]:
    # Of its own: another machine may copy to the same place.
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:12]}.new")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        # A full disk would stay full of it.
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
