"""Files as an error lists them: some of them, where there are many."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xray_tfds.curate import examine

_MAX_LISTED = 10


def names(
    examined: Sequence[examine.ExaminedFile], members: Iterable[int]
) -> str:
    """Returns the names of some files, one of each split first."""
    files = [examined[index].file for index in members]
    first_of = {file.split: file for file in reversed(files)}
    files.sort(key=lambda file: file is not first_of[file.split])
    return ", ".join(
        _shorten("/".join(filter(None, (f.split, f.filename))) for f in files)
    )


def list_bad(
    examined: Sequence[examine.ExaminedFile], bad: Iterable[int]
) -> str:
    """Returns a line for each file, with what is wrong with it."""
    files = (examined[index] for index in bad)
    return join_lines(f"{f.file.path}: {f.reason}: {f.detail}" for f in files)


def join_lines(lines: Iterable[str]) -> str:
    """Returns lines as a list below a sentence."""
    return "\n".join(f"  {line}" for line in _shorten(lines))


def _shorten(items: Iterable[str]) -> list[str]:
    items = list(items)
    if rest := items[_MAX_LISTED:]:
        items[_MAX_LISTED:] = [f"and {len(rest)} more"]
    return items
