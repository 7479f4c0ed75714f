"""File -> patient key, so that no patient is in two splits.

The key is declared, in this order: by a table (`tables`), by a regular
expression, by the DICOM header, by the names of the public data set (Kermany
et al. 2018, Mendeley Data, doi:10.17632/rscbjbr9sj). Version 2 of the latter
numbers the patients of each kind separately: `person1_virus_6.jpeg` and
`person1_bacteria_1.jpeg` are two people. A file that no rule knows is taken for
a patient of its own.
"""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import hashlib
import pathlib
import re
from typing import NamedTuple
from typing import Optional

from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import names
from xray_tfds.source import source_files

# Matched with whole stems; the group is the key, kind and number together.
_NAME_RULES = (
    # person<N>_<kind>_<i>, once person447_virus_921_1.
    (
        "names of version 2, pneumonia",
        re.compile(r"(?P<patient>person\d+_(bacteria|virus))_\d+(_\d+)?", re.I),
    ),
    # IM-<N>-<i>, NORMAL2-IM-<N>-<i>, some with a further number.
    (
        "names of version 2, normal",
        re.compile(r"(?P<patient>(NORMAL2-)?IM-\d+)(-\d+)+", re.I),
    ),
    # BACTERIA-<N>-<i>, VIRUS-<N>-<i>, NORMAL-<N>-<i>.
    (
        "names of version 3",
        re.compile(r"(?P<patient>(BACTERIA|VIRUS|NORMAL)-\d+)-\d+", re.I),
    ),
)

TABLE_RULE = "table"
PATTERN_RULE = "patient_pattern"
DICOM_RULE = "DICOM PatientID"
EXPORT_RULE = "folder of names that a viewer gives"
HASHED_RULES = (TABLE_RULE, DICOM_RULE)
NO_RULE = "none: the file is its own patient"

# What stands in the place of a PatientID that was removed, without spaces and
# punctuation. ANON12 is none of these: some anonymisers number the patients.
_NO_IDS = re.compile(
    r"(anon[a-z]*|deid|deidenti[a-z]*|pseudonym[a-z]*|unknown|unbekannt|none|"
    r"null|na|nan|noid|noname|removed|redacted|deleted|hidden|blank|empty|"
    r"confidential|private|patient|patientid|id|undefined|unspecified|missing|"
    r"unavailable|test|0+|x+)"
)
# Words that say nothing beside those.
_FILL_WORDS = {"no", "not", "name", "available", "specified", "given", "the"}


class Patient(NamedTuple):
    """Whose image a file is, and how that is known.

    Attributes:
        key: Equal for the images of one person; holds no value of a DICOM
            header or a table, only a keyed hash of it.
        rule: Name of the rule that gave it.
    """

    key: str
    rule: str


class PatientError(ValueError):
    """A rule that does not say clearly whose image a file is."""


def compile_pattern(pattern: str) -> Optional[re.Pattern[str]]:
    """Returns a compiled `patient_pattern`, `None` for an empty one.

    Raises:
        ValueError: If it is no regular expression with a group `patient`.
    """
    if not pattern:
        return None
    try:
        compiled = re.compile(names.compose(pattern))
    except re.error as error:
        raise ValueError(
            f"`patient_pattern` must be a regular expression: {error}. "
            f"Received: patient_pattern={pattern!r}"
        ) from error
    if "patient" not in compiled.groupindex:
        raise ValueError(
            "`patient_pattern` must have a group (?P<patient>...). Received: "
            f"patient_pattern={pattern!r}"
        )
    return compiled


def find_patient(
    file: source_files.SourceFile,
    *,
    pattern: Optional[re.Pattern[str]] = None,
    dicom_id: Optional[str] = None,
    hash_key: Optional[hash_key_lib.HashKey] = None,
) -> Patient:
    """Returns the `Patient` of a file.

    Args:
        file: Its `patient` is what a table says.
        pattern: Compiled expression with a group `patient`, searched for in
            `file.filename`; `None` for none.
        dicom_id: PatientID of the DICOM header; `None` for none.
        hash_key: As for `pseudonym`.

    Raises:
        PatientError: If the pattern finds two patients in one name.
    """
    if file.patient:
        return Patient(pseudonym(file.patient, hash_key), TABLE_RULE)
    if pattern is not None and (key := _search(pattern, file.filename)):
        return Patient(key, PATTERN_RULE)
    if dicom_id and not is_anonymous(dicom_id):
        return Patient(pseudonym(dicom_id, hash_key), DICOM_RULE)
    if file.is_export:
        folder = pathlib.PurePosixPath(file.filename).parent
        return Patient(f"folder:{file.split or ''}/{folder}", EXPORT_RULE)
    key, rule = _match_names(file.filename)
    if key:
        return Patient(key, rule)
    return Patient(f"file:{file.split or ''}/{file.filename}", NO_RULE)


def kind_of(key: str) -> str:
    """Returns by what a patient is known: name, hash, folder, or file alone.

    The last two say nothing of who it is.

    Args:
        key: As of a `Patient`.
    """
    kind, colon, _ = key.partition(":")
    return kind if colon and kind in ("hash", "folder", "file") else "name"


def is_anonymous(dicom_id: str) -> bool:
    """Whether a PatientID is what an anonymiser gives to everybody.

    A negative number of one digit, or of one again and again, such as -1 or
    -999, is a code for a value that is missing. Others may be hashes of an ID.
    """
    words = re.findall(r"[^\W_]+", dicom_id.lower())
    text = "".join(words)
    return (
        _NO_IDS.fullmatch(text) is not None
        or re.fullmatch(r"\s*-\s*(\d)\1*(\.0*)?\s*", dicom_id) is not None
        or all(
            word in _FILL_WORDS or (word.isalpha() and _NO_IDS.fullmatch(word))
            for word in words
        )
    )


def count_twins(identifiers: set[str]) -> int:
    """Returns how many identifiers differ from others in spelling alone."""
    return len(identifiers) - len({names.respell(i) for i in identifiers})


def find_exports(files: Sequence[source_files.SourceFile]) -> set[int]:
    """Finds files that a viewer has named like those of the public data set.

    Some viewers call the first film of every patient IM-0001-0001. The public
    set has no name twice in a class; where files in several folders below a
    class share one, the folder tells the patient better than the name does.

    Returns:
        Indices of the files of a rule of names that is wrong for them.
    """
    of_rule = collections.defaultdict(list)
    for index, file in enumerate(files):
        if file.filename.count("/") > 1:
            key, rule = _match_names(file.filename)
            if key:
                of_rule[rule].append(index)
    exports: set[int] = set()
    for indices in of_rule.values():
        same = collections.Counter(
            (
                files[i].split,
                files[i].label,
                pathlib.PurePosixPath(files[i].filename).name,
            )
            for i in indices
        )
        if max(same.values()) > 1:
            exports.update(indices)
    return exports


def check_pattern(
    files: Iterable[source_files.SourceFile], pattern: str
) -> None:
    """Raises PatientError if `patient_pattern` is ambiguous in any name.

    Args:
        files: Those to be searched.
        pattern: Not compiled; empty for none.
    """
    if compiled := compile_pattern(pattern):
        for file in files:
            _search(compiled, file.filename)


def pseudonym(
    value: str, hash_key: Optional[hash_key_lib.HashKey] = None
) -> str:
    """Returns a keyed hash of a value that may identify a person.

    BLAKE2b with a secret key (RFC 7693), 64 bits: who does not have the key
    cannot tell by trying all patient numbers whose image a record is.

    Args:
        value: Such as a PatientID.
        hash_key: `None` for this user's, read anew.
    """
    key = (hash_key or hash_key_lib.HashKey()).read()
    value = names.compose(value)
    digest = hashlib.blake2b(value.encode(), key=key, digest_size=8)
    return f"hash:{digest.hexdigest()}"


def _match_names(filename: str) -> tuple[str, str] | tuple[None, str]:
    stem = pathlib.PurePosixPath(filename).stem
    for rule, pattern in _NAME_RULES:
        if match := pattern.fullmatch(stem):
            # As the set has it, however a file was renamed: "im-1" is "IM-1".
            key = match["patient"]
            return key.lower() if "_" in key else key.upper(), rule
    return None, NO_RULE


def _search(pattern: re.Pattern[str], filename: str) -> Optional[str]:
    # The same letter on every system: macOS takes accents apart.
    found = {
        match["patient"]
        for match in pattern.finditer(names.compose(filename))
        if match["patient"] is not None
    }
    if len(found) > 1:
        raise PatientError(
            f"`patient_pattern` finds {len(found)} patients in {filename}: "
            f"{', '.join(sorted(found))}. Make it match once. Received: "
            f"patient_pattern={pattern.pattern!r}"
        )
    return found.pop() if found else None
