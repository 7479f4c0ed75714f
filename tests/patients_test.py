"""Patient keys, against counts of the public data set taken by hand."""

import conftest
import pytest

from xray_tfds import patients
from xray_tfds import sources


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


def test_patient_key_of_unknown_name_is_the_file():
    files = [
        sources.SourceFile(None, f"normal/{name}", "normal", split)
        for name in ("1.png", "2.png")
        for split in ("train", "test")
    ]
    assert len({patients.patient_key(file) for file in files}) == 4


@pytest.mark.skipif(
    not (conftest.REAL_IMAGES / "chest_xray").is_dir(),
    reason="no real X-rays here",
)
def test_patient_counts_of_the_public_training_split():
    folder = conftest.REAL_IMAGES / "chest_xray" / "train"
    for label, expected in (("NORMAL", 1211), ("PNEUMONIA", 2443)):
        names = [path.name for path in (folder / label).iterdir()]
        keys = {patients.parse_patient(name) for name in names}
        assert None not in keys
        assert len(keys) == expected
