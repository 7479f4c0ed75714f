"""Files of arrays that are hashed on their way to the disk.

Imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import hashlib
import os
import pathlib
import struct
from typing import Any
from typing import BinaryIO
import zipfile
import zlib

import numpy as np

# What NumPy, `zipfile` and `json` raise at files that are not what they should
# be. Running out of memory is not among them, nor what the system reports.
UNREADABLE = (
    AttributeError,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class HashingFile:
    """Hashes what goes into a file, front to back: it cannot be sought in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def write_file(path: pathlib.Path, write: Callable[[Any], Any]) -> str:
    """Writes and syncs a file; returns its line in the list of checksums."""
    with open(path, "wb") as file:
        hashing = HashingFile(file)
        write(hashing)
        file.flush()
        os.fsync(file.fileno())
    return f"{hashing.hexdigest()}  {path.name}\n"


def write_arrays(file: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes what `numpy.load` reads, without a copy of the arrays.

    `numpy.savez` needs a file to seek in, which would be hashed afterwards.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
            arrays[name.removesuffix(".npy")] = array
    return arrays
