"""Patient keys, against counts of the public data set taken by hand."""

import dataclasses
import pathlib
import threading
import unicodedata

import pytest

from tests.helpers import image_trees
from xray_tfds.curate import examine
from xray_tfds.source import errors
from xray_tfds.source import hash_key
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients
from xray_tfds.source import scan
from xray_tfds.source import source_files


def _file(name, **fields):
    return source_files.SourceFile(None, name, "normal", None, **fields)


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
        # As a camera or Windows has renamed them.
        ("PNEUMONIA/PERSON1_Virus_7.JPEG", "person1_virus"),
        ("NORMAL/im-0115-0002.jpeg", "IM-0115"),
        ("normal2-im-0115-0002.jpeg", "NORMAL2-IM-0115"),
        ("virus-25-4.png", "VIRUS-25"),
        ("person_1.jpeg", None),
        ("scan of person1_virus_6.jpeg", None),
        ("12.png", None),
    ],
)
def test_patient_of_known_names(filename, expected):
    patient = patients.find_patient(_file(filename))
    assert patient.key == (expected or f"file:/{filename}")
    assert (patient.rule == patients.NO_RULE) == (expected is None)


def test_file_of_unknown_name_is_a_patient_of_its_own():
    files = [
        source_files.SourceFile(None, f"normal/{name}", "normal", split)
        for name in ("1.png", "2.png")
        for split in ("train", "test")
    ]
    assert len({patients.find_patient(file) for file in files}) == 4


@image_trees.needs_real_images
def test_patient_counts_of_the_public_training_split():
    folder = image_trees.REAL_IMAGES / "chest_xray" / "train"
    for label, expected in (("NORMAL", 1211), ("PNEUMONIA", 2443)):
        found = {
            patients.find_patient(_file(path.name))
            for path in (folder / label).iterdir()
        }
        assert patients.NO_RULE not in {patient.rule for patient in found}
        assert len(found) == expected


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


@pytest.mark.parametrize(
    "dicom_id",
    ["ANON", "anonymous", "Anonymized", "0", "0000", "XXXX", "***", "No ID"]
    + ["Patient", "UNKNOWN", "de-identified", "REMOVED", "Unknown Patient"]
    + ["NO PATIENT ID", "Not Available", "ID-REMOVED", "undefined", "-1"]
    + ["-9", "-99", "-999.0"],
)
def test_id_that_an_anonymiser_gives_to_all_is_none(dicom_id):
    found = [
        patients.find_patient(_file(name), dicom_id=dicom_id)
        for name in ("1.dcm", "2.dcm")
    ]
    assert found[0].key != found[1].key
    assert found[0].rule == patients.NO_RULE


@pytest.mark.parametrize(
    "dicom_id",
    ["ANON12", "1", "X7", "ID-7", "10", "Patient 2", "-1739264531", "-482"],
)
def test_number_that_an_anonymiser_gives_to_one_is_an_id(dicom_id):
    assert not patients.is_anonymous(dicom_id)


def _tree(names):
    """Returns the patient of each file of a class folder."""
    files = [_file(name) for name in names]
    exports = patients.find_exports(files)
    return [
        patients.find_patient(dataclasses.replace(f, is_export=i in exports))
        for i, f in enumerate(files)
    ]


def test_names_that_a_viewer_gives_do_not_make_strangers_one():
    found = _tree(
        [
            "normal/case1/IM-0001-0001.jpg",
            "normal/case1/IM-0001-0002.jpg",
            "normal/case2/IM-0001-0001.jpg",
        ]
    )
    assert found[0] == found[1] != found[2]
    assert {patient.rule for patient in found} == {patients.EXPORT_RULE}


def test_names_of_the_public_set_hold_in_folders_of_any_depth():
    found = _tree(
        [
            "NORMAL/IM-0115-0001.jpeg",
            "NORMAL/part1/IM-0115-0002.jpeg",
            "NORMAL/part2/IM-0115-0003.jpeg",
        ]
    )
    assert {patient.key for patient in found} == {"IM-0115"}


def _examined(patient_of):
    return [
        examine.ExaminedFile(
            file=_file(name), patient=patients.Patient(key, rule), num_bytes=1
        )
        for name, (key, rule) in patient_of.items()
    ]


@pytest.mark.parametrize("name", ["normal/{}.dcm", "normal/{}/a.dcm"])
def test_patient_of_most_files_is_doubted_with_the_rule_and_a_way_out(name):
    same = {name.format(i): ("hash:1", patients.DICOM_RULE) for i in range(9)}
    others = {
        name.format(i): (f"hash:{i}", patients.DICOM_RULE)
        for i in range(20, 24)
    }
    (doubt,) = patient_doubts.find_doubts(_examined(same | others))
    assert "'DICOM PatientID'" in doubt and "`patient_pattern`" in doubt
    assert "9 of 13 files" in doubt
    many = {
        name.format(i): (f"hash:{i}", patients.DICOM_RULE)
        for i in range(30, 50)
    }
    assert not patient_doubts.find_doubts(_examined(same | many))


def test_accent_taken_apart_makes_no_other_patient():
    form = unicodedata.normalize
    pattern = patients.compile_pattern("(?P<patient>.+)_")
    for find in (
        lambda name: patients.find_patient(_file("a.png", patient=name)),
        lambda name: patients.find_patient(_file("a.png"), dicom_id=name),
        lambda name: patients.find_patient(_file(f"{name}_"), pattern=pattern),
    ):
        assert find(form("NFD", "José")) == find(form("NFC", "José"))


def test_pseudonym_depends_on_the_key_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(hash_key.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    first = patients.pseudonym("MRN1")
    assert first == patients.pseudonym("MRN1") != patients.pseudonym("MRN2")
    (key_file,) = (tmp_path / ".config/xray_tfds").iterdir()
    assert key_file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv(hash_key.VARIABLE, "another")
    assert patients.pseudonym("MRN1") != first


def test_user_without_a_home_is_told_in_words(monkeypatch):
    """As in a container with a user whom its system does not know."""

    def expanduser(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(hash_key.VARIABLE, raising=False)
    monkeypatch.setattr(pathlib.Path, "expanduser", expanduser)
    with pytest.raises(
        errors.SourceError, match=f"home.*Set {hash_key.VARIABLE}"
    ):
        hash_key.HashKey().read()


def test_builds_at_one_time_make_one_key(tmp_path, monkeypatch):
    monkeypatch.delenv(hash_key.VARIABLE, raising=False)
    for turn in range(60):
        home = tmp_path / str(turn)
        monkeypatch.setenv("HOME", str(home))
        shared, barrier = hash_key.HashKey(), threading.Barrier(8)
        keys, failures = [], []

        def read(of_build):
            barrier.wait()
            try:
                keys.append((shared if of_build else hash_key.HashKey()).read())
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=read, args=(i % 2,)) for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(set(keys)) == 1 and len(keys) == 8
        (file,) = (home / ".config/xray_tfds").iterdir()
        assert len(file.read_text()) == 64


def test_key_of_a_build_stays_while_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.delenv(hash_key.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    key = hash_key.HashKey()
    first = patients.pseudonym("MRN1", key)
    (tmp_path / ".config/xray_tfds/hash_key").write_text("another")
    assert patients.pseudonym("MRN1", key) == first
    assert patients.pseudonym("MRN1") != first


def test_key_that_cannot_be_kept_is_reported_with_the_way_out(
    tmp_path, monkeypatch
):
    monkeypatch.delenv(hash_key.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(scan.SourceError, match="Set XRAY_TFDS_HASH_KEY"):
        patients.pseudonym("MRN1")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / ".config/xray_tfds/hash_key"
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(scan.SourceError, match="is empty"):
        patients.pseudonym("MRN1")
