"""Folders whose files are there all at once: of an evaluation, of an export.

They are written beside the folder and take its name: nobody finds half of them.
A folder that is there already may be another disk's, or where a shell stands.
Then they are written inside it, and the one without which the others are
nothing appears last.
"""

from __future__ import annotations

import errno
import os
import pathlib
import uuid

_UNFINISHED = ".unfinished-"


def is_empty(directory: pathlib.Path) -> bool:
    """Whether a folder holds nothing but what a killed program has left."""
    return directory.is_dir() and all(
        path.name.startswith(_UNFINISHED) for path in directory.iterdir()
    )


def unfinished(directory: pathlib.Path, *, is_there: bool) -> pathlib.Path:
    """Returns where the files of a folder are written, a new name.

    Args:
        directory: The folder.
        is_there: Whether they are written inside it.
    """
    parent = directory if is_there else directory.parent
    return parent / f"{_UNFINISHED}{uuid.uuid4().hex[:8]}"


def move_files(
    source: pathlib.Path, directory: pathlib.Path, *, last: str
) -> None:
    """Moves what was written inside a folder to its place.

    Args:
        source: As `unfinished` named it.
        directory: The folder, which is empty.
        last: Name of the file that appears last.

    Raises:
        OSError: If the folder is not empty any more, or cannot be written to.
    """
    if not is_empty(directory):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    names = sorted(path.name for path in source.iterdir())
    for name in sorted(names, key=last.__eq__):
        (source / name).rename(directory / name)
