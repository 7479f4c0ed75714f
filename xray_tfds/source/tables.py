"""A CSV file that says whose images the files are, and perhaps their label.

    filename,patient,label,split
    NORMAL/a.png,p-17,normal,train

`filename` is relative to the image folder; `label` and `split` are optional. A
table with labels replaces the layout of the folders: the files that it names
are the dataset, wherever they lie.
"""

import csv
import dataclasses
import hashlib
import io

from etils import epath

_REQUIRED = ("filename", "patient")
_OPTIONAL = ("label", "split")

# How many names an error lists.
_MAX_NAMES = 5


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
        rows: Dictionary of file name to `Row`.
        has_labels: Whether it has a column `label`.
        digest: Hexadecimal SHA-256 of the file.
    """

    path: str
    rows: dict
    has_labels: bool
    digest: str


def read_table(path):
    """Reads and checks a table.

    Args:
        path: Any path that `etils.epath` understands.

    Returns:
        A `Table`; `None` for an empty path.

    Raises:
        ValueError: If it is missing, or not as described above.
    """
    if not path:
        return None
    file = epath.Path(path).expanduser()
    if not file.is_file():
        raise ValueError(
            "`patients_csv` must be an existing file. Received: "
            f"patients_csv={path!r}"
        )
    data = file.read_bytes()
    # Spreadsheets put a byte order mark before the first column's name.
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    columns = tuple(reader.fieldnames or ())
    _check_columns(path, columns)
    rows: dict = {}
    for values in reader:
        _add_row(path, reader.line_num, rows, values, columns)
    if not rows:
        raise ValueError(
            f"`patients_csv` must name at least one file. Received: {path}"
        )
    return Table(
        path=str(path),
        rows=rows,
        has_labels="label" in columns,
        digest=hashlib.sha256(data).hexdigest(),
    )


def check_files_exist(table, root):
    """Raises ValueError unless every file of a table lies below `root`."""
    missing = [name for name in table.rows if not (root / name).is_file()]
    if missing:
        shown = ", ".join(missing[:_MAX_NAMES])
        raise ValueError(
            f"`patients_csv` must name files below {root}. {table.path} names"
            f" {len(missing)} that are not there, for example {shown}"
        )


def _check_columns(path, columns):
    unknown = set(columns) - set(_REQUIRED) - set(_OPTIONAL)
    missing = set(_REQUIRED) - set(columns)
    if missing or unknown or len(set(columns)) != len(columns):
        raise ValueError(
            f"`patients_csv` must have the columns {', '.join(_REQUIRED)} and,"
            f" if wanted, {', '.join(_OPTIONAL)}. Received: {path} with"
            f" {', '.join(columns) or 'no columns'}"
        )


def _add_row(path, line, rows, values, columns):
    """Adds what a line says, and checks that it says all and only once."""
    where = f"line {line} of {path}"
    if None in values or None in values.values():
        raise ValueError(
            f"`patients_csv` must have {len(columns)} values in each line."
            f" Received: {where}"
        )
    name = values["filename"].strip().replace("\\", "/")
    row = Row(**{k: values[k].strip() for k in columns if k != "filename"})
    needed = [column for column in columns if column != "split"]
    if not name or not all(values[column].strip() for column in needed):
        raise ValueError(
            f"`patients_csv` must have a value for {', '.join(needed)} in each"
            f" line. Received: {where}"
        )
    if rows.setdefault(name, row) != row:
        raise ValueError(
            f"`patients_csv` must name a file once. Received: {name} again, and"
            f" otherwise, in {where}"
        )
