"""Folders in a bucket: a real server of S3, and what may go wrong with it."""

import csv
import itertools
import pathlib
import sys
import threading

import pytest

from tests.helpers import image_trees
from tests.helpers import programs
from tests.helpers import stores
import xray_tfds
from xray_tfds.decode import errors as decode_errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import scan

# Fixtures.
server = stores.server
store = stores.store

_CLASSES = ("normal", "pneumonia")
_FILM = "normal/IM-0000-0001.png"
_SIZE = (32, 32)
_NUMBERS = itertools.count()


@pytest.fixture
def images(tmp_path):
    return image_trees.write_flat_tree(tmp_path / "films", 12)


@pytest.fixture
def bucket(store, images):
    """The address of a bucket of its own with these images."""
    return store.upload(images, f"bucket-{next(_NUMBERS)}")


@pytest.fixture
def fsspec_options(monkeypatch):
    """Options of fsspec for S3, as its users may set them; empty at first."""
    import fsspec.config

    options = {}
    monkeypatch.setitem(fsspec.config.conf, "s3", options)
    return options


def _prepare(folder, data_dir, **options):
    return xray_tfds.prepare(folder, data_dir, image_size=_SIZE, **options)


def _contents(builder):
    """Every file of records and what was decided, by name."""
    root = pathlib.Path(builder.data_dir)
    paths = [*root.glob("*.tfrecord*"), root / "build_report" / "files.csv"]
    return {path.name: path.read_bytes() for path in paths}


def _rows(builder):
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    with path.open() as file:
        return {row["filename"]: row for row in csv.DictReader(file)}


def _fail_on(name, *answers):
    """Returns a fault of one file: an answer each time, then none any more."""
    left = list(answers)

    def fault(line):
        return left.pop(0) if line.endswith(name) and left else None

    return fault


def test_build_from_a_bucket_is_that_from_a_folder(store, images, tmp_path):
    image_trees.write_images(
        images,
        ["loose.png", ".hidden/a.png", "normal/masks/a.png", "other/m.png"],
        seed=9,
    )
    image_trees.write_images(images, ["normal/deep er/#1 %41+é.png"], seed=5)
    (images / "normal" / "notes.txt").write_text("a note")
    (images / "normal" / "nothing").write_bytes(b"")
    (images / "normal" / "empty.png").write_bytes(b"")
    (images / "pneumonia" / ".DS_Store").write_text("hidden")
    (images / "other" / "m.png").write_text("no image, whatever it is named")
    (images / "other" / "m.png").rename(images / "other" / "notes")
    options = {"max_bad_fraction": 0.2}
    local = _prepare(images, tmp_path / "local", **options)
    store.upload(images, "films")
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


def test_second_build_reads_only_what_is_new(store, bucket, images, tmp_path):
    first = _prepare(bucket, tmp_path / "data")
    films = sorted(path.name for path in images.rglob("*.png"))
    read = store.read()
    assert sorted(line.rpartition("/")[2] for line in read) == films
    assert _prepare(bucket, tmp_path / "data").data_dir == first.data_dir
    assert store.read() == []
    # As large as before, in the same second perhaps, and another film.
    size = (images / _FILM).stat().st_size
    image_trees.write_images(images, [_FILM], seed=7)
    film = (images / _FILM).read_bytes()
    padded = film + bytes(max(0, size - len(film)))
    name = f"{bucket.removeprefix('s3://')}/{_FILM}"
    store.call("PUT", name, padded)
    second = _prepare(bucket, tmp_path / "data")
    assert store.read() == [f"GET /{name}"]
    assert second.data_dir != first.data_dir


def test_file_that_grew_since_it_was_listed_is_not_cut(store, bucket, images):
    found = scan.find(bucket, _CLASSES)
    (file,) = [file for file in found.files if file.filename == _FILM]
    grown = (images / _FILM).read_bytes() + b"more"
    store.call("PUT", f"{bucket.removeprefix('s3://')}/{_FILM}", grown)
    with pytest.raises(scan.SourceError, match="that it was listed with"):
        files_lib.read(file.path, file.stamp)


def test_table_in_the_bucket_names_its_files(store, bucket, images, tmp_path):
    lines = ["filename,patient,label"]
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        name = path.relative_to(images).as_posix()
        # Absolute names, as well as relative ones.
        name = f"{bucket}/{name}" if number % 2 else name
        lines.append(f"{name},p{number},{_CLASSES[number % 2]}")
    store.call(
        "PUT",
        f"{bucket.removeprefix('s3://')}/patients.csv",
        "\n".join(lines).encode(),
    )
    builder = _prepare(
        bucket, tmp_path, patients_csv=f"{bucket}/patients.csv"
    )
    rows = _rows(builder)
    assert rows[_FILM]["status"] == "kept"
    assert rows[_FILM]["label"] == "pneumonia"
    with pytest.raises(ValueError, match="must be an existing file.*s3://"):
        xray_tfds.XrayConfig(patients_csv=f"{bucket}/none.csv")


def test_classes_are_found_in_a_bucket(store, bucket):
    config = xray_tfds.XrayConfig(class_names="auto")
    assert config.find_classes(bucket).class_names == _CLASSES


def test_file_deleted_meanwhile_is_listed_as_gone(store, bucket, tmp_path):
    def delete(line):
        if line.endswith("IM-0000-0000.png"):
            store.call("DELETE", f"{bucket.removeprefix('s3://')}/{_FILM}")

    # One of 12 is more than the share that may be bad, of which this is one.
    store.fault = delete
    with pytest.raises(ValueError, match=f"{_FILM}: not accessible: it is"):
        _prepare(bucket, tmp_path / "data")
    store.call(
        "PUT", f"{bucket.removeprefix('s3://')}/{_FILM}", b"as it was, nearly"
    )
    builder = _prepare(bucket, tmp_path / "data", max_bad_fraction=0.2)
    assert _rows(builder)[_FILM]["detail"] == "it is gone"


@pytest.mark.parametrize(
    "answer",
    [
        lambda store: stores.short(store, promised=True),
        lambda store: stores.short(store, promised=False),
        lambda store: stores.error("503 Slow Down", "SlowDown"),
    ],
    ids=["broken-off", "cut-short", "busy"],
)
def test_answer_that_fails_is_asked_for_again(
    store, bucket, images, tmp_path, answer
):
    store.fault = _fail_on(_FILM, answer(store), answer(store))
    found = scan.scan(bucket, _CLASSES)
    assert sum(line.endswith(_FILM) for line in store.requests) == 3
    assert found.fingerprint == scan.scan(images, _CLASSES).fingerprint


def test_answers_that_are_always_short_are_no_damaged_film(
    store, bucket, tmp_path
):
    short = stores.short(store, promised=False)
    store.fault = _fail_on(_FILM, *[short] * 9)
    with pytest.raises(scan.SourceError) as info:
        _prepare(bucket, tmp_path, max_bad_fraction=1.0)
    assert f"{bucket}/{_FILM} cannot be read" in str(info.value)
    assert "3 times, of" in str(info.value)
    assert not list(tmp_path.glob("*/xray_tfds/*/1.0.0"))


def test_time_out_is_tried_again_and_said(
    store, bucket, fsspec_options, monkeypatch
):
    import s3fs

    fsspec_options["config_kwargs"] = {"read_timeout": 0.2}
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 2)
    is_over = threading.Event()

    def hang(environ, start_response):
        is_over.wait()
        return stores.error("500 Internal Server Error", "Late")(
            environ, start_response
        )

    store.fault = _fail_on(_FILM, hang)
    try:
        assert scan.scan(bucket, _CLASSES).is_read()
        store.fault = _fail_on(_FILM, *[hang] * 9)
        with pytest.raises(scan.SourceError) as info:
            scan.scan(bucket, _CLASSES)
    finally:
        is_over.set()
    assert f"{bucket}/{_FILM} cannot be read: no answer in" in str(info.value)


def _listed(bucket):
    scan.scan(bucket, _CLASSES)


@pytest.mark.parametrize(
    "fault, words",
    [
        ("GET /denied", "s3://denied cannot be read: access is denied (Acc"),
        (f"GET /denied/{_FILM}", f"s3://denied/{_FILM} cannot be read: access"),
    ],
    ids=["listing", "reading"],
)
def test_access_denied_leaves_nothing_out(store, images, fault, words):
    address = store.upload(images, "denied")
    denied = stores.error("403 Forbidden", "AccessDenied")
    store.fault = lambda line: denied if line == fault else None
    with pytest.raises(scan.SourceError) as info:
        _listed(address)
    assert str(info.value).startswith(words)
    assert "AWS_PROFILE" in str(info.value)


@pytest.mark.parametrize(
    "address, variables, words",
    [
        ("s3://nowhere/films", {}, r"s3://nowhere/films .* no such bucket\. C"),
        ("{}/none", {}, r"must be one with files\. .* Received: s3://.*/none,"),
        ("{}/" + _FILM, {}, "must be a folder. Received: .*png, a file"),
        ("{}/normal", {}, "No folders in s3://.*/normal. Expected"),
        ("s3:///", {}, "or s3://BUCKET/FOLDER or gs://.*Received: s3:///"),
        ("http://host/films", {}, "must be .* Received: http://host/films"),
        (
            "{}",
            {"AWS_ENDPOINT_URL": "http://user:pass-word@127.0.0.1:1"},
            "Check the network, .*AWS_ENDPOINT_URL",
        ),
        (
            "{}",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            'Could not connect to the endpoint URL: "http://127.0.0.1:1".',
        ),
        (
            "{}",
            {"AWS_SECRET_ACCESS_KEY": ""},
            r"no credentials \(PartialCredentialsError\)\. Set AWS_PROFILE,",
        ),
        (
            "{}",
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            r"no credentials \(NoCredentialsError\)\. Set AWS_PROFILE,",
        ),
        ("{}", {"AWS_PROFILE": "nobody"}, r"no credentials \(ProfileNotFound"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy_and_no_secret(
    store, bucket, monkeypatch, address, variables, words
):
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(scan.SourceError, match=words) as info:
        _listed(address.format(bucket))
    shown = str(info.value)
    assert info.value.__suppress_context__ or info.value.__context__ is None
    assert not any(s in shown for s in (*stores.SECRETS, "pass-word"))


def test_wrong_server_is_no_empty_folder(store, bucket):
    def page(environ, start_response):
        start_response("404 Not Found", [("Content-Type", "text/html")])
        return [b"<html>Nothing here.</html>"]

    store.fault = lambda line: page
    with pytest.raises(scan.SourceError, match="Check .*AWS_ENDPOINT_URL"):
        _listed(bucket)


def test_folder_without_a_name_is_refused(store, bucket):
    store.call("PUT", f"{bucket.removeprefix('s3://')}/normal//a.png", b"x")
    with pytest.raises(scan.SourceError, match="rename what lies in .*normal//"):
        _listed(bucket)


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


@pytest.mark.parametrize(
    "address, library, extra",
    [("s3://b/films", "s3fs", "s3"), ("gs://b/films", "gcsfs", "gcs")],
)
def test_library_that_is_missing_is_named(monkeypatch, address, library, extra):
    registry = pytest.importorskip("fsspec.registry")
    scheme = address.partition("://")[0]
    monkeypatch.delitem(registry._registry, scheme, raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(scan.SourceError) as info:
        _listed(address)
    assert f"pip install 'xray-tfds[{extra}]'" in str(info.value)
    assert library in str(info.value)


def test_records_are_not_written_to_s3(images, tmp_path):
    with pytest.raises(ValueError, match="`data_dir` must be a directory that"):
        _prepare(images, "s3://bucket/records")
    with pytest.raises(ValueError, match="Received: data_dir=s3://bucket"):
        xray_tfds.Builder(data_dir="s3://bucket/records")


def test_programs_end_with_words_and_a_status(store, tmp_path):
    address = "s3://no-such-bucket/films"
    done = programs.train(
        f"--images_dir={address}", f"--data_dir={tmp_path}", check=False
    )
    assert done.returncode == 2
    assert f"train.py: {address} cannot be read: there is no" in done.stderr
    assert "Traceback" not in done.stderr
