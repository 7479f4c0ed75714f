"""Files beside images and records, also on a store: whole, or as they were."""

from __future__ import annotations

import uuid

from etils import epath


def write_text(path: epath.Path, text: str) -> None:
    """Writes a file in UTF-8, at once for whoever reads it.

    A file name need not be valid Unicode: its odd bytes are spelt out.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: epath.Path, data: bytes) -> None:
    """Writes a file, at once for whoever reads it."""
    # Two programs may write it at a time.
    unfinished = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
