"""Whose files are doubted, and how that is put right."""

import json
import re

import pytest

from xray_tfds.curate import examine
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients
from xray_tfds.source import source_files


def _examine(names, patient_pattern=""):
    """Returns the files as they are once they were read, without DICOM."""
    pattern = patients.compile_pattern(patient_pattern)
    files = [
        source_files.SourceFile(None, name, name.split("/")[0], None)
        for name in names
    ]
    return [
        examine.ExaminedFile(
            file=file,
            patient=patients.find_patient(file, pattern=pattern),
            num_bytes=1,
        )
        for file in files
    ]


def _names(form, patients_of_class=10, views=("PA", "LAT")):
    return [
        form.format(label=label, patient=f"{label[0]}{i:03}", view=view)
        for label in ("normal", "pneumonia")
        for i in range(patients_of_class)
        for view in views
    ]


@pytest.mark.parametrize(
    "form",
    [
        "{label}/{patient}/{view}.png",
        "{label}/{patient}/study1/{view}.png",
        "{label}/{patient}_{view}.png",
        "{label}/scan-{patient}-{view}.jpeg",
    ],
)
@pytest.mark.parametrize("views", [("PA", "LAT"), ("001", "002")])
def test_names_that_tell_patients_are_told_with_the_flag_that_heeds_them(
    form, views
):
    names = _names(form, views=views)
    (doubt,) = patient_doubts.find_doubts(_examine(names))
    assert "40 files" in doubt and "20 groups" in doubt
    assert f"{names[0]} and {names[1]}" in doubt
    options = json.loads(re.search("--config='(.*)' of tfds", doubt)[1])
    # Heeded, each group is a patient, and nothing is left to be doubted.
    examined = _examine(names, **options)
    assert len({each.patient for each in examined}) == 20
    assert not patient_doubts.find_doubts(examined)


@pytest.mark.parametrize(
    "names",
    [
        [f"normal/scan_{i:03}.png" for i in range(40)],
        [f"normal/CHNCXR_{i:04}_0.png" for i in range(40)],
        [f"normal/{i}.png" for i in range(40)],
        [f"normal/hospital_{i % 4}/{i}.png" for i in range(400)],
        [f"normal/IMG_2021{i % 3:04}_{i:04}.png" for i in range(40)],
    ],
    ids=["numbers", "one_each", "plain", "hospitals", "dates"],
)
def test_other_names_tell_nobody(names):
    assert not patient_doubts.find_doubts(_examine(names))


def test_patient_of_most_files_of_a_class_is_doubted():
    """As where a viewer has numbered the films of each class as a series."""
    series = (("normal", "IM-0001"), ("pneumonia", "IM-0002"))
    names = [f"{c}/{s}-{i:04}.png" for c, s in series for i in range(20)]
    doubts = patient_doubts.find_strangers(_examine(names))
    assert len(doubts) == 2
    for doubt, (label, _) in zip(doubts, series):
        assert f"makes one patient of 20 of 20 files of {label!r}" in doubt


def test_patient_of_many_times_the_films_of_others_is_doubted():
    """A default value of one hospital among the numbers of another."""
    names = [f"normal/p{max(i, 24)}_{i}.png" for i in range(60)]
    pattern = r"(?P<patient>p\d+)"
    (doubt,) = patient_doubts.find_doubts(_examine(names, pattern))
    assert "makes one patient of 25 of 60 files" in doubt
    names = [f"normal/p{i // 20}_{i}.png" for i in range(49)]
    (doubt,) = patient_doubts.find_doubts(_examine(names, pattern))
    assert "makes 3 patients of 49 files" in doubt


def test_patients_who_differ_in_spelling_alone_are_doubted():
    pattern = r"/(?P<patient>[pP]\d+)_"
    names = [f"normal/{'pP'[i % 2]}{i // 2}_{i}.png" for i in range(20)]
    (doubt,) = patient_doubts.find_doubts(_examine(names, pattern))
    assert "finds 10 patients" in doubt
    names = [name.lower() for name in names]
    assert not patient_doubts.find_doubts(_examine(names, pattern))
