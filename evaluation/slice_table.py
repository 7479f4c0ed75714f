"""A CSV file of columns to slice by.

    filename,age,sex
    NORMAL/a.png,54,f

`filename` is a key of the records, or so much of the end of it as is enough to
know the file; a longer path ends with the key. Files of other splits may be
there, too; images without a row are not stated.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
import csv
import io
import pathlib
import unicodedata

from disk import cells
from evaluation import slices

_NAME = "filename"


def read(path: str, keys: Sequence[str]) -> list[slices.Column]:
    """Reads a table.

    Args:
        path: Of a file.
        keys: Of the images that are evaluated.

    Returns:
        Each column but `filename`, its values in the order of the keys.

    Raises:
        ValueError: If there is no such file, it is not as described above, or
            has no row of any of these images.
    """
    names, rows = _parse(path, _read_text(path))
    find = _Finder(path, keys)
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for line, filename, values in rows:
        key = find.key_of(filename, line)
        if key is None:
            continue
        first, given = found.setdefault(key, (line, values))
        if given != values:
            raise ValueError(
                "`slices` must name a file once. Received: "
                f"{path} with {key} in line {first}, and otherwise in line"
                f" {line}"
            )
    if not found:
        raise ValueError(
            f"`slices` must name images that are evaluated, such as {keys[0]}."
            f" Received: {path}, where none of {len(rows)} rows does."
        )
    nothing = 0, ("",) * len(names)
    table = [found.get(key, nothing)[1] for key in keys]
    return [
        slices.column_of(name, column)
        for name, column in zip(names, zip(*table))
    ]


def _read_text(path: str) -> str:
    """Returns the text of a table, without its byte order mark."""
    file = pathlib.Path(path).expanduser()
    if not file.is_file():
        raise ValueError(
            f"`slices` must be an existing file. Received: slices={path!r}"
        )
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ValueError(
            f"`slices` must be a file that can be read: {error.strerror}."
            f" Received: slices={path!r}"
        ) from error
    return cells.decode_table(data, option="slices", path=path)


def _parse(
    path: str, text: str
) -> tuple[list[str], list[tuple[int, str, tuple[str, ...]]]]:
    """Returns the names of the columns, and line, file and values of rows."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        place = header.index(_NAME)
        for row in reader:
            if not row:
                continue
            values = [value.strip() for value in row]
            if len(values) != len(header) or not values[place]:
                raise ValueError(
                    f"`slices` must have {len(header)} values in each line, one"
                    f" of them a {_NAME}. Received: line {reader.line_num} of"
                    f" {path}"
                )
            filename = values.pop(place)
            rows.append((reader.line_num, filename, tuple(values)))
    except csv.Error as error:
        raise ValueError(
            "`slices` must be a table of comma-separated values. Received: "
            f"{path} with line {reader.line_num}: {error}"
        ) from error
    if not rows:
        raise ValueError(
            f"`slices` must name at least one file. Received: {path}"
        )
    header.remove(_NAME)
    return header, rows


def _check_header(path: str, header: list[str]) -> None:
    if _NAME not in header:
        cells.check_separator(header, option="slices", path=path)
    if (
        _NAME not in header
        or len(header) < 2
        or "" in header
        or len(set(header)) != len(header)
    ):
        # A table without a header begins with a patient, who is not named.
        raise ValueError(
            f"`slices` must have a header of different names, {_NAME} and at"
            f" least one more. Received: {path} with {len(header)} columns"
            + ("" if _NAME in header else f", none of them {_NAME}")
        )


class _Finder:
    """Knows keys by any part of their end that is of no other key."""

    def __init__(self, path: str, keys: Sequence[str]) -> None:
        """Lists the ends.

        Args:
            path: Of the table, for errors.
            keys: Of the images that are evaluated.
        """
        self._path = path
        self._keys = {_normal(key): key for key in keys}
        self._ends = collections.defaultdict(list)
        for normal, key in self._keys.items():
            for end in _ends(normal):
                self._ends[end].append(key)

    def key_of(self, filename: str, line: int) -> str | None:
        """Returns the key that a row is of, `None` if it is of no image here.

        Raises:
            ValueError: If it may be several.
        """
        normal = _normal(filename)
        if normal in self._keys:
            return self._keys[normal]
        matches = self._ends.get(normal, [])
        if len(matches) > 1:
            raise ValueError(
                "`slices` must name one file in each row. Received: line"
                f" {line} of {self._path} names {filename}, which may be"
                f" {matches[0]} or {matches[1]}"
            )
        if matches:
            return matches[0]
        longer = (self._keys.get(end) for end in _ends(normal))
        return next(filter(None, longer), None)


def _normal(name: str) -> str:
    """Returns a name as it is written here: slashes, composed characters."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/")
    return name.removeprefix("./")


def _ends(name: str) -> list[str]:
    """Returns a path without its first 0, 1, ... folders."""
    parts = name.split("/")
    return ["/".join(parts[index:]) for index in range(len(parts))]
