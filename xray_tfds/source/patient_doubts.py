"""What the rules say of patients, and where that may be wrong."""

import collections
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import re
from typing import TYPE_CHECKING

from xray_tfds.source import errors
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds.curate import findings

# A patient with more than half of the files, or of those of a class, is
# doubted, and one in more than half of the folders, from this number of files
# and folders on; and one with more than a third of the files, where most
# patients have so many times fewer.
_MIN_DOUBTED_FILES = 8
_MIN_DOUBTED_FOLDERS = 4
_MIN_DOUBTED_TIMES = 8

# As many films a patient has nobody: public sets of chest X-rays have 1 to 6.
_MIN_DOUBTED_MEAN = 10

# How names may tell a patient that no rule knows: by the folder below that of
# the class, or but for a view or a number of up to three digits at the end.
_GROUPINGS = (
    "^[^/]+/(?P<patient>[^/]+)/",
    "(?:^|/)(?P<patient>[^/]+)[_-](?:[0-9]{1,3}|[A-Za-z]+)[.][^/.]*$",
)

_MAX_EXAMPLES = 3


def describe_rules(examined: Iterable["findings.Owned"]) -> list[dict]:
    """Returns which rule gave how many patients.

    Args:
        examined: Iterable of `findings.Owned`.

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


def find_doubts(examined: Sequence["findings.Owned"]) -> list[str]:
    """Returns sentences about patients who may be others.

    Those of a class who are known in part, files that may be of one person, and
    those of `find_strangers`.
    """
    return [
        *_doubt_part(examined),
        *_doubt_alike(examined),
        *_doubt_spellings(examined),
        *find_strangers(examined),
    ]


def find_strangers(examined: Sequence["findings.Owned"]) -> list[str]:
    """Returns sentences about patients who may be several people.

    One who has most of the files or lies in most of the folders, few patients
    of many files, and names that viewers give.
    """
    return [
        *(_doubt_largest(examined) or _doubt_few(examined)),
        *_doubt_exports(examined),
    ]


def _doubt_part(examined: Sequence["findings.Owned"]) -> list[str]:
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


def _doubt_alike(examined: Sequence["findings.Owned"]) -> list[str]:
    """Doubts files of their own whose names fall into small groups."""
    unknown = [
        each.file.filename
        for each in examined
        if each.patient.rule == patients.NO_RULE
    ]
    for pattern in _GROUPINGS:
        groups = collections.defaultdict(list)
        for name in unknown:
            if match := re.search(pattern, name):
                groups[match["patient"]].append(name)
        several = [group for group in groups.values() if len(group) > 1]
        number = sum(map(len, several))
        if (
            len(several) >= _MIN_DOUBTED_FOLDERS
            and 2 * number >= len(unknown)
            and number < _MIN_DOUBTED_MEAN * len(several)
        ):
            return [
                f"The names of {number} files whose patient no rule knows fall "
                f"into {len(several)} groups, for example "
                f"{' and '.join(several[0][:2])}. If each group is of one "
                "person, who may now be in several splits, set "
                "`patient_pattern`: "
                f"{errors.spell_option('patient_pattern', pattern)}."
            ]
    return []


def _doubt_spellings(examined: Sequence["findings.Owned"]) -> list[str]:
    twins = patients.count_twins(
        {
            each.patient.key
            for each in examined
            if each.patient.rule == patients.PATTERN_RULE
        }
    )
    if not twins:
        return []
    return [
        f"`patient_pattern` finds {twins} patients who differ from others in "
        "case, spaces or leading zeros alone. They are taken for different "
        "people: if they are not, rename the files or use `patients_csv`."
    ]


def _doubt_largest(examined: Sequence["findings.Owned"]) -> list[str]:
    """Doubts a patient of most files or folders: it may be a default value."""
    files = collections.defaultdict(list)
    totals: collections.Counter = collections.Counter()
    for each in examined:
        files[each.patient].append(each.file)
        totals[each.file.label] += 1
    if not files:
        return []
    largest = max(files, key=lambda patient: len(files[patient]))
    count, folders = len(files[largest]), _folders(files[largest])
    total, all_folders = len(examined), _folders(f.file for f in examined)
    median = sorted(map(len, files.values()))[len(files) // 2]
    if (
        count >= _MIN_DOUBTED_FILES
        and (
            2 * count > total
            or (3 * count > total and count >= _MIN_DOUBTED_TIMES * median)
        )
    ) or (
        len(folders) >= _MIN_DOUBTED_FOLDERS
        and 2 * len(folders) > len(all_folders)
    ):
        return [_explain_largest(largest, files[largest], f"{total} files")]
    doubts = []
    for patient, found in files.items():
        if len(found) < _MIN_DOUBTED_FILES:
            continue
        for label, total in totals.items():
            chosen = [file for file in found if file.label == label]
            if len(chosen) >= _MIN_DOUBTED_FILES and 2 * len(chosen) > total:
                whole = f"{total} files of {label!r}"
                doubts.append(_explain_largest(patient, chosen, whole))
    return doubts


def _explain_largest(
    patient: patients.Patient,
    files: Sequence[source_files.SourceFile],
    whole: str,
) -> str:
    return (
        f"The rule {patient.rule!r} makes one patient of {len(files)} of "
        f"{whole} in {len(_folders(files))} folders, for example "
        f"{files[0].filename}. If they are of several people, say "
        "whose each file is with `patient_pattern` or `patients_csv`."
    )


def _doubt_few(examined: Sequence["findings.Owned"]) -> Iterator[str]:
    """Doubts a rule that makes few patients of many files."""
    for rule in describe_rules(examined):
        if (
            rule["rule"] not in (patients.NO_RULE, patients.EXPORT_RULE)
            and rule["files"] >= _MIN_DOUBTED_MEAN * rule["patients"]
        ):
            number = rule["patients"]
            yield (
                f"The rule {rule['rule']!r} makes {number} "
                f"patient{'s' * (number > 1)} of {rule['files']} files, for "
                f"example of {' and '.join(rule['examples'][:2])}. If they are "
                "more people, say whose each file is with `patient_pattern` or "
                "`patients_csv`."
            )


def _doubt_exports(examined: Sequence["findings.Owned"]) -> list[str]:
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
