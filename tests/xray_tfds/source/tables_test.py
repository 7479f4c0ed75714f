"""The CSV table of files, patients, labels and splits."""

import os
import pathlib
import re
import unicodedata

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
    "rows, doubt",
    [
        ("normal/1.png,a,Normal|normal/2.png,b,normal", ""),
        ("normal/1.png,0,normal|normal/2.png,0,normal", ""),
        ("normal/1.png,nan,normal|normal/2.png,b,normal", ""),
        (
            "normal/1.png,a,pneumonia|normal/2.png,b,normal",
            "gives 1 of 3 files",
        ),
        (
            "normal/1.png,NA,normal|normal/2.png,NA,normal",
            "2 files of patients",
        ),
        ("normal/1.png,p1,normal|normal/2.png,P1,normal", "1 patients whose"),
    ],
)
def test_what_a_table_may_mean_otherwise_is_a_caution(rows, doubt, tmp_path):
    image_trees.write_images(
        tmp_path / "images", ["normal/1.png", "normal/2.png", "pneumonia/3.png"]
    )
    text = "\n".join(["filename,patient,label", *rows.split("|"), ""])
    table = _write(tmp_path / "t.csv", text + "pneumonia/3.png,c,pneumonia\n")
    source = scan.scan(tmp_path / "images", _CLASSES, tables.read_table(table))
    assert [doubt in c for c in source.cautions] == ([True] if doubt else [])


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "Received: .* with no columns"),
        ("filename\na.png\n", "must have the columns filename, patient"),
        (
            "filename,patient,age\na.png,1,2\n",
            "with filename, patient, 1 of other names",
        ),
        ("filename;patient\na.png;1\n", "by commas.*t.csv, .* by semicolons"),
        ("filename\tpatient\na.png\t1\n", "by commas.*t.csv, .* by tabs"),
        ("sep=;\nfilename;patient\na.png;1\n", "by commas.* by semicolons"),
        ("filename,patient,Patient\na.png,1,2\n", "filename, patient, pat"),
        ("filename,patient\n", "must name at least one file"),
        ("filename,patient\na.png\n", "2 values in each line.*line 2"),
        ("filename,patient\na.png,1,2\n", "2 values in each line.*line 2"),
        ("filename,patient\na.png,\n", "a value for .*line 2"),
        ("filename,patient\na.png,1\na.png,2\n", "a.png again.*line 3"),
        (
            "filename,patient,label\nmissing.png,1,normal\n",
            "not there, .* missing.png",
        ),
        ("filename,patient,label\na.png,1,sick\n", "another label for a.png"),
        ("filename,patient,split\na.png,1,train\n", "column label beside"),
        (
            "filename,patient,label,split\na.png,1,normal,dev\n",
            "another split for a.png",
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


def _spell(name, root):
    return {
        "./": f"./{name}",
        "absolute": f"{root}/{name}",
        "linked": f"{root}-link/{name}",
        "twice": name.replace("/", "//"),
        "around": f"normal/../{name}",
        "backslashes": name.replace("/", "\\"),
        "case": name.upper(),
        "NFD": unicodedata.normalize("NFD", name),
        "NFC": unicodedata.normalize("NFC", name),
    }


_NAMES = ["normal/Ö[1].png", "normal/b.png", "pneumonia/c.png"]


@pytest.mark.parametrize("spelling", _spell("", ""))
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "columns", ["filename,patient", "filename,patient,label"]
)
def test_names_are_equal_in_any_spelling(spelling, form, columns, tmp_path):
    names = [unicodedata.normalize(form, name) for name in _NAMES]
    root = tmp_path / "images"
    image_trees.write_images(root, names)
    (tmp_path / "images-link").symlink_to(root)
    lines = [
        f"{_spell(name, root)[spelling]},p,{name.split('/')[0]}"
        for name in _NAMES
    ]
    if columns.count(",") == 1:
        lines = [line.rpartition(",")[0] for line in lines]
    table = _write(tmp_path / "t.csv", "\n".join([columns, *lines]))
    source = scan.find(root, _CLASSES, tables.read_table(table))
    assert sorted(f.filename for f in source.files) == sorted(names)
    assert all(file.patient == "p" for file in source.files)
    assert not source.cautions


@pytest.mark.parametrize(
    "name, message",
    [
        ("../outside.png", "outside.png, which is outside it"),
        ("/etc/passwd", "/etc/passwd, which is outside it"),
        ("normal/../../x", "which is outside it"),
        ("normal/A.png", "may be normal/a.PNG or normal/a.png"),
        ("normal/z.png", "1 that are not there, for example normal/z.png"),
    ],
)
@pytest.mark.parametrize("label", ["", ",normal"])
def test_row_of_no_file_or_of_several_is_refused(
    name, message, label, tmp_path
):
    root = tmp_path / "images"
    image_trees.write_images(
        root, ["normal/a.png", "normal/a.PNG", "pneumonia/c.png"]
    )
    (tmp_path / "outside.png").write_bytes(b"")
    header = "filename,patient" + (",label" if label else "")
    table = _write(tmp_path / "t.csv", f"{header}\n{name},1{label}\n")
    with pytest.raises(scan.SourceError, match=re.escape(message)):
        scan.find(root, _CLASSES, tables.read_table(table))


@pytest.mark.parametrize(
    "name",
    ["normal/a", "a.png", "a", "images/normal/a.png", "normal/A.JPEG"]
    + [r"C:\films\normal\a.png"],
)
def test_file_that_is_named_without_a_part_is_found_out(name, tmp_path):
    image_trees.write_images(tmp_path, ["normal/a.png", "pneumonia/ba.png"])
    table = _write(tmp_path / "t.csv", f"filename,patient\n{name},1\n")
    with pytest.raises(scan.SourceError, match="Is normal/a.png meant"):
        scan.find(tmp_path, _CLASSES, tables.read_table(table))


def test_file_named_in_two_spellings_has_one_patient(tmp_path):
    image_trees.write_images(tmp_path, ["normal/a.png", "pneumonia/c.png"])
    text = "filename,patient\nnormal/a.png,1\n./normal/a.png,2\n"
    table = tables.read_table(_write(tmp_path / "t.csv", text))
    with pytest.raises(scan.SourceError, match="name a file once"):
        scan.find(tmp_path, _CLASSES, table)


def test_files_without_a_row_are_counted_in_a_caution(tmp_path):
    root = tmp_path / "images"
    image_trees.write_images(root, [*_NAMES, "normal/.hidden.png"])
    table = tmp_path / "t.csv"
    _write(table, "filename,patient\nnormal/b.png,1\nnormal/.hidden.png,2\n")
    source = scan.find(root, _CLASSES, tables.read_table(table))
    assert len(source.files) == 3
    assert "2 of 3 files are in no row of patients_csv" in source.cautions[0]
    assert "names 1 files that lie in no class folder" in source.cautions[1]
    _write(
        table,
        "filename,patient,label\nnormal/b.png,1,normal\npneumonia/c.png,2,"
        "pneumonia\n",
    )
    source = scan.find(root, _CLASSES, tables.read_table(table))
    assert len(source.files) == 2
    assert "1 of 3 files are in no row" in source.cautions[0]
    reasons = {item.filename: item.reason for item in source.ignored}
    assert reasons["normal/Ö[1].png"] == "in no row of patients_csv"


def test_columns_are_equal_in_any_spelling(tmp_path):
    table = _write(tmp_path / "t.csv", ' FileName,"Patient "\na.png,1\n')
    assert tables.read_table(table).rows == {"a.png": tables.Row("1")}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_table_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match="a named pipe. Received: .*pipe.csv"):
        tables.read_table(str(tmp_path / "pipe.csv"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_table_is_read_in_any_unicode(encoding, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("filename,patient\nÖ.png,ä\n", encoding=encoding)
    assert tables.read_table(path).rows == {"Ö.png": tables.Row("ä")}


@pytest.mark.parametrize(
    "data, message",
    [
        ("filename,patient\na.png,Müller\n".encode("latin-1"), "in line 2"),
        (b"filename,patient\na.png," + b"x" * 140_000, "with line 2: field"),
    ],
    ids=["Latin-1", "long"],
)
def test_table_that_cannot_be_read_is_refused_by_name(data, message, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"`patients_csv`.*odd.csv.*{message}"):
        tables.read_table(path)
