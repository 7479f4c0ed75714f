"""File -> patient key, so that no patient is in two splits.

The key is declared, in this order: by a table (`tables`), by a regular
expression, by the DICOM header, by the names of the public data set (Kermany
et al. 2018, Mendeley Data, doi:10.17632/rscbjbr9sj). Version 2 of the latter
numbers the patients of each kind separately: `person1_virus_6.jpeg` and
`person1_bacteria_1.jpeg` are two people. A file that no rule knows is taken for
a patient of its own.
"""

import collections
import dataclasses
import hashlib
import os
import pathlib
import re
import secrets

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
NO_RULE = "none: the file is its own patient"

# Where the key of the hash is looked for, and kept once one was made.
HASH_KEY_VARIABLE = "XRAY_TFDS_HASH_KEY"
_HASH_KEY_FILE = pathlib.Path("~/.config/xray_tfds/hash_key")

_MAX_EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Patient:
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


def compile_pattern(pattern):
    """Returns a compiled `patient_pattern`, `None` for an empty one.

    Raises:
        ValueError: If it is no regular expression with a group `patient`.
    """
    if not pattern:
        return None
    try:
        compiled = re.compile(pattern)
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


def parse_patient(filename):
    """Returns the patient key in a file name, or `None` if no rule matches it.

    Args:
        filename: Name or path of an image, such as `normal/IM-0115-0001.jpeg`.
    """
    key, _ = _match_names(filename)
    return key


def find_patient(file, *, pattern=None, dicom_id=None, hash_key=None):
    """Returns the `Patient` of a file.

    Args:
        file: `scan.SourceFile`; its `patient` is what a table says.
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
    if dicom_id:
        return Patient(pseudonym(dicom_id, hash_key), DICOM_RULE)
    key, rule = _match_names(file.filename)
    if key:
        return Patient(key, rule)
    return Patient(f"file:{file.split or ''}/{file.filename}", NO_RULE)


def check_pattern(files, pattern):
    """Raises PatientError if `patient_pattern` is ambiguous in any name.

    Args:
        files: Sequence of `scan.SourceFile`.
        pattern: Not compiled; empty for none.
    """
    if compiled := compile_pattern(pattern):
        for file in files:
            _search(compiled, file.filename)


def pseudonym(value, hash_key=None):
    """Returns a keyed hash of a value that may identify a person.

    BLAKE2b with a secret key (RFC 7693), 64 bits: who does not have the key
    cannot tell by trying all patient numbers whose image a record is.

    Args:
        value: Such as a PatientID.
        hash_key: Bytes; `None` for `read_hash_key()`.
    """
    key = hash_key or read_hash_key()
    digest = hashlib.blake2b(value.encode(), key=key, digest_size=8)
    return f"hash:{digest.hexdigest()}"


def describe_rules(examined):
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


def find_doubts(examined):
    """Returns a sentence for each class whose patients are known in part.

    Args:
        examined: Iterable of `examine.ExaminedFile`.
    """
    totals: collections.Counter = collections.Counter()
    unknown = collections.defaultdict(list)
    for each in examined:
        totals[each.file.label] += 1
        if each.patient.rule == NO_RULE:
            unknown[each.file.label].append(each.file.filename)
    return [
        f"The patient is known for {totals[label] - len(names)} of the "
        f"{totals[label]} files of {label!r}, and not for the others, for "
        f"example {names[0]}."
        for label, names in unknown.items()
        if len(names) < totals[label]
    ]


def _match_names(filename):
    stem = pathlib.PurePosixPath(filename).stem
    for rule, pattern in _NAME_RULES:
        if match := pattern.fullmatch(stem):
            return match["patient"], rule
    return None, None


def _search(pattern, filename):
    found = {match["patient"] for match in pattern.finditer(filename)}
    found.discard(None)
    if len(found) > 1:
        raise PatientError(
            f"`patient_pattern` finds {len(found)} patients in {filename}: "
            f"{', '.join(sorted(found))}. Make it match once. Received: "
            f"patient_pattern={pattern.pattern!r}"
        )
    return found.pop() if found else None


def read_hash_key():
    """Returns this user's key for `pseudonym`, 32 bytes.

    It is made of the environment variable `XRAY_TFDS_HASH_KEY`, else of a
    random one that is kept in `~/.config/xray_tfds/hash_key` once needed.
    """
    if given := os.environ.get(HASH_KEY_VARIABLE):
        return hashlib.sha256(given.encode()).digest()
    path = _HASH_KEY_FILE.expanduser()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, also when two builds make one at a time.
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(secrets.token_hex(32))
        try:
            os.link(new, path)
        except FileExistsError:
            pass  # The other build's key is as good, and is the one to use.
        finally:
            new.unlink()
    return hashlib.sha256(path.read_bytes()).digest()
