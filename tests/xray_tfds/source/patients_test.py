"""Patient keys, against counts of the public data set taken by hand."""

import pytest

from tests.helpers import image_trees
from xray_tfds.source import hash_key
from xray_tfds.source import patients
from xray_tfds.source import scan


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("PNEUMONIA/person1_virus_6.jpeg", "person1_virus"),
        ("PNEUMONIA/person1_bacteria_1.jpeg", "person1_bacteria"),
        # The one irregular name of the public data set.
        ("PNEUMONIA/person447_virus_921_1.jpeg", "person447_virus"),
        ("NORMAL/IM-0115-0001.jpeg", "IM-0115"),
        ("NORMAL/IM-0433-0001-0002.jpeg", "IM-0433"),
        ("NORMAL/NORMAL2-IM-0115-0001.jpeg", "NORMAL2-IM-0115"),
        ("BACTERIA-1008087-0001.jpeg", "BACTERIA-1008087"),
        ("a/VIRUS-25-3.png", "VIRUS-25"),
        ("NORMAL-28501-0001.jpeg", "NORMAL-28501"),
        ("person_1.jpeg", None),
        ("scan of person1_virus_6.jpeg", None),
        ("12.png", None),
    ],
)
def test_parse_patient_of_known_names(filename, expected):
    assert patients.parse_patient(filename) == expected


def test_file_of_unknown_name_is_a_patient_of_its_own():
    files = [
        scan.SourceFile(None, f"normal/{name}", "normal", split)
        for name in ("1.png", "2.png")
        for split in ("train", "test")
    ]
    assert len({patients.find_patient(file) for file in files}) == 4


@image_trees.needs_real_images
def test_patient_counts_of_the_public_training_split():
    folder = image_trees.REAL_IMAGES / "chest_xray" / "train"
    for label, expected in (("NORMAL", 1211), ("PNEUMONIA", 2443)):
        names = [path.name for path in (folder / label).iterdir()]
        keys = {patients.parse_patient(name) for name in names}
        assert None not in keys
        assert len(keys) == expected


def _file(name, **fields):
    return scan.SourceFile(None, name, "normal", None, **fields)


def test_rules_come_in_their_order(monkeypatch):
    monkeypatch.setenv(hash_key.VARIABLE, "secret")
    pattern = patients.compile_pattern(r"p(?P<patient>\d+)")
    name = "p7/IM-0115-0001.jpeg"
    found = [
        patients.find_patient(_file(name), dicom_id="MRN"),
        patients.find_patient(_file(name), pattern=pattern, dicom_id="MRN"),
        patients.find_patient(_file(name, patient="a"), pattern=pattern),
        patients.find_patient(_file(name)),
    ]
    assert [patient.rule for patient in found] == [
        patients.DICOM_RULE,
        patients.PATTERN_RULE,
        patients.TABLE_RULE,
        "names of version 2, normal",
    ]
    assert found[1].key == "7"


def test_pattern_that_finds_two_patients_is_refused_with_the_name():
    files = [_file("p1/p1.png"), _file("p1/p2.png")]
    with pytest.raises(patients.PatientError, match="2 patients in p1/p2.png"):
        patients.check_pattern(files, r"p(?P<patient>\d)")
    patients.check_pattern(files[:1], r"p(?P<patient>\d)")


@pytest.mark.parametrize(
    "pattern, message",
    [("(", "regular expression"), ("p.", "must have a group")],
)
def test_pattern_that_is_none_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        patients.compile_pattern(pattern)


def test_pseudonym_depends_on_the_key_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(hash_key.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    first = patients.pseudonym("MRN1")
    assert first == patients.pseudonym("MRN1") != patients.pseudonym("MRN2")
    (key_file,) = (tmp_path / ".config/xray_tfds").iterdir()
    assert key_file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv(hash_key.VARIABLE, "another")
    assert patients.pseudonym("MRN1") != first
