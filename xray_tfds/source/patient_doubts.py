"""What the rules say of patients, and where that may be wrong."""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds.curate import examine

# A patient with more than half of the files is doubted, and one in more than
# half of the folders, from this number of files and folders on.
_MIN_DOUBTED_FILES = 8
_MIN_DOUBTED_FOLDERS = 4

_MAX_EXAMPLES = 3


def describe_rules(examined: Iterable["examine.ExaminedFile"]) -> list[dict]:
    """Returns which rule gave how many patients.

    Args:
        examined: Iterable of `examine.ExaminedFile`.

    Returns:
        List of dictionaries with `rule`, `files`, `patients` and `examples`
        (names of files).
    """
    names = collections.defaultdict(list)
    keys = collections.defaultdict(set)
    for each in examined:
        names[each.patient.rule].append(each.file.filename)
        keys[each.patient.rule].add(each.patient.key)
    return [
        {
            "rule": rule,
            "files": len(names[rule]),
            "patients": len(keys[rule]),
            "examples": names[rule][:_MAX_EXAMPLES],
        }
        for rule in sorted(names)
    ]


def find_doubts(examined: Sequence["examine.ExaminedFile"]) -> list[str]:
    """Returns sentences about patients who may be others.

    Those of a class who are known in part, and those of `find_strangers`.
    """
    return [*_doubt_part(examined), *find_strangers(examined)]


def find_strangers(examined: Sequence["examine.ExaminedFile"]) -> list[str]:
    """Returns sentences about patients who may be several people.

    One who has most of the files or lies in most of the folders, and names that
    viewers give.
    """
    return [*_doubt_largest(examined), *_doubt_exports(examined)]


def _doubt_part(examined: Sequence["examine.ExaminedFile"]) -> list[str]:
    totals: collections.Counter = collections.Counter()
    unknown = collections.defaultdict(list)
    for each in examined:
        totals[each.file.label] += 1
        if each.patient.rule == patients.NO_RULE:
            unknown[each.file.label].append(each.file.filename)
    return [
        f"The patient is known for {totals[label] - len(names)} of the "
        f"{totals[label]} files of {label!r}, and not for the others, for "
        f"example {names[0]}."
        for label, names in unknown.items()
        if len(names) < totals[label]
    ]


def _doubt_largest(examined: Sequence["examine.ExaminedFile"]) -> list[str]:
    """Doubts a patient of most files or folders: it may be a default value."""
    files = collections.defaultdict(list)
    for each in examined:
        files[each.patient].append(each.file)
    if not files:
        return []
    largest = max(files, key=lambda patient: len(files[patient]))
    count, folders = len(files[largest]), _folders(files[largest])
    total, all_folders = len(examined), _folders(f.file for f in examined)
    if not (
        (count >= _MIN_DOUBTED_FILES and 2 * count > total)
        or (
            len(folders) >= _MIN_DOUBTED_FOLDERS
            and 2 * len(folders) > len(all_folders)
        )
    ):
        return []
    return [
        f"The rule {largest.rule!r} makes one patient of {count} of {total} "
        f"files in {len(folders)} folders, for example "
        f"{files[largest][0].filename}. If they are of several people, say "
        "whose each file is with `patient_pattern` or `patients_csv`."
    ]


def _doubt_exports(examined: Sequence["examine.ExaminedFile"]) -> list[str]:
    names = [
        f.file.filename
        for f in examined
        if f.patient.rule == patients.EXPORT_RULE
    ]
    if not names:
        return []
    return [
        f"{len(names)} files have names that a viewer gives to films of any "
        f"patient, for example {names[0]}: each folder is taken for a patient. "
        "If that is wrong, use `patient_pattern` or `patients_csv`."
    ]


def _folders(files: Iterable[source_files.SourceFile]) -> set[tuple]:
    return {(f.split, f.filename.rpartition("/")[0]) for f in files}
