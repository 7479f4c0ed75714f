"""Which layout of `run.json` and checkpoints this program knows."""

from __future__ import annotations

from collections.abc import Mapping
import pathlib
from typing import Any

# Files without a version are of the first, which had none.
VERSION = 1


class NewerFormatError(ValueError):
    """A file was written by a later version of this program."""


def check(values: Mapping[str, Any], path: pathlib.Path) -> None:
    """Raises where this version cannot know what a file means.

    Args:
        values: Contents of the file, its version under "format".
        path: Of the file, for the error.

    Raises:
        NewerFormatError: If it is of a later version.
        ValueError: If its version is none.
    """
    version = values.get("format", 1)
    if type(version) is not int or version < 1:
        raise ValueError(f'"format" is {version!r:.40}')
    if version > VERSION:
        raise NewerFormatError(
            f"{path} was written by a newer version of this program (format "
            f"{version}; this one reads up to {VERSION}). Resume the run with "
            "that version, or begin a new one in a new directory by "
            "--resume=never."
        )
