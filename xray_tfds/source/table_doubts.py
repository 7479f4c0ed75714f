"""What a table says that may be meant otherwise."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from collections.abc import Sequence
import os

from etils import epath

from xray_tfds.source import names as names_lib
from xray_tfds.source import patients
from xray_tfds.source import tables


def find_doubts(
    table: tables.Table, root: epath.Path, class_names: Sequence[str]
) -> list[str]:
    """Returns sentences about rows that name files which are there.

    No value of the column `patient` is in them.

    Args:
        table: The `tables.Table`.
        root: The source folder.
        class_names: Names of the classes.
    """
    return [
        *_doubt_labels(table, root, class_names),
        *_doubt_missing(table),
        *_doubt_spellings(table),
    ]


def _doubt_labels(
    table: tables.Table, root: epath.Path, class_names: Sequence[str]
) -> Iterator[str]:
    """Doubts labels of files in folders of other classes: rows may be mixed."""
    classes = {names_lib.fold(name) for name in class_names}
    others = [
        name
        for name, row in table.rows.items()
        if row.label
        and names_lib.fold(row.label)
        not in (found := _folders(name, root) & classes)
        and found
    ]
    if others:
        yield (
            f"patients_csv gives {len(others)} of {len(table.rows)} files "
            "another class than the folder that they lie in is named after, "
            f"for example {names_lib.printable(others[0])}. The table was "
            "followed."
        )


def _folders(name: str, root: epath.Path) -> set[str]:
    """Returns the folders below the root that a file lies in."""
    relative = names_lib.relative(name, os.fspath(root)) or name
    return {names_lib.fold(part) for part in relative.split("/")[:-1]}


def _doubt_missing(table: tables.Table) -> Iterator[str]:
    """Doubts patients named like a value that is missing."""
    counts = collections.Counter(
        row.patient
        for row in table.rows.values()
        # Those of digits alone are numbers of patients here.
        if patients.is_anonymous(row.patient) and not row.patient.isdigit()
    )
    total = sum(count for count in counts.values() if count > 1)
    if total:
        yield (
            f"patients_csv has {total} files of patients who are named like a "
            "missing value, as nan, NA or unknown, and taken for one person "
            "each. If they are several, give each a name of their own."
        )


def _doubt_spellings(table: tables.Table) -> Iterator[str]:
    """Doubts patients who differ in their spelling alone."""
    twins = patients.count_twins({row.patient for row in table.rows.values()})
    if twins:
        yield (
            f"patients_csv has {twins} patients whose names differ from those "
            "of others in case, spaces, leading zeros or a .0 alone. They are "
            "taken for different people: if they are not, write them alike."
        )
