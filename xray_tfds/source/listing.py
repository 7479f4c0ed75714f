"""What is in a folder, of this machine or of a bucket."""

from __future__ import annotations

import os
from typing import NamedTuple

from etils import epath

from xray_tfds.source import buckets
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib


class Entry(NamedTuple):
    """What is in a folder.

    Attributes:
        name: Within the folder.
        path: Where it is.
        is_folder: Also of a link to one.
        is_link: Whether it is a link.
        stamp: Of a file in a bucket, whose listing tells.
    """

    name: str
    path: epath.Path
    is_folder: bool
    is_link: bool = False
    stamp: files_lib.Stamp | None = None


def list_folder(folder: epath.Path) -> list[Entry]:
    """Returns what is in a folder, by name.

    Raises:
        PermissionError: If it may not be listed.
        SourceError: If it cannot be listed, as on a failing disk.
    """
    is_local = files_lib.is_local(folder)
    found = _list_local(folder) if is_local else _list_remote(folder)
    return sorted(found, key=lambda entry: entry.name)


def _list_local(folder: epath.Path) -> list[Entry]:
    try:
        # `iterdir` leaves out what ends in `~`, and to ask each path whether it
        # is a folder takes twenty times as long.
        with os.scandir(folder) as listed:
            return [
                Entry(e.name, folder / e.name, _is_folder(e), e.is_symlink())
                for e in listed
            ]
    except PermissionError:
        raise
    except OSError as error:
        raise errors.SourceError(
            f"{folder} cannot be listed: {error.strerror}."
        ) from error


def _list_remote(folder: epath.Path) -> list[Entry]:
    return [
        Entry(
            each.name,
            folder / each.name,
            each.is_folder,
            stamp=None if each.is_folder else files_lib.stamp_of(each),
        )
        for each in buckets.list_folder(os.fspath(folder))
    ]


def _is_folder(entry: os.DirEntry) -> bool:
    # Of links, one may lead to itself, which the entry takes for an error.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()
