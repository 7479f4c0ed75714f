"""A build from a folder in a bucket, of a real server of S3."""

import csv
import pathlib

import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.decode import errors as decode_errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import scan

_CLASSES = ("normal", "pneumonia")
_FILM = "normal/IM-0000-0001.png"


def _prepare(folder, data_dir, **options):
    return xray_tfds.prepare(folder, data_dir, image_size=(32, 32), **options)


def _contents(builder):
    """Every file of records and what was decided, by name."""
    root = pathlib.Path(builder.data_dir)
    paths = [*root.glob("*.tfrecord*"), root / "build_report" / "files.csv"]
    return {path.name: path.read_bytes() for path in paths}


def _rows(builder):
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    with path.open() as file:
        return {row["filename"]: row for row in csv.DictReader(file)}


def test_build_from_a_bucket_is_that_from_a_folder(store, films, tmp_path):
    image_trees.write_images(
        films,
        ["loose.png", ".hidden/a.png", "normal/masks/a.png"],
        seed=9,
    )
    image_trees.write_images(films, ["normal/deep er/#1 %41+é.png"], seed=5)
    (films / "normal" / "notes.txt").write_text("a note")
    (films / "normal" / "nothing").write_bytes(b"")
    (films / "normal" / "empty.png").write_bytes(b"")
    (films / "pneumonia" / ".DS_Store").write_text("hidden")
    (films / "other").mkdir()
    (films / "other" / "notes").write_text("a note")
    options = {"max_bad_fraction": 0.2}
    local = _prepare(films, tmp_path / "local", **options)
    store.upload(films, "films")
    store.call("PUT", "films/normal/")  # As consoles mark a folder.
    remote = _prepare("s3://films", tmp_path / "remote", **options)
    assert _contents(remote) == _contents(local)
    reasons = {name: row["reason"] for name, row in _rows(remote).items()}
    assert reasons["normal/notes.txt"] == "not an image"
    assert reasons["normal/empty.png"] == "empty"
    assert reasons["other/"] == "a folder without images"
    assert reasons[".hidden/"] == reasons["pneumonia/.DS_Store"] == "hidden"
    assert reasons["loose.png"] == "beside the class folders"
    assert remote.data_dir.replace("remote", "local") == local.data_dir


def test_second_build_reads_only_what_is_new(store, bucket, films, tmp_path):
    first = _prepare(bucket, tmp_path / "data")
    read = sorted(line.rpartition("/")[2] for line in store.read())
    assert read == sorted(path.name for path in films.rglob("*.png"))
    assert _prepare(bucket, tmp_path / "data").data_dir == first.data_dir
    assert store.read() == []
    # As large as before, in the same second perhaps, and another film. It is
    # read to compare it with the records, of as large files, and to decode it.
    size = (films / _FILM).stat().st_size
    image_trees.write_images(films, [_FILM], seed=7)
    film = (films / _FILM).read_bytes()
    padded = film + bytes(max(0, size - len(film)))
    name = f"{bucket.removeprefix('s3://')}/{_FILM}"
    store.call("PUT", name, padded)
    second = _prepare(bucket, tmp_path / "data")
    assert store.read() == 2 * [f"GET /{name}"]
    assert second.data_dir != first.data_dir


def test_file_that_grew_since_it_was_listed_is_not_cut(store, bucket, films):
    found = scan.find(bucket, _CLASSES)
    (file,) = [file for file in found.files if file.filename == _FILM]
    grown = (films / _FILM).read_bytes() + b"more"
    store.call("PUT", f"{bucket.removeprefix('s3://')}/{_FILM}", grown)
    with pytest.raises(scan.SourceError, match="that it was listed with"):
        files_lib.read(file.path, file.stamp)


def test_table_in_the_bucket_names_its_files(store, bucket, films, tmp_path):
    lines = ["filename,patient,label"]
    for number, path in enumerate(sorted(films.rglob("*.png"))):
        name = path.relative_to(films).as_posix()
        # Absolute names, as well as relative ones.
        name = f"{bucket}/{name}" if number % 2 else name
        lines.append(f"{name},p{number},{_CLASSES[number % 2]}")
    store.call(
        "PUT",
        f"{bucket.removeprefix('s3://')}/patients.csv",
        "\n".join(lines).encode(),
    )
    builder = _prepare(bucket, tmp_path, patients_csv=f"{bucket}/patients.csv")
    rows = _rows(builder)
    assert rows[_FILM]["status"] == "kept"
    assert rows[_FILM]["label"] == "pneumonia"
    with pytest.raises(ValueError, match="must be an existing file.*s3://"):
        xray_tfds.XrayConfig(patients_csv=f"{bucket}/none.csv")


def test_classes_are_found_in_a_bucket(store, bucket):
    config = xray_tfds.XrayConfig(class_names="auto")
    assert config.find_classes(bucket).class_names == _CLASSES


def test_file_that_no_listing_named_is_asked_for(store, bucket):
    path = files_lib.to_path(f"{bucket}/{_FILM}")
    data, stamp = files_lib.read(path)
    assert stamp == files_lib.look(path) and stamp.size == len(data)
    head, _ = files_lib.read_head(path)
    assert head == data[: len(head)] and len(head) == 512
    assert files_lib.is_file(path) and not files_lib.is_file(path.parent)
    with pytest.raises(decode_errors.BadFile, match="a folder"):
        files_lib.read(path.parent)
    with pytest.raises(decode_errors.BadFile, match="it is gone"):
        files_lib.read(path.with_name("none.png"))
    large = files_lib.Stamp(files_lib.MAX_BYTES + 1, 0, 0)
    with pytest.raises(decode_errors.BadFile, match="at most 536870912"):
        files_lib.read(path, large)


def test_records_are_not_written_to_s3(films, tmp_path):
    with pytest.raises(ValueError, match="`data_dir` must be a directory that"):
        _prepare(films, "s3://bucket/records")
    with pytest.raises(ValueError, match="Received: data_dir=s3://bucket"):
        xray_tfds.Builder(data_dir="s3://bucket/records")
