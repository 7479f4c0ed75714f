"""Which digest a file had when it was last read, so that it is read once.

The index of a folder lies beside its records. Like git's, it takes a file for
unchanged whose size, times and inode are; it may be deleted at any time, and
all files are read again.
"""

import functools
import hashlib
import itertools
import json
import operator
import os
import tempfile
from typing import NamedTuple
from typing import Optional

from etils import epath

from xray_tfds.source import files as files_lib

# To be raised when other files are taken for images than before, or when what
# is kept of them changes.
_VERSION = 2

_STAMP_SIZE = len(files_lib.Stamp._fields)


class Entry(NamedTuple):
    """What reading a file told: a digest, or why it is no image."""

    digest: str
    reason: str = ""


_Entries = dict[str, tuple[files_lib.Stamp, Entry]]


class DigestIndex:
    """The entries of the files of one folder."""

    def __init__(self, root: epath.PathLike, *folders: epath.PathLike) -> None:
        """Reads what is kept of a folder.

        Args:
            root: The folder of images.
            *folders: Directories with records of it, of which each may hold an
                index; what a later one says holds.
        """
        self._name = f"index-{path_digest(root)[:16]}.json"
        self._entries: _Entries = {}
        self._noted: _Entries = {}
        # Of each file a sum alone: there may be many, of all states.
        self._kept: dict[str, int] = {}
        for folder in folders:
            path = os.path.join(folder, self._name)
            entries, self._kept[path] = _load(path)
            self._entries |= entries

    def find(
        self, name: str, stamp: Optional[files_lib.Stamp]
    ) -> Optional[Entry]:
        """Returns the entry of a file if its stamp is still that of then."""
        known = self._entries.get(name)
        if known is None or known[0] != stamp:
            return None
        self._noted[name] = known
        return known[1]

    def note(
        self, name: str, stamp: Optional[files_lib.Stamp], entry: Entry
    ) -> None:
        """Takes up an entry; none of a file whose changes may not show."""
        if stamp is not None:
            self._noted[name] = (stamp, entry)

    def forget(self, name: str) -> None:
        """Drops the entry of a file that cannot be read any more."""
        self._noted.pop(name, None)

    def save(self, folder: epath.PathLike) -> None:
        """Writes the entries found and noted, at once or not at all.

        Args:
            folder: Directory with the records, which is there.
        """
        path = os.path.join(folder, self._name)
        if not files_lib.is_local(folder):
            return
        if not self._noted or _sum(self._noted) == self._kept.get(path):
            return
        content = {
            "version": _VERSION,
            "files": {
                name: [*stamp, *entry]
                for name, (stamp, entry) in self._noted.items()
            },
        }
        new = None
        try:
            # A name of its own: several builders may write at a time.
            descriptor, new = tempfile.mkstemp(dir=folder, prefix=".index-")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                # Not `dump`, nor an indent, which are written in Python.
                file.write(json.dumps(content))
            os.replace(new, path)
        except OSError:
            # It only saves time; the folder may be read-only, or full.
            if new is not None and os.path.exists(new):
                os.remove(new)


def path_digest(root: epath.PathLike) -> str:
    """Returns a digest of where a folder lies, links resolved."""
    path = os.path.expanduser(os.fspath(root))
    if files_lib.is_local(path):
        path = os.path.realpath(path)
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def _load(path: str) -> tuple[_Entries, int]:
    """Returns the entries of a file, and their sum."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if content["version"] != _VERSION:
            return {}, 0
        entries = {
            name: (
                files_lib.Stamp._make(row[:_STAMP_SIZE]),
                Entry._make(row[_STAMP_SIZE:]),
            )
            for name, row in content["files"].items()
        }
        texts = itertools.chain.from_iterable(e for _, e in entries.values())
        if set(map(type, texts)) <= {str}:
            return entries, _sum(entries)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    return {}, 0  # None yet, or not one that this code wrote: read all again.


def _sum(entries: _Entries) -> int:
    """Returns a number that entries have in any order, in this process."""
    return functools.reduce(operator.xor, map(hash, entries.items()), 0)
