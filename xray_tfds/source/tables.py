"""A CSV file that says whose images the files are, and perhaps their label.

    filename,patient,label,split
    NORMAL/a.png,p-17,normal,train

`filename` is relative to the image folder, or absolute and below it; `label`,
and with it `split`, are optional. A table with labels replaces the layout of
the folders: the files that it names are the dataset, wherever they lie.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterable
import csv
import dataclasses
import hashlib
import io
import os
from typing import Optional

from etils import epath

from disk import cells
from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import names as names_lib

_REQUIRED = ("filename", "patient")
_OPTIONAL = ("label", "split")

# How paths begin, and names of patients do not.
_ROOTS = ("/", "./", "../", "~")

# How many names an error lists.
_MAX_NAMES = 5

# How a name in a table and that of a file are compared, the strictest first.
_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    names_lib.compose,
    names_lib.fold,
)


@dataclasses.dataclass(frozen=True)
class Row:
    """What a table says of one file; what it does not say is empty."""

    patient: str
    label: str = ""
    split: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """The content of a table.

    Attributes:
        path: Where it was read, for errors.
        rows: File name as in the table -> `Row`.
        has_labels: Whether it has a column `label`.
        digest: Hexadecimal SHA-256 of the file.
    """

    path: str
    rows: dict[str, Row]
    has_labels: bool
    digest: str


def read_table(path: str) -> Optional[Table]:
    """Reads and checks a table.

    Args:
        path: Of this machine or of a bucket.

    Returns:
        A `Table`; `None` for an empty path.

    Raises:
        ValueError: If it is missing, or not as described above.
    """
    if not path:
        return None
    is_path = isinstance(path, (str, os.PathLike))
    file = files_lib.to_path(path).expanduser() if is_path else None
    if file is None or not files_lib.is_file(file):
        given = os.fspath(path) if is_path else path
        raise ValueError(
            "`patients_csv` must be an existing file. Received: "
            f"patients_csv={given!r}"
        )
    try:
        data, _ = files_lib.read(file)
    except decode_errors.BadFile as error:
        raise ValueError(
            f"`patients_csv` must be a file that can be read: {error.detail}."
            f" Received: patients_csv={os.fspath(path)!r}"
        ) from error
    text = cells.decode_table(data, option="patients_csv", path=path)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows: dict[str, Row] = {}
    try:
        columns = tuple(
            names_lib.fold(name.strip()) for name in reader.fieldnames or ()
        )
        reader.fieldnames = columns
        _check_columns(path, columns)
        for values in reader:
            _add_row(f"line {reader.line_num} of {path}", rows, values, columns)
    except csv.Error as error:
        raise ValueError(
            "`patients_csv` must be a table of comma-separated values. "
            f"Received: {path} with line {reader.line_num + 1}: {error}"
        ) from error
    if not rows:
        raise ValueError(
            f"`patients_csv` must name at least one file. Received: {path}"
        )
    if "label" not in columns and any(row.split for row in rows.values()):
        raise ValueError(
            "`patients_csv` must have the column label beside split: without "
            "labels, the folders say class and split. Add the labels, or leave "
            f"out the splits. Received: {path}"
        )
    return Table(
        path=str(path),
        rows=rows,
        has_labels="label" in columns,
        digest=hashlib.sha256(data).hexdigest(),
    )


def match_rows(
    table: Table, root: epath.Path, found: Iterable[str]
) -> dict[str, Row]:
    """Finds the files that a table names.

    Names are equal as they are; or in Unicode's normal form, with either kind
    of slash; or else in any case.

    Args:
        table: The `Table`.
        root: The source folder.
        found: Names of files relative to it.

    Returns:
        Name in `found` -> `Row`. A row may be of a file that is there and not
        among those found.

    Raises:
        SourceError: If a name is of no file below the root, or of several.
    """
    by_form: list[dict[str, list[str]]] = []
    found = list(found)
    for form in _FORMS:
        by_name = collections.defaultdict(list)
        for name in found:
            by_name[form(name)].append(name)
        by_form.append(by_name)
    rows: dict[str, Row] = {}
    missing = []
    for given, row in table.rows.items():
        match = _match(table, given, root, by_form)
        if match is None:
            missing.append(given)
        elif rows.setdefault(match, row) != row:
            raise _named_twice(match, f"as {_quote(given)}, in {table.path}")
    if missing:
        raise errors.SourceError(
            f"`patients_csv` must name files below {root}. {table.path} names "
            f"{len(missing)} that are not there, for example "
            f"{', '.join(map(_quote, missing[:_MAX_NAMES]))}"
            f"{_suggest(missing[0], found)}"
        )
    return rows


def _match(
    table: Table,
    given: str,
    root: epath.Path,
    by_form: list[dict[str, list[str]]],
) -> Optional[str]:
    """Returns the file that a name in a table is of, `None` if none is."""
    if given in by_form[0]:
        return given
    relative = names_lib.relative(given, os.fspath(root))
    if relative is None:
        raise errors.SourceError(
            f"`patients_csv` must name files below {root}. {table.path} names "
            f"{_quote(given)}, which is outside it."
        )
    for form, by_name in zip(_FORMS, by_form):
        matches = by_name.get(form(relative), [])
        if len(matches) > 1:
            raise errors.SourceError(
                f"`patients_csv` must name one file in each row. {table.path} "
                f"names {_quote(given)}, which may be {' or '.join(matches)}."
            )
        if matches:
            return matches[0]
    return relative if files_lib.is_file(root / relative) else None


def _suggest(given: str, found: Iterable[str]) -> str:
    """Returns a question if a file has a name without what the other has.

    That is its extension, or folders above it.
    """
    wanted = _without_extension(given.replace("\\", "/"))
    meant = [
        name
        for name in found
        if f"/{wanted}".endswith(f"/{(known := _without_extension(name))}")
        or f"/{known}".endswith(f"/{wanted}")
    ]
    if not meant:
        return ""
    return (
        f". Is {' or '.join(meant[:2])} meant? Names are those of the files, "
        "with the folders below that of the images, and the extension."
    )


def _without_extension(name: str) -> str:
    folded = names_lib.fold(name)
    stem, extension = os.path.splitext(folded)
    return stem if extension in images.SUFFIXES else folded


def _quote(name: str) -> str:
    """Returns a file name for an error; not what may be a patient's name."""
    if name.lower().endswith(images.SUFFIXES) or name.startswith(_ROOTS):
        return name
    return f"a value of {len(name)} characters that no image is named like"


def _check_columns(path: str, columns: tuple[str, ...]) -> None:
    unknown = set(columns) - set(_REQUIRED) - set(_OPTIONAL)
    missing = set(_REQUIRED) - set(columns)
    if "filename" in missing:
        cells.check_separator(columns, option="patients_csv", path=path)
    if missing or unknown or len(set(columns)) != len(columns):
        # A table without a header begins with a patient, who is not named.
        known = [name for name in columns if name in _REQUIRED + _OPTIONAL]
        if others := len(columns) - len(known):
            known.append(f"{others} of other names")
        raise ValueError(
            f"`patients_csv` must have the columns {', '.join(_REQUIRED)} and,"
            f" if wanted, {', '.join(_OPTIONAL)}. Received: {path} with"
            f" {', '.join(known) or 'no columns'}"
        )


def _add_row(
    where: str, rows: dict[str, Row], values: dict, columns: tuple[str, ...]
) -> None:
    """Adds what a line says, and checks that it says all and only once."""
    if None in values or None in values.values():
        raise ValueError(
            f"`patients_csv` must have {len(columns)} values in each line."
            f" Received: {where}"
        )
    name = values["filename"].strip()
    row = Row(
        **{
            column: names_lib.compose(values[column].strip())
            for column in columns
            if column != "filename"
        }
    )
    needed = [column for column in columns if column != "split"]
    if not name or not all(values[column].strip() for column in needed):
        raise ValueError(
            f"`patients_csv` must have a value for {', '.join(needed)} in each"
            f" line. Received: {where}"
        )
    if rows.setdefault(name, row) != row:
        raise _named_twice(name, f"in {where}")


def _named_twice(name: str, where: str) -> errors.SourceError:
    return errors.SourceError(
        "`patients_csv` must name a file once. Received: "
        f"{_quote(name)} again, and otherwise, {where}"
    )
