"""Directories that killed builds leave behind, and who may remove them.

TFDS writes into `incomplete.<letters>_<version>` and renames it at the end. A
build that is killed leaves it. The next build of the same dataset removes it,
but must not take that of a build which runs at the same time: so each holds a
lock on its own, which the system lifts however the process ends.
"""

from collections.abc import Iterator
import contextlib
import os
import shutil
import time
from typing import Optional

from etils import epath

try:
    import fcntl
except ImportError:  # Windows. Nothing is locked there, and nothing removed.
    fcntl = None  # type: ignore[assignment]

# A build locks its directory at once after TFDS has made it, but not earlier.
_MIN_AGE = 60  # Seconds since something was last put into it.


@contextlib.contextmanager
def claim(directory: epath.Path) -> Iterator[None]:
    """Marks a directory as that of a running build, as long as `with` lasts.

    Args:
        directory: A remote one is left unmarked.
    """
    lock = _lock(directory)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def remove(data_path: epath.Path) -> None:
    """Removes what killed builds of a dataset have left.

    Args:
        data_path: Directory of the records. Beside it lie the unfinished
            ones.
    """
    if not data_path.parent.exists():
        return
    # No glob: brackets in the path would be taken for a pattern.
    for directory in data_path.parent.iterdir():
        name = directory.name
        if not name.startswith("incomplete.") or not name.endswith(
            f"_{data_path.name}"
        ):
            continue
        lock = _lock(directory)
        if lock is None:
            continue
        try:
            if time.time() - os.stat(lock).st_mtime > _MIN_AGE:
                shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(lock)


def _lock(directory: epath.Path) -> Optional[int]:
    """Returns an open file that locks a directory, `None` if there is none."""
    if fcntl is None or not os.path.isdir(directory):
        return None
    descriptor = None
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # Another's, gone by now, or on a disk without locks.
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor
