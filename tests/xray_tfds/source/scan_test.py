"""Which files a folder holds: layouts, and refusals that say what to do."""

import errno
import os
import pathlib

from PIL import Image
import keras
import pytest

from tests.helpers import image_trees
from xray_tfds.source import class_names
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import scan

_CLASSES = ("normal", "pneumonia")


def _names(*folders, count=2):
    return [f"{folder}/{i}.png" for folder in folders for i in range(count)]


_SPLITS = _names(*(f"{s}/{c}" for s in ("train", "test") for c in _CLASSES))


def _scan(root, names, **options):
    image_trees.write_images(root, names, size=(4, 4))
    return scan.scan(root, _CLASSES, **options)


def _touch(root, name, data=b""):
    path = pathlib.Path(root) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_scan_lists_in_the_order_of_flow_from_directory(tmp_path):
    names = [
        "b.png",
        "a.png",
        "sub/deep/c.png",
        "sub/d.png",
        "sub-x/e.png",
        "Z/f.png",
    ]
    source = _scan(
        tmp_path, [f"{c}/{name}" for c in _CLASSES for name in names]
    )
    generator = keras.src.legacy.preprocessing.image.ImageDataGenerator()
    iterator = generator.flow_from_directory(tmp_path, target_size=(4, 4))
    assert [file.filename for file in source.files] == iterator.filenames
    indices = [_CLASSES.index(file.label) for file in source.files]
    assert indices == iterator.classes.tolist()


def test_scan_ignores_case_of_classes_and_splits(tmp_path):
    folders = [
        "Train/NORMAL",
        "Train/Pneumonia",
        "VALID/normal",
        "VALID/PNEUMONIA",
    ]
    source = _scan(tmp_path, _names(*folders))
    assert {(file.split, file.label) for file in source.files} == {
        (split, label)
        for split in ("train", "validation")
        for label in _CLASSES
    }
    assert source.files[0].filename == "NORMAL/0.png"


def test_scan_takes_names_in_any_spelling(tmp_path):
    folders = ["Training/Üb", "TESTING/u\u0308b", "Training/x", "TESTING/X"]
    image_trees.write_images(tmp_path, _names(*folders), size=(4, 4))
    source = scan.scan(tmp_path, ("üb", "x"))
    assert {(file.split, file.label) for file in source.files} == {
        (split, label) for split in ("train", "test") for label in ("üb", "x")
    }


def test_scan_judges_by_content(tmp_path):
    _touch(tmp_path, "normal/notes.txt", b"a note")
    _touch(tmp_path, "normal/.DS_Store", b"hidden")
    _touch(tmp_path, "normal/.hidden.png", b"hidden")
    _touch(tmp_path, "__MACOSX/normal/._0.png", b"resource fork")
    _touch(tmp_path, "readme.txt", b"beside the classes")
    Image.new("L", (4, 4)).save(tmp_path / "normal" / "png named.jpg", "PNG")
    Image.new("L", (4, 4)).save(tmp_path / "normal" / "without suffix", "TIFF")
    source = _scan(tmp_path, _names(*_CLASSES))
    names = {file.filename for file in source.files if file.label == "normal"}
    assert names == {
        "normal/0.png",
        "normal/1.png",
        "normal/png named.jpg",
        "normal/without suffix",
    }
    assert {file.filename: file.reason for file in source.ignored} == {
        "__MACOSX/": "hidden",
        "normal/.DS_Store": "hidden",
        "normal/.hidden.png": "hidden",
        "normal/notes.txt": "not an image",
        "readme.txt": "beside the class folders",
    }


@pytest.mark.parametrize("classes", [("0", "1"), _CLASSES])
def test_folder_in_any_spelling_holds_the_same(classes, tmp_path, monkeypatch):
    # Else the index takes up none of files that are so new.
    monkeypatch.setattr(files_lib, "_is_settled", lambda *_: True)
    root = tmp_path / "images"
    names = _names(*classes, *(f"{c}/sub" for c in classes))
    image_trees.write_images(root, names, size=(4, 4))
    _touch(root, f"{classes[0]}/notes.txt", b"a note")
    expected = scan.scan(root, classes)
    assert len(expected.files) == len(names)
    spellings = {
        root: (".", "./", "../images", f"{root}/", f"{classes[0]}/.."),
        tmp_path: ("images", "./images/", "images/../images"),
    }
    for folder, given in spellings.items():
        monkeypatch.chdir(folder)
        for spelling in given:
            found = scan.scan(spelling, classes)
            assert [f.filename for f in found.files] == [
                f.filename for f in expected.files
            ]
            assert found.ignored == expected.ignored
            assert found.fingerprint == expected.fingerprint
            assert sorted(class_names.find(spelling)) == sorted(classes)
            index = digest_index.DigestIndex(spelling)
            found.note_digests(index)
            assert sorted(index._noted) == sorted(names)


def test_scan_fingerprint_follows_names_and_contents(tmp_path):
    names = _names(*_CLASSES)
    first = _scan(tmp_path / "a", names)
    assert _scan(tmp_path / "b", names).fingerprint == first.fingerprint
    changed = tmp_path / "b" / names[0]
    Image.new("L", (4, 4)).save(changed)
    assert scan.scan(tmp_path / "b", _CLASSES).fingerprint != first.fingerprint
    (tmp_path / "a" / names[0]).rename(
        tmp_path / "a" / "normal" / "renamed.png"
    )
    renamed = scan.scan(tmp_path / "a", _CLASSES)
    assert renamed.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "No folders in"),
        (_names("normal"), "No folder for the class 'pneumonia'"),
        (
            _names("normal", "Normal", "pneumonia"),
            "Two folders for the class.*Merge 'Normal' and 'normal', or rename",
        ),
        (_names(*_CLASSES, "covid"), "Unknown class folder: .*covid"),
        (_names("cats", "dogs"), "Found in .*: cats, dogs. Expected"),
        (_names("a b", "c"), "--class_names='a b,c' of train.py, --config="),
        (_names("normal ", "b\nc"), r"Rename 'b\\nc', '\w+ ': names of cl"),
        (_names(*_CLASSES, "covid"), "--class_names=covid,normal,pneumonia of"),
        (_names("x/normal", "x/pneumonia"), "Did you mean .*/x?"),
        ([*_SPLITS, *_names("extra")], "Unknown split folder in .*: extra"),
        # A split of another name, not a second copy.
        ([*_SPLITS, *_names("dev/normal")], "Unknown split folder in .*: dev"),
        (
            _names("Train_set/normal", "Test_set/normal"),
            "2 of these hold classes. Name splits train, validation and test",
        ),
        (
            [*_SPLITS, *_names("x/train/normal")],
            "nested second copy .*/x, beside",
        ),
        ([*_SPLITS, *_names("normal")], "Both class folders and split folders"),
        (
            [*_SPLITS, *_names("Val/normal")],
            "No folder for the class 'pneumonia'",
        ),
        (
            [*_SPLITS, *_names("val/normal", "valid/normal")],
            "Two folders for the split 'validation'",
        ),
        (_names("test/normal", "test/pneumonia"), "No train folder"),
        (
            _names("normal", "pneumonia", "normal/sub/PNEUMONIA"),
            "nested second copy of the images. .*sub/PNEUMONIA",
        ),
    ],
)
def test_scan_refuses_what_it_cannot_understand(names, message, tmp_path):
    with pytest.raises(scan.SourceError, match=message):
        _scan(tmp_path, names)


def test_scan_of_an_empty_class_names_its_folder(tmp_path):
    _touch(tmp_path, "train/pneumonia/notes.txt", b"no image")
    with pytest.raises(
        scan.SourceError,
        match="No images of the class 'pneumonia' in .*train",
    ):
        _scan(tmp_path, _names("train/normal"))


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>"], ids=str)
def test_scan_takes_a_file_only_named_like_an_image(data, tmp_path):
    for label in ("normal", "pneumonia"):
        _touch(tmp_path, f"{label}/good.png")
    _touch(tmp_path, "normal/bad.JPG", data)
    files = scan.scan(tmp_path, ("normal", "pneumonia")).files
    assert files[0].filename == "normal/bad.JPG"


@pytest.mark.parametrize("find", [scan.find, class_names.find])
def test_failing_disk_is_one_of_images(find, tmp_path, monkeypatch):
    image_trees.write_images(tmp_path, _names(*_CLASSES), size=(4, 4))
    scandir = os.scandir

    def fail(path):
        if os.fspath(path).endswith("pneumonia"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail)
    arguments = (_CLASSES,) if find is scan.find else ()
    with pytest.raises(scan.SourceError, match="pneumonia cannot be listed: I"):
        find(tmp_path, *arguments)


def test_scan_of_a_missing_directory_names_it(tmp_path):
    with pytest.raises(scan.SourceError, match="existing directory.*nowhere"):
        scan.scan(tmp_path / "nowhere", _CLASSES)
