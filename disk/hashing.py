"""What tells whether a file is the one that it was."""

import hashlib
import os

_CHUNK_BYTES = 2**20


def hash_file(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
