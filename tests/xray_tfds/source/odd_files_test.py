"""What else lies in a folder: it is listed with its reason, never opened."""

import csv
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import pydicom
import pytest

from tests.helpers import dicom_files
from tests.helpers import image_trees
import xray_tfds
from xray_tfds.source import files as files_lib
from xray_tfds.source import scan

_CLASSES = ("normal", "pneumonia")


@pytest.fixture
def images(tmp_path):
    return image_trees.write_flat_tree(tmp_path / "images")


def _ignored(root):
    found = scan.find(root, _CLASSES)
    return {item.filename: item.reason for item in found.ignored}


def _rows(builder):
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    with path.open() as file:
        return {row["filename"]: row for row in csv.DictReader(file)}


def _make_odd(folder, suffix):
    """Makes one of each kind; returns name -> what its reason says."""
    os.mkfifo(folder / f"pipe{suffix}")
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder)  # Paths of sockets are short.
    try:
        server.bind(f"socket{suffix}")
    finally:
        os.chdir(here)
        server.close()
    os.symlink("/dev/zero", folder / f"endless{suffix}")
    os.symlink("nowhere", folder / f"dangling{suffix}")
    os.symlink(f"loop{suffix}", folder / f"loop{suffix}")
    with open(folder / f"sparse{suffix}", "wb") as file:
        file.truncate(20 * 10**9)
    return {
        f"normal/pipe{suffix}": "a named pipe",
        f"normal/socket{suffix}": "a socket",
        f"normal/endless{suffix}": "a device",
        f"normal/dangling{suffix}": "a link whose target is not there",
        f"normal/loop{suffix}": "a link to itself",
        f"normal/sparse{suffix}": "20000000000 bytes; at most 536870912 are"
        " read",
    }


def test_what_is_no_regular_file_is_listed_and_not_opened(images, tmp_path):
    reasons = _make_odd(images / "normal", "")
    assert _ignored(images) == reasons
    reasons |= _make_odd(images / "normal", ".png")
    builder = xray_tfds.prepare(
        images, tmp_path / "data", image_size=(32, 32), max_bad_fraction=0.5
    )
    rows = _rows(builder)
    for name, reason in reasons.items():
        if name.endswith(".png"):
            assert rows[name]["status"] == "excluded"
            assert rows[name]["reason"] == "not accessible"
            assert rows[name]["detail"] == reason
        else:
            assert rows[name]["status"] == "ignored"
            assert rows[name]["reason"] == reason
    # And again: nothing of this hinders finding the records.
    again = xray_tfds.prepare(
        images, tmp_path / "data", image_size=(32, 32), max_bad_fraction=0.5
    )
    assert again.data_dir == builder.data_dir


_LIST = """
import os, sys
from xray_tfds.source import scan
scan.scan(sys.argv[1], ("normal", "pneumonia"))  # Python is root's alone.
os.setgid(65534), os.setuid(65534)
source = scan.scan(sys.argv[1], ("normal", "pneumonia"))
print([(i.filename, i.reason) for i in source.ignored])
print([f.filename for f in source.files if not f.digest])
"""


@pytest.fixture
def open_dir():
    """A folder for everybody: another pytest closes that of `tmp_path`."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another")
def test_what_may_not_be_read_is_listed(images, open_dir):
    images = shutil.copytree(images, open_dir / "images")
    (images / "normal" / "IM-0001-0002.png").chmod(0)
    (images / "normal" / "secret").write_bytes(b"")
    (images / "normal" / "secret").chmod(0)
    image_trees.write_images(images, ["normal/closed/a.png"])
    (images / "normal" / "closed").chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", _LIST, images],
        cwd=pathlib.Path(xray_tfds.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-2:] == [
        "[('normal/closed/', 'no permission to list it'),"
        " ('normal/secret', 'no permission to read it')]",
        "['normal/IM-0001-0002.png']",
    ], done.stderr


def test_dangling_links_count_as_bad_files(images, tmp_path):
    for i in range(10):
        os.symlink("../.git/annex/x", images / "normal" / f"film{i}.png")
    with pytest.raises(scan.SourceError) as info:
        xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 32))
    assert "film0.png: not accessible: a link whose target" in str(info.value)


def test_linked_folder_is_listed_with_a_caution(images, tmp_path, capsys):
    other = image_trees.write_flat_tree(tmp_path / "other", seed=3)
    os.symlink(other / "normal", images / "normal" / "hospital_b")
    os.symlink(images / "normal", images / "normal" / "loop")
    xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 32))
    printed = capsys.readouterr().out
    assert "CAUTION: Folders that are left out: 2, for example" in printed
    assert "normal/hospital_b/: a link to a folder, which is not" in printed
    # A class that is a link itself is followed, as it always was.
    linked = tmp_path / "linked"
    linked.mkdir()
    for label in _CLASSES:
        os.symlink(other / label, linked / label)
    assert len(scan.find(linked, _CLASSES).files) == 60


def test_all_that_becomes_no_record_is_listed_with_its_reason(images):
    image_trees.write_images(images, ["loose.png", ".hidden/a.png"])
    (images / "normal" / "notes.txt").write_text("a note")
    (images / "normal" / "backup~").write_text("a note")
    (images / "pneumonia" / ".DS_Store").write_text("hidden")
    ds = dicom_files.dataset()
    del ds.file_meta
    pydicom.dcmwrite(
        images / "normal" / "bare", ds, implicit_vr=True, little_endian=True
    )
    assert _ignored(images) == {
        ".hidden/": "hidden",
        "loose.png": "beside the class folders",
        "normal/backup~": "not an image",
        "normal/bare": "DICOM without the preamble of a file: save it as DICOM"
        " Part 10",
        "normal/notes.txt": "not an image",
        "pneumonia/.DS_Store": "hidden",
    }


def test_report_lists_what_is_ignored_apart_from_the_files(
    images, tmp_path, capsys
):
    image_trees.write_images(images, ["loose.png"])
    (images / "normal" / "notes.txt").write_text("a note")
    builder = xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 32))
    printed = capsys.readouterr().out
    assert "Not in the dataset: 2, see files.csv" in printed
    assert "1 beside the class folders: loose.png" in printed
    folder = pathlib.Path(builder.data_dir) / "build_report"
    report = json.loads((folder / "report.json").read_text())
    assert report["ignored"] == [
        {"filename": "loose.png", "reason": "beside the class folders"},
        {"filename": "normal/notes.txt", "reason": "not an image"},
    ]
    assert report["counts"]["ignored_files"] == 2
    assert report["counts"]["classes"] == list(_CLASSES)
    assert report["exclusions"]["total"] == 0


def test_file_name_that_is_no_utf_8_is_taken_and_spelled_out(images, tmp_path):
    path = os.fsencode(images / "normal") + b"/R\xf6ntgen.png"
    image_trees.write_images(tmp_path, ["film.png"], seed=9)
    os.rename(tmp_path / "film.png", path)
    builder = xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 32))
    assert _rows(builder)[r"normal/R\xf6ntgen.png"]["status"] == "kept"
    names = {
        example["filename"]
        for split in builder.info.splits
        for example in builder.as_dataset(split=split).as_numpy_iterator()
    }
    assert rb"normal/R\xf6ntgen.png" in names


def test_cells_of_files_csv_are_no_formulas(images, tmp_path):
    names = ["=1+1.png", "+a.png", "-b.png", "@c.png"]
    # In the root of a table without folders, so that the names come first.
    image_trees.write_images(images, names, seed=4)
    table = tmp_path / "t.csv"
    films = sorted(
        path.relative_to(images).as_posix() for path in images.rglob("*.png")
    )
    lines = [f"{n},p{i},{_CLASSES[i % 2]}" for i, n in enumerate(films)]
    table.write_text("filename,patient,label\n" + "\n".join(lines))
    builder = xray_tfds.prepare(
        images,
        tmp_path / "data",
        image_size=(32, 32),
        patients_csv=str(table),
    )
    rows = _rows(builder)
    assert {f"'{name}" for name in names} < set(rows)
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    with path.open() as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_machines_errors_are_not_the_files(images, monkeypatch):
    def fail(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(files_lib.os, "open", fail)
    with pytest.raises(scan.SourceError, match="png cannot be read: Too many"):
        scan.scan(images, _CLASSES)


def test_file_that_could_not_be_read_once_is_not_left_out_for_good(
    images, tmp_path, monkeypatch
):
    film = images / "normal" / "IM-0001-0002.png"
    system_open = os.open

    def refuse(path, *args, **kwargs):
        if os.fspath(path) == str(film):
            raise PermissionError(13, "Permission denied", str(path))
        return system_open(path, *args, **kwargs)

    def find(**options):
        builder = xray_tfds.prepare(images, data_dir, **options)
        return _rows(builder)["normal/IM-0001-0002.png"]

    # Else the index takes up none of files that are so new.
    monkeypatch.setattr(files_lib, "_is_settled", lambda *_: True)
    data_dir, options = tmp_path / "data", {"image_size": (32, 32)}
    find(**options)
    # The index knows the film, whose size and times are as they were.
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        without = find(**options, seed=1)
    assert without["reason"] == "not accessible" and not without["digest"]
    assert find(**options, seed=1)["status"] == "kept"
    image_trees.write_images(images, ["normal/IM-0077-0001.png"], seed=3)
    assert find(**options, seed=1)["status"] == "kept"
