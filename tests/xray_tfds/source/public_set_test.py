"""The public data set, from an archive of its layout."""

import functools
import hashlib
import http.server
import pathlib
import shutil
import threading

import pytest
from tensorflow_datasets.core import download

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.source import errors
from xray_tfds.source import public_set


def _build(data_dir):
    config = xray_tfds.XrayConfig(image_size=(32, 24))
    builder = xray_tfds.Builder(data_dir=data_dir, config=config)
    builder.download_and_prepare()
    return builder


def _examples(builder, split):
    return list(builder.as_dataset(split=split).as_numpy_iterator())


@pytest.fixture
def archive_url(tmp_path):
    """Serves an archive of the public layout, and yields its URL and path."""
    image_trees.write_public_layout(tmp_path / "tree")
    served = tmp_path / "served"
    served.mkdir()
    archive = shutil.make_archive(
        str(tmp_path / "images"), "zip", tmp_path / "tree"
    )
    path = pathlib.Path(archive).rename(served / "file_downloaded")
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=served
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{path.name}", path
    server.shutdown()
    server.server_close()


def _pin(monkeypatch, url, data):
    info = download.checksums.UrlInfo(
        size=len(data),
        checksum=hashlib.sha256(data).hexdigest(),
        filename="ChestXRay2017.zip",
    )
    monkeypatch.setattr(public_set, "URL", url)
    monkeypatch.setattr(xray_tfds.Builder, "url_infos", {url: info})


def test_download_keeps_the_test_split_and_carves_validation(
    archive_url, tmp_path, monkeypatch
):
    url, path = archive_url
    _pin(monkeypatch, url, path.read_bytes())
    builder = _build(tmp_path / "data")
    test = {example["filename"] for example in _examples(builder, "test")}
    folder = tmp_path / "tree" / "chest_xray" / "test"
    assert {name.decode() for name in test} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.png")
    }
    people = {
        split: {example["patient"] for example in _examples(builder, split)}
        for split in ("train", "validation")
    }
    assert people["validation"] and not people["train"] & people["validation"]


@pytest.mark.parametrize(
    "error, kind, words",
    [
        # As requests raises it: an OSError without a number.
        (
            OSError("Max retries exceeded"),
            errors.SourceError,
            "--manual_dir=DIR",
        ),
        (OSError(28, "No space left"), errors.StorageError, "--data_dir=DIR"),
    ],
)
def test_download_that_fails_names_the_way_out(
    error, kind, words, tmp_path, monkeypatch
):
    def fail(*_):
        raise error

    manager = download.download_manager.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", fail)
    with pytest.raises(kind, match=words) as info:
        _build(tmp_path / "data")
    assert (error.strerror or "Max retries exceeded") in str(info.value)


def test_download_with_another_checksum_is_refused(
    archive_url, tmp_path, monkeypatch
):
    url, path = archive_url
    _pin(monkeypatch, url, path.read_bytes()[:-1] + b"x")
    with pytest.raises(download.download_manager.NonMatchingChecksumError):
        _build(tmp_path / "data")


def test_public_download_is_pinned():
    (info,) = [
        info
        for url, info in xray_tfds.Builder.url_infos.items()
        if url == public_set.URL
    ]
    assert info.size == 1_235_512_464
    assert info.checksum.startswith("13efc055") and len(info.checksum) == 64
    assert info.filename == "ChestXRay2017.zip"
