"""Records are copied to where other machines find them, and found whole."""

import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import damaged_files
from tests.helpers import image_trees
from tests.helpers import published
from tests.helpers import stores
import xray_tfds
from xray_tfds.source import errors

_OPTIONS = {"image_size": (32, 24)}
_CHECKSUMS = published.CHECKSUMS
_INFO = published.INFO
_SHARD = published.SHARD


def _prepare(images, data_dir, **options):
    return xray_tfds.prepare(images, data_dir, **(_OPTIONS | options))


def _names(changes, verb):
    """Names of the files that were changed, without their directory."""
    return [
        change.partition("/1.0.0/")[2]
        for change in changes
        if change.startswith(verb)
    ]


def _examples(builder):
    return [
        example
        for split in sorted(builder.info.splits)
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    ]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    return image_trees.write_flat_tree(root / "films #1+é")


@pytest.fixture(scope="module")
def built(images, tmp_path_factory):
    """A directory with records, read only."""
    data_dir = tmp_path_factory.mktemp("built") / "data"
    _prepare(images, data_dir)
    return data_dir


@pytest.fixture
def data_dir(built, tmp_path):
    return shutil.copytree(built, tmp_path / "data")


def test_copy_in_a_bucket_is_the_records(
    store, new_bucket, images, tmp_path, capsys
):
    address = f"s3://{new_bucket}/for/all"
    builder = _prepare(images, tmp_path / "data", publish_dir=address)
    place = builder.data_path.relative_to(tmp_path / "data").as_posix()
    assert f"published in {address}/{place}\n" in capsys.readouterr().out
    files = published.files_of(builder)
    assert store.contents(new_bucket) == {
        f"for/all/{name}": content for name, content in files.items()
    }
    # On another machine.
    store.download(new_bucket, tmp_path)
    copied = tmp_path / "for" / "all"
    found = tfds.builder_from_directory(copied / place)
    expected = _examples(builder)
    assert len(expected) > 50
    for ours, theirs in zip(_examples(found), expected, strict=True):
        for name, value in theirs.items():
            np.testing.assert_array_equal(ours[name], value)
    assert _prepare(images, copied).data_path == copied / place
    assert "Preparing" not in capsys.readouterr().out


def test_checksums_come_first_and_what_makes_a_dataset_last(
    store, new_bucket, images, data_dir
):
    _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    sent = _names(store.written(), "PUT")
    assert (sent[0], sent[-1]) == (_CHECKSUMS, _INFO)
    assert sent.count(_INFO) == 1 and len(set(sent)) == len(sent) > 15


def test_what_is_there_is_not_sent_again(
    store, new_bucket, images, data_dir, capsys
):
    address = f"s3://{new_bucket}/"
    builder = _prepare(images, data_dir, publish_dir=address)
    store.written()
    _prepare(images, data_dir, publish_dir=address)
    assert store.written() == []
    assert "1.0.0 already\n" in capsys.readouterr().out
    # Of the same size, in a file that later commands write anew.
    report = builder.data_path / "build_report" / "report.html"
    report.write_bytes(report.read_bytes().replace(b"<html", b"<HTML"))
    (builder.data_path / "build_report" / "audit.json").write_text("{}")
    _prepare(images, data_dir, publish_dir=address)
    assert sorted(_names(store.written(), "")) == [
        "build_report/audit.json",
        "build_report/report.html",
    ]


@pytest.mark.parametrize("name", [_CHECKSUMS, _SHARD, _INFO])
def test_copy_that_was_interrupted_is_resumed(
    store, new_bucket, images, data_dir, name
):
    address = f"s3://{new_bucket}"
    denied = stores.error("403 Forbidden", "AccessDenied")
    store.fault = lambda line: (
        denied if line.startswith("PUT") and line.endswith(name) else None
    )
    with pytest.raises(errors.SourceError, match=f"{name} cannot be written"):
        _prepare(images, data_dir, publish_dir=address)
    store.fault = None
    keys = store.contents(new_bucket)
    there = {key.partition("/1.0.0/")[2] for key in keys}
    assert bool(there) == (name != _CHECKSUMS)
    assert _INFO not in there
    store.written()
    builder = _prepare(images, data_dir, publish_dir=address)
    changes = store.written()
    assert _names(changes, "DELETE") == []
    assert _names(changes, "PUT")[-1] == _INFO
    assert there.isdisjoint(_names(changes, "PUT"))
    assert store.contents(new_bucket) == published.files_of(builder)


def test_busy_store_is_asked_again(store, new_bucket, images, data_dir):
    left = [stores.error("503 Slow Down", "SlowDown")] * 2
    store.fault = lambda line: (
        left.pop() if line.endswith(_SHARD) and left else None
    )
    builder = _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    assert not left
    assert store.contents(new_bucket) == published.files_of(builder)


def test_file_that_is_not_whole_there_is_sent_again(
    store, new_bucket, images, data_dir
):
    address = f"s3://{new_bucket}"
    builder = _prepare(images, data_dir, publish_dir=address)
    (key,) = [k for k in published.files_of(builder) if k.endswith(_SHARD)]
    store.call("PUT", f"{new_bucket}/{key}", b"short")
    store.written()
    _prepare(images, data_dir, publish_dir=address)
    assert [change.rpartition("/")[2] for change in store.written()] == [
        *(_INFO, _SHARD, _INFO)
    ]
    assert store.contents(new_bucket) == published.files_of(builder)


def test_other_records_of_the_same_images_are_replaced_as_a_whole(
    store, new_bucket, images, data_dir, capsys
):
    address = f"s3://{new_bucket}"
    builder = _prepare(images, data_dir, publish_dir=address)
    store.written()
    published.make_others(builder)
    denied = stores.error("403 Forbidden", "AccessDenied")

    def deny(verb, name):
        store.fault = lambda line: (
            denied if line.startswith(verb) and line.endswith(name) else None
        )
        with pytest.raises(errors.SourceError, match="write and delete its f"):
            _prepare(images, data_dir, publish_dir=address)
        return store.written()

    # It ends in between: what is left is no dataset.
    changes = deny("DELETE", "/features.json")
    assert changes[0].startswith("DELETE") and changes[0].endswith(_INFO)
    assert not _names(changes, "PUT")
    assert "are replaced" in capsys.readouterr().out
    changes = deny("PUT", _SHARD)
    assert changes[0].endswith("/features.json")
    assert _INFO not in _names(changes, "")
    store.fault = None
    _prepare(images, data_dir, publish_dir=address)
    assert _names(store.written(), "DELETE") == []
    assert store.contents(new_bucket) == published.files_of(builder)


def test_file_that_does_not_arrive_is_noticed(
    store, new_bucket, images, data_dir
):
    def lose(environ, start_response):
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [("ETag", '"0"')])
        return []

    store.fault = lambda line: (
        lose if line.startswith("PUT") and line.endswith(_SHARD) else None
    )
    words = f"{_SHARD} has no bytes instead of .* run the same command again"
    with pytest.raises(errors.SourceError, match=words):
        _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    assert not any(_INFO in key for key in store.contents(new_bucket))
    store.fault = None
    builder = _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    assert store.contents(new_bucket) == published.files_of(builder)


def test_half_a_copy_of_another_kind_makes_room(
    store, new_bucket, images, data_dir
):
    builder = _prepare(images, data_dir)
    (key,) = [k for k in published.files_of(builder) if k.endswith(_SHARD)]
    other = bytes(len(published.files_of(builder)[key]))
    store.call("PUT", f"{new_bucket}/{key}", other)
    _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    assert store.contents(new_bucket) == published.files_of(builder)


def test_records_of_other_images_stay(store, new_bucket, tmp_path):
    config = xray_tfds.XrayConfig(**_OPTIONS)

    def build(seed):
        images = image_trees.write_flat_tree(tmp_path / f"{seed}", seed=seed)
        builder = xray_tfds.Builder(
            data_dir=tmp_path / f"data{seed}", config=config
        )
        builder.publish_dir = f"s3://{new_bucket}"
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=images)
        )

    build(1)
    contents = store.contents(new_bucket)
    assert f"xray_tfds/{config.name}/1.0.0/{_INFO}" in contents
    with pytest.raises(errors.SourceError, match="of other images than those"):
        build(2)
    assert store.contents(new_bucket) == contents


def test_damaged_records_are_not_published(store, new_bucket, images, data_dir):
    builder = _prepare(images, data_dir)
    path = builder.data_path / "xray_tfds-test.tfrecord-00000-of-00001"
    damaged_files.flip_bit(path)
    with pytest.raises(errors.StorageError, match="not as it was written") as e:
        _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    assert not any(_INFO in key for key in store.contents(new_bucket))
    # The remedy that it names.
    assert f"Remove {builder.data_path / _INFO} and" in str(e.value)
    (builder.data_path / _INFO).unlink()
    builder = _prepare(images, data_dir, publish_dir=f"s3://{new_bucket}")
    assert store.contents(new_bucket) == published.files_of(builder)
