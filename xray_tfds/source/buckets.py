"""Folders in buckets, `s3://BUCKET/FOLDER`, listed and read.

What is written there is `xray_tfds.records.destinations`'s.
"""

from __future__ import annotations

import os
from typing import Any
from typing import NamedTuple

from xray_tfds.source import errors
from xray_tfds.source import stores

# How often a file is asked for whose answer has another length than its
# listing says. One that breaks off is asked for again by the library.
_MAX_READS = 3

# What s3fs takes for the end of a key, and the beginning of a version.
_VERSION = "?versionId="


class Object(NamedTuple):
    """What a store says of a file or a folder.

    Attributes:
        name: Within its folder.
        is_folder: Whether others lie below it.
        size: In bytes.
        modified: When it was last written, as the store has it.
        etag: The store's name for its content.
    """

    name: str
    is_folder: bool
    size: int = 0
    modified: str = ""
    etag: str = ""


def list_folder(path: str) -> list[Object]:
    """Returns what is in a folder.

    Raises:
        SourceError: If there is none, or the store does not list it.
    """
    store, files = stores.open_store(path)
    try:
        with stores.translating(path):
            found = files.ls(path, detail=True)
    except FileNotFoundError as error:
        raise errors.SourceError(
            "The image folder must be one with files. Check its name and the "
            f"store's address ({store.address}). Received: {path}, where there "
            f"are none{stores.in_brackets(stores.code_of(error))}"
        ) from None
    start = len(path.partition("://")[2].rstrip("/")) + 1
    objects = [_describe(store, info["name"][start:], info) for info in found]
    for each in objects:
        # Of a key with two slashes; a file without a name marks the folder.
        if each.is_folder and not each.name:
            raise errors.SourceError(
                f"A folder without a name in {path}: rename what lies in "
                f"{path}//"
            )
        if _VERSION in each.name:
            raise errors.SourceError(
                f"{path} has a name with {_VERSION} in it, which is not read "
                f"as it is: rename {path}/{each.name}"
            )
    named = [each for each in objects if each.name]
    if len(named) < len(objects) and not named and objects[0].size:
        raise errors.SourceError(
            f"The image folder must be a folder. Received: {path}, a file"
        )
    return named


def find(path: str) -> Object:
    """Returns what a store says of one file.

    Raises:
        FileNotFoundError: If it is not there.
        SourceError: If the store does not say.
    """
    store, files = stores.open_store(path)
    with stores.translating(path):
        info = files.info(path)
    return _describe(store, os.path.basename(path), info)


def read(path: str, size: int, head: int) -> bytes:
    """Returns the first bytes of a file.

    Args:
        path: Of the file.
        size: Its bytes, as the store has said.
        head: Most bytes to read.

    Raises:
        FileNotFoundError: If it is gone.
        SourceError: If the store does not give them.
    """
    _, files = stores.open_store(path)
    expected = min(size, head)
    if not expected:
        return b""  # A range of it would be an error.
    # One more shows whether it has grown. And with a range s3fs does not ask
    # for the size again, before each file.
    end = min(size + 1, head)
    for _ in range(_MAX_READS):
        with stores.translating(path):
            data = files.cat_file(path, start=0, end=end)
        if len(data) == expected:
            return data
    raise errors.SourceError(
        f"{path} cannot be read: {len(data)} bytes came {_MAX_READS} times, of "
        f"{expected} that it was listed with. It has changed, or answers are "
        "cut short on their way. Run the same command again."
    )


def _describe(store: stores.Store, name: str, info: dict[str, Any]) -> Object:
    if info["type"] == "directory":
        return Object(name, is_folder=True)
    return Object(
        name,
        is_folder=False,
        size=info["size"],
        modified=str(info[store.modified]),
        etag=info[store.etag],
    )
