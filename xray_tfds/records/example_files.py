"""Examples in files, end to end or in TFRecords, and where in them they lie."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import os
from typing import BinaryIO
from typing import NamedTuple

from etils import epath
from google.protobuf import message
import numpy as np

from disk import paths
from xray_tfds.curate import examine
from xray_tfds.records import examples
from xray_tfds.source import errors


class Place(NamedTuple):
    """Where an example lies."""

    path: str
    start: int
    length: int


def read(place: Place) -> bytes:
    """Returns the example at a place; less of it where the file ends."""
    if paths.is_local(place.path):
        # To make an `epath.Path` takes as long as to open the file.
        opened: BinaryIO = open(place.path, "rb")
    else:
        opened = epath.Path(place.path).open("rb")
    with opened as file:
        file.seek(place.start)
        return file.read(place.length)


def read_checked(place: Place, digest: str) -> bytes:
    """Returns the example at a place.

    Args:
        place: Where it lies.
        digest: `examine.record_digest` of the PNG in it.

    Raises:
        SourceError: If it is not what it was.
    """
    example = read(place)
    try:
        png, _ = examples.split(example)
    except (message.DecodeError, IndexError):
        png = b""
    if examine.record_digest(png) != digest:
        raise changed(place.path)
    return example


def changed(path: epath.PathLike) -> errors.SourceError:
    """Returns the error about a file of which more was expected."""
    return errors.SourceError(
        f"{path} was changed while the dataset was built. Build again."
    )


class ExampleFile:
    """Examples end to end in a file that all workers can read."""

    def __init__(self, path: epath.Path) -> None:
        """Makes the file, of a new name, in a folder that is there."""
        self._path = path
        self._file = path.open("wb")
        self._size = 0

    def add(self, example: bytes) -> Place:
        """Returns where an example was put; to be read once all are there."""
        self._file.write(example)
        self._size += len(example)
        start = self._size - len(example)
        return Place(os.fspath(self._path), start, len(example))

    def __enter__(self) -> ExampleFile:
        """Returns the file."""
        return self

    def __exit__(self, *unused: object) -> None:
        """Makes the examples readable."""
        self._file.close()


def write(
    path: epath.Path,
    found: Iterable[tuple[examine.ExaminedFile, bytes | None]],
) -> tuple[list[examine.ExaminedFile], np.ndarray]:
    """Writes examples to a file, end to end.

    Args:
        path: Of the file, new.
        found: Each file that was read, and its example if it is good.

    Returns:
        The files, and the length of the example of each, int64 `[n]`.
    """
    examined, lengths = [], []
    with ExampleFile(path) as file:
        for each, example in found:
            examined.append(each)
            lengths.append(file.add(example).length if example else 0)
    return examined, np.array(lengths, np.int64)


class Places(Sequence):
    """Where examples are: 20 bytes for each of them."""

    def __init__(self, paths: list[str], lengths: list[np.ndarray]) -> None:
        """Takes files, and the lengths of what lies in each end to end."""
        self._paths = paths
        self._path_of = np.repeat(
            np.arange(len(paths), dtype=np.int32), [len(n) for n in lengths]
        )
        self._lengths = np.concatenate(lengths)
        self._starts = np.concatenate([np.cumsum(n) - n for n in lengths])

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index):
        length = int(self._lengths[index])
        if not length:
            return None  # A bad file has no example.
        path = self._paths[self._path_of[index]]
        return Place(path, int(self._starts[index]), length)
