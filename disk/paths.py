"""Which paths are of this machine, and which are addresses of a store."""

from __future__ import annotations

import os
import pathlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etils import epath

# Begins with a scheme such as `gs://`. One letter is a drive: `C://films`.
_REMOTE = re.compile("[A-Za-z][A-Za-z0-9+.-]+://")


def is_local(path: str | os.PathLike[str]) -> bool:
    """Whether the operating system opens a path, not the library of a store."""
    return _REMOTE.match(os.fspath(path)) is None


def lies_within(
    path: str | os.PathLike[str], directory: str | os.PathLike[str]
) -> bool:
    """Whether a path is a directory or below it.

    On this machine links are followed, and `~` is the user's home. Addresses of
    a store, which has neither, are compared as they are written.
    """
    if not (is_local(path) and is_local(directory)):
        address, folder = (
            os.fspath(each).rstrip("/") + "/" for each in (path, directory)
        )
        return address.startswith(folder)
    inner, outer = (
        pathlib.Path(each).expanduser().resolve() for each in (path, directory)
    )
    return inner.is_relative_to(outer)


def size_of(path: epath.Path) -> int:
    """Returns how many bytes a file has."""
    if is_local(path):
        # `epath` would also look up its owner's name, and owners need none: a
        # container may run as any number, and so does whoever shares a disk.
        return os.stat(path).st_size
    return path.stat().length
