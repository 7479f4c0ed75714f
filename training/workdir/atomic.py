"""Files that are there whole or not at all, whenever the process ends."""

import contextlib
import json
import os
import pathlib


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path that becomes `path` if the block succeeds.

    A reader sees the old file or the whole new one, whenever the process ends.
    The temporary name keeps the suffix, by which Keras and Matplotlib choose
    the format.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path, value):
    """Writes `value` as indented JSON, all of it or nothing."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path):
    """Returns what `write_json` wrote."""
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
