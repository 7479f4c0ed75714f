"""Examples on disk, until it is decided which of them are kept.

What is known of all files fits in memory (about a kilobyte each); their pixels
do not.
"""

from __future__ import annotations

import os
import tempfile
import threading
from typing import NamedTuple


class Slot(NamedTuple):
    """Where bytes lie in a `Spool`."""

    start: int
    length: int


class Spool:
    """Examples on disk, in the order in which they were added.

    The file has no name, so that nothing is left of it however the build ends.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Makes the file in a directory; if it is remote, in the local one."""
        local = directory if os.path.isdir(directory) else None
        self._file = tempfile.TemporaryFile(dir=local)
        self._size = 0
        self._lock = threading.Lock()

    def add(self, data: bytes) -> Slot:
        """Returns where bytes were put; all are added before any is read."""
        self._file.write(data)
        self._size += len(data)
        return Slot(self._size - len(data), len(data))

    def read(self, slot: Slot) -> bytes:
        """Returns the bytes that were put there, to any thread."""
        with self._lock:
            self._file.seek(slot.start)
            return self._file.read(slot.length)
