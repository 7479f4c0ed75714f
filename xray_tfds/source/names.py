"""One normal form for names of classes, splits and files.

The same name comes in several spellings: macOS takes accents apart (NFD) where
others write one character (NFC), Windows writes backslashes and ignores case,
`find` begins with `./`.
"""

import os
import posixpath
import re
from typing import Optional
import unicodedata

from disk import paths


def fold(name: str) -> str:
    """Returns the form in which equal names are equal, in any case."""
    return unicodedata.normalize("NFC", name).casefold()


def compose(name: str) -> str:
    """Returns a name as one character for each letter with its accents."""
    return unicodedata.normalize("NFC", name)


def respell(identifier: str) -> str:
    """Returns what the usual spellings of one identifier have in common.

    Tables that went through a spreadsheet, or that were joined, have 7, 007 and
    7.0 for one patient.
    """
    text = re.sub(r"\s+", "", fold(identifier))
    text = re.sub(r"(?<=\d)\.0+$", "", text)
    return re.sub(r"(?<![\d.])0+(?=\d)", "", text)


def is_class_name(name: str) -> bool:
    """Whether a folder's name can be that of a class.

    TFDS keeps a name a line, without the spaces around it.
    """
    return name.isprintable() and name == name.strip()


def relative(name: str, root: str) -> Optional[str]:
    """Returns a path as one relative to the root; `None` if it lies outside.

    Args:
        name: Absolute or relative to the root, with either kind of slash.
        root: Path of a folder, of this machine or of a bucket.
    """
    if not paths.is_local(root):
        name = name.removeprefix(f"{root}/")
    path = posixpath.normpath(name.replace("\\", "/"))
    if not os.path.isabs(path):
        return None if _is_above(path) else path
    try:
        path = _posix(os.path.relpath(path, root))
        if _is_above(path):
            # The way there may lead through a link.
            folder, file = os.path.split(os.path.normpath(name))
            folder = os.path.relpath(
                os.path.realpath(folder), os.path.realpath(root)
            )
            path = posixpath.normpath(posixpath.join(_posix(folder), file))
    except ValueError:  # Another drive of Windows.
        return None
    return None if _is_above(path) else path


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


def _is_above(path: str) -> bool:
    return path == ".." or path.startswith("../")


def printable(name: str) -> str:
    r"""Returns a name that is UTF-8: other bytes are spelled out, as `\xf6`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
