"""What goes wrong with a bucket: tried again, or said, and never a bad film."""

import os
import pathlib
import sys
import threading

import pytest

from tests.helpers import programs
from tests.helpers import stores
import xray_tfds
from xray_tfds.source import scan
from xray_tfds.source import source_files

_CLASSES = ("normal", "pneumonia")
_FILM = "normal/IM-0000-0001.png"


@pytest.fixture
def fsspec_options(monkeypatch):
    """Options of fsspec for S3, as its users may set them; empty at first."""
    import fsspec.config

    options = {}
    monkeypatch.setitem(fsspec.config.conf, "s3", options)
    return options


def _fail_on(name, *answers):
    """Returns a fault of one file: an answer each time, then none any more."""
    left = list(answers)

    def fault(line):
        return left.pop(0) if line.endswith(name) and left else None

    return fault


def test_file_deleted_meanwhile_is_listed_as_gone(store, bucket, tmp_path):
    def delete(line):
        if line.endswith(_FILM):
            store.call("DELETE", f"{bucket.removeprefix('s3://')}/{_FILM}")

    # One of 12 is more than the share that may be bad.
    store.fault = delete
    with pytest.raises(ValueError, match=f"{_FILM}: not accessible: it is"):
        xray_tfds.prepare(bucket, tmp_path / "data")
    store.call("PUT", f"{bucket.removeprefix('s3://')}/{_FILM}", b"again")
    builder = xray_tfds.prepare(bucket, tmp_path / "data", max_bad_fraction=0.2)
    report = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    assert "not accessible,it is gone" in report.read_text()


def test_file_replaced_between_two_reads_is_told_as_such(store, bucket):
    listed = scan.find(bucket, _CLASSES).files[0]
    data, file = source_files.read_file(listed)
    key = os.fspath(file.path).removeprefix("s3://")
    store.call("PUT", key, bytes(len(data)))
    with pytest.raises(scan.SourceError, match="changed while the dataset"):
        source_files.read_file(file)


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
    store, bucket, films, tmp_path, answer
):
    store.fault = _fail_on(_FILM, answer(store), answer(store))
    found = scan.scan(bucket, _CLASSES)
    assert sum(line.endswith(_FILM) for line in store.requests) == 3
    assert found.fingerprint == scan.scan(films, _CLASSES).fingerprint


def test_answers_that_are_always_short_are_no_damaged_film(
    store, bucket, tmp_path
):
    short = stores.short(store, promised=False)
    store.fault = _fail_on(_FILM, *[short] * 9)
    with pytest.raises(scan.SourceError) as info:
        xray_tfds.prepare(bucket, tmp_path, max_bad_fraction=1.0)
    assert f"{bucket}/{_FILM} cannot be read" in str(info.value)
    assert "3 times, of" in str(info.value)
    assert not list(tmp_path.glob("*/xray_tfds/*/1.0.0"))


def test_time_out_is_tried_again_and_said(
    store, bucket, fsspec_options, monkeypatch
):
    import s3fs

    fsspec_options["config_kwargs"] = {"read_timeout": 1}
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


def _find(bucket):
    scan.scan(bucket, _CLASSES)


@pytest.mark.parametrize(
    "fault, words",
    [
        ("GET /denied", "s3://denied cannot be read: access is denied (Acc"),
        (f"GET /denied/{_FILM}", f"s3://denied/{_FILM} cannot be read: access"),
    ],
    ids=["listing", "reading"],
)
def test_access_denied_leaves_nothing_out(store, films, fault, words):
    address = store.upload(films, "denied")
    denied = stores.error("403 Forbidden", "AccessDenied")
    store.fault = lambda line: denied if line == fault else None
    with pytest.raises(scan.SourceError) as info:
        _find(address)
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
        _find(address.format(bucket))
    shown = str(info.value)
    assert info.value.__suppress_context__ or info.value.__context__ is None
    assert not any(s in shown for s in (*stores.SECRETS, "pass-word"))


def test_settings_that_the_library_refuses_are_said(
    store, bucket, fsspec_options
):
    fsspec_options["max_concurrency"] = 0
    words = f"{bucket} cannot be read: max_concurrency must"
    with pytest.raises(scan.SourceError, match=words):
        _find(bucket)


def test_wrong_server_is_no_empty_folder(store, bucket):
    def page(environ, start_response):
        start_response("404 Not Found", [("Content-Type", "text/html")])
        return [b"<html>Nothing here.</html>"]

    store.fault = lambda line: page
    with pytest.raises(scan.SourceError, match="Check .*AWS_ENDPOINT_URL"):
        _find(bucket)


def test_folder_without_a_name_is_refused(store, bucket):
    store.call("PUT", f"{bucket.removeprefix('s3://')}/normal//a.png", b"x")
    with pytest.raises(
        scan.SourceError, match="rename what lies in .*normal//"
    ):
        _find(bucket)


def test_name_that_the_library_takes_for_a_version_is_refused(store, bucket):
    name = "normal/IM-0000-0001.png?versionId=1.png"
    store.call("PUT", f"{bucket.removeprefix('s3://')}/{name}", b"x")
    with pytest.raises(scan.SourceError, match="rename .*versionId=1.png"):
        _find(bucket)


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
        _find(address)
    assert f"pip install 'xray-tfds[{extra}]'" in str(info.value)
    assert library in str(info.value)


def test_programs_end_with_words_and_a_status(store, tmp_path):
    address = "s3://no-such-bucket/films"
    done = programs.train(
        f"--images_dir={address}", f"--data_dir={tmp_path}", check=False
    )
    assert done.returncode == 2
    assert f"train.py: {address} cannot be read: there is no" in done.stderr
    assert "Traceback" not in done.stderr
