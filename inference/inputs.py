"""Which files are meant by what stands on a command line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from collections.abc import Iterator
import glob
import os
import pathlib
from typing import BinaryIO
from typing import NamedTuple

from xray_tfds.source import files as files_lib
from xray_tfds.source import other_folders
from xray_tfds.source import tree as tree_lib

STDIN = "-"

_NO_SUCH_FILE = "not accessible: there is no such file"

_BLOCK_BYTES = 2**16


class Input(NamedTuple):
    """Something that was named, or lies in a folder that was.

    Attributes:
        path: As it was named; bytes that are no text are escaped as Python
            does it (`os.fsdecode`).
        error: Why there is nothing to be read; empty for a file.
    """

    path: str
    error: str = ""


def expand(arguments: Iterable[str], stdin: BinaryIO) -> Iterator[Input]:
    """Yields the files that are meant, in the order in which they are named.

    Nothing that was named is left out: what is not there, or cannot be listed,
    is yielded with the reason. Of what lies in a folder, at any depth and by
    name, only hidden files are left out, as the builder does. What the builder
    takes for masks there, by its name, is yielded with that as the reason; who
    names such a file itself means it.

    Args:
        arguments: Files, folders, patterns for `glob`, or `-`.
        stdin: What `-` stands for: such names, one a line, or with NUL behind
            each as `find -print0` writes them.

    Raises:
        ValueError: If standard input cannot be read.
    """
    for argument in arguments:
        names = read_names(stdin) if argument == STDIN else [argument]
        for name in names:
            yield from _expand(name)


def read_names(stream: BinaryIO) -> Iterator[str]:
    """Yields the names in a list, without the empty ones.

    Raises:
        ValueError: If it cannot be read.
    """
    rest, end = b"", None
    while block := _read_block(stream):
        rest += block
        if end is None and (b"\0" in rest or b"\n" in rest):
            # No name holds NUL, which therefore is no accident.
            end = b"\0" if b"\0" in rest else b"\n"
            rest = _without_mark(rest, end)
        if end is not None:
            *names, rest = rest.split(end)
            yield from _decode(names, end)
    yield from _decode([rest if end else _without_mark(rest, end)], end)


def _without_mark(text: bytes, end: bytes | None) -> bytes:
    """Returns a list without the byte order mark of an editor."""
    return text if end == b"\0" else text.removeprefix(codecs.BOM_UTF8)


def _read_block(stream: BinaryIO) -> bytes:
    try:
        block: bytes = stream.read1(_BLOCK_BYTES)  # type: ignore[attr-defined]
        return block
    except OSError as error:
        raise ValueError(
            "The list on standard input cannot be read: "
            f"{error.strerror or error}. Name files instead of -, or pipe a "
            "list in: find DIR -print0 | python predict.py -."
        ) from error


def _decode(names: Iterable[bytes], end: bytes | None) -> Iterator[str]:
    for name in names:
        # Lists from Windows end lines with both.
        name = name if end == b"\0" else name.removesuffix(b"\r")
        if name:
            yield os.fsdecode(name)


def _expand(name: str) -> Iterator[Input]:
    if not files_lib.is_local(name):
        # Brackets and the like mean nothing in a bucket.
        yield Input(name)
    elif os.path.isdir(name):
        yield from _walk(name)
    elif glob.has_magic(name) and not os.path.lexists(name):
        # Of `**/**` each is found in as many ways as it has folders.
        found = sorted(set(glob.iglob(name, recursive=True)))
        if not found:
            yield Input(name, "not accessible: no file matches the pattern")
        yield from _expand_found(found)
    else:
        yield Input(name, "" if os.path.lexists(name) else _NO_SUCH_FILE)


def _expand_found(paths: Iterable[str]) -> Iterator[Input]:
    """Yields what a pattern has found: a folder comes before what is in it."""
    walked: set[pathlib.PurePath] = set()
    for path in paths:
        # `films/**` finds `films`, and all that is in it once more.
        if not walked.isdisjoint(pathlib.PurePath(path).parents):
            continue
        if os.path.isdir(path):
            walked.add(pathlib.PurePath(path))
            yield from _walk(path)
        else:
            yield Input(path)


def _walk(folder: str) -> Iterator[Input]:
    """Yields what a folder holds, at any depth."""
    # Not by recursion: paths may be deeper than Python's stack.
    entered = [_list(folder)]
    while entered:
        found = next(entered[-1], None)
        if found is None:
            entered.pop()
        elif isinstance(found, Input):
            yield found
        else:
            entered.append(_list(found))


def _list(folder: str) -> Iterator[Input | str]:
    """Yields files in a folder, and the paths of folders in it, by name.

    A folder without anything is yielded itself, and so is one that holds no
    films or is not to be followed, with the reason.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        yield Input(folder, f"not accessible: a folder, {error.strerror}")
        return
    shown = [name for name in names if not tree_lib.is_hidden(name)]
    if not shown:
        yield Input(folder, "empty: a folder without files")
    masks = other_folders.find_masks(shown)
    for name in shown:
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            reason = f"not scored: {other_folders.NO_FILM}"
            yield Input(path, reason if name in masks else "")
        elif os.path.islink(path):
            yield Input(path, f"not accessible: {tree_lib.LINKED}")
        elif other_folders.holds_no_films(name):
            yield Input(path, f"not scored: a folder {other_folders.NO_FILMS}")
        else:
            yield path
