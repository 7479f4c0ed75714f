"""Files that are there whole or not at all, whenever the process ends."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
from typing import Any
import uuid


@contextlib.contextmanager
def replacing(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a temporary path that becomes `path` if the block succeeds.

    A reader sees the old file or the whole new one, whenever the process ends.
    The temporary name keeps the suffix, by which Keras and Matplotlib choose
    the format.
    """
    path = pathlib.Path(path)
    # Not that of the process: in each container it may be 1.
    unique = uuid.uuid4().hex[:12]
    temporary = path.with_name(f".{path.stem}-{unique}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | pathlib.Path, value: Any) -> None:
    """Writes `value` as indented JSON, all of it or nothing."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | pathlib.Path) -> Any:
    """Returns what `write_json` wrote."""
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
