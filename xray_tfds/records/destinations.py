"""Where records are copied to: a directory, or a folder in a bucket.

A file is there as a whole or not at all, whenever a copy ends.
"""

from __future__ import annotations

import pathlib
import tempfile
from typing import Protocol
import uuid

from disk import paths
from disk import sync
from xray_tfds.source import stores

# Begins the name of a file that is made in a bucket, and removed again: whether
# that may be done.
_TRIAL = ".write_trial-"


class Destination(Protocol):
    """A folder that files are copied to, named relative to it, with slashes.

    Those with a dot before their name are others' unfinished ones.

    Attributes:
        path: The folder, as its user names it.
    """

    path: str

    def try_writing(self) -> None:
        """Raises what `send` and `remove` would."""

    def sizes(self) -> dict[str, int]:
        """Returns how many bytes the files there have; none without folder."""

    def read(self, name: str) -> bytes:
        """Returns the content of a file."""

    def send(self, source: str, name: str) -> None:
        """Puts a copy of a file of this machine there."""

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""


def find(path: str) -> Destination:
    """Returns the folder at a path, which need not be there yet."""
    return _Directory(path) if paths.is_local(path) else _BucketFolder(path)


class _Directory:
    """One of this machine, or mounted there. Raises OSError."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._root = pathlib.Path(path)

    def try_writing(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._root):
            pass

    def sizes(self) -> dict[str, int]:
        return {
            file.relative_to(self._root).as_posix(): file.stat().st_size
            for file in self._root.rglob("*")
            if not file.name.startswith(".") and file.is_file()
        }

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def send(self, source: str, name: str) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sync.copy(source, path)

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)
        sync.sync_directory((self._root / name).parent)


class _BucketFolder:
    """`s3://BUCKET/FOLDER`. Raises SourceError."""

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        _, self._files = stores.open_store(self.path)

    def try_writing(self) -> None:
        # Of its own: several programs may begin at once.
        trial = _TRIAL + uuid.uuid4().hex
        with stores.translating(self.path, "written"):
            self._files.pipe_file(self._at(trial), b"")
        try:
            with stores.translating(self.path):
                self._files.find(self._at(trial))
        finally:
            with stores.translating(self.path, "written"):
                self._files.rm_file(self._at(trial))

    def sizes(self) -> dict[str, int]:
        start = len(self.path.partition("://")[2]) + 1
        try:
            with stores.translating(self.path):
                found = self._files.find(self.path, detail=True)
        except FileNotFoundError:
            return {}
        return {
            name[start:]: info["size"]
            for name, info in found.items()
            # What only marks a folder has a slash at its end.
            if not name.rpartition("/")[2].startswith(".") and name[-1] != "/"
        }

    def read(self, name: str) -> bytes:
        with stores.translating(self._at(name)):
            data: bytes = self._files.cat_file(self._at(name))
        return data

    def send(self, source: str, name: str) -> None:
        with stores.translating(self._at(name), "written"):
            self._files.put_file(source, self._at(name))

    def remove(self, name: str) -> None:
        with stores.translating(self._at(name), "written"):
            self._files.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}"
