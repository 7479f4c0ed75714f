"""Where the records of a TFRecord file lie, without TensorFlow.

https://www.tensorflow.org/tutorials/load_data/tfrecord: a record is its length,
a checksum of that, the data, and a checksum of them. None is checked here: who
reads the data knows what they must be.
"""

from __future__ import annotations

from collections.abc import Iterator
import struct
from typing import BinaryIO

_LENGTH = struct.Struct("<Q")
_CHECKSUM_BYTES = 4


def walk(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Yields start and length of the data of each record.

    Up to the first that does not end within the file, or is empty, as no
    example is: a loss of power leaves zeros, each 16 of which would be one.

    Args:
        file: At its start; it may be moved meanwhile.
        size: Of the file, in bytes.
    """
    start = 0
    while start < size:
        file.seek(start)
        head = file.read(_LENGTH.size)
        start += _LENGTH.size + _CHECKSUM_BYTES
        if len(head) < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack(head)
        if not length or start + length > size:
            return
        yield start, length
        start += length + _CHECKSUM_BYTES
