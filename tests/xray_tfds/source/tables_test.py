"""The CSV table of files, patients, labels and splits."""

import pathlib

import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.source import scan
from xray_tfds.source import tables

_CLASSES = ("normal", "pneumonia")


def _write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_table_gives_patients_to_the_files_that_it_names(tmp_path):
    image_trees.write_images(
        tmp_path / "images", ["normal/a.png", "normal/b.png", "pneumonia/c.png"]
    )
    # As a spreadsheet writes it: byte order mark, quotes, Windows line ends.
    text = (
        '\ufefffilename,patient\r\n"normal/a.png",p 1\r\nnormal/b.png,p 1\r\n'
    )
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    source = scan.scan(tmp_path / "images", _CLASSES, tables.read_table(path))
    assert [f.patient for f in source.files] == ["p 1", "p 1", ""]
    assert (
        source.fingerprint
        != scan.scan(tmp_path / "images", _CLASSES).fingerprint
    )


def test_table_with_labels_takes_the_place_of_the_folders(tmp_path):
    image_trees.write_images(tmp_path / "images", ["x/1.png", "2.png", "3.png"])
    table = _write(
        tmp_path / "t.csv",
        "filename,patient,label,split\nx/1.png,a,Pneumonia,valid\n"
        "2.png,b,normal,train\n",
    )
    source = scan.scan(tmp_path / "images", _CLASSES, tables.read_table(table))
    assert [(f.filename, f.label, f.split) for f in source.files] == [
        ("2.png", "normal", "train"),
        ("x/1.png", "pneumonia", "validation"),
    ]


def test_build_by_table_hashes_its_patients(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAY_TFDS_HASH_KEY", "secret")
    names = [f"{i}.png" for i in range(24)]
    image_trees.write_images(tmp_path / "images", names)
    lines = [
        f"{n},mrn{i // 2},{_CLASSES[i % 4 > 1]}" for i, n in enumerate(names)
    ]
    table = _write(
        tmp_path / "t.csv", "\n".join(["filename,patient,label", *lines])
    )
    builder = xray_tfds.prepare(
        tmp_path / "images",
        tmp_path / "data",
        image_size=(32, 32),
        patients_csv=str(table),
    )
    people = {}
    for split in builder.info.splits:
        for example in builder.as_dataset(split=split).as_numpy_iterator():
            people.setdefault(example["patient"], set()).add(split)
    assert len(people) == 12
    assert all(len(splits) == 1 for splits in people.values())
    assert all(key.startswith(b"hash:") for key in people)
    for path in pathlib.Path(builder.data_dir).rglob("*"):
        assert path.is_dir() or b"mrn" not in path.read_bytes()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "Received: .* with no columns"),
        ("filename\na.png\n", "must have the columns filename, patient"),
        ("filename,patient,age\na.png,1,2\n", "with filename, patient, age"),
        ("filename,patient\n", "must name at least one file"),
        ("filename,patient\na.png\n", "2 values in each line.*line 2"),
        ("filename,patient\na.png,1,2\n", "2 values in each line.*line 2"),
        ("filename,patient\na.png,\n", "a value for .*line 2"),
        ("filename,patient\na.png,1\na.png,2\n", "a.png again.*line 3"),
        (
            "filename,patient,label\nmissing.png,1,normal\n",
            "not there, .* missing.png",
        ),
        ("filename,patient,label\na.png,1,sick\n", "label='sick'"),
        (
            "filename,patient,label,split\na.png,1,normal,dev\n",
            "a.png with label='normal', split='dev'",
        ),
        (
            "filename,patient,label,split\na.png,1,normal,\n"
            "b.png,2,normal,test",
            "for every file or for none",
        ),
        (
            "filename,patient,label,split\na.png,1,normal,test",
            "the split train",
        ),
    ],
)
def test_table_that_does_not_say_it_clearly_is_refused(text, message, tmp_path):
    image_trees.write_images(tmp_path, ["a.png", "b.png"])
    table = _write(tmp_path / "t.csv", text)
    with pytest.raises(ValueError, match=message):
        scan.scan(tmp_path, _CLASSES, tables.read_table(table))


def test_missing_table_is_refused_with_its_name():
    with pytest.raises(ValueError, match="patients_csv='nowhere.csv'"):
        xray_tfds.XrayConfig(patients_csv="nowhere.csv")
