"""Where records may be published, and which commands do so."""

import shutil
import types

import pytest

from tests.helpers import image_trees
from tests.helpers import programs
from tests.helpers import published
from tests.helpers import stores
import train as train_lib
from training import config as config_lib
import xray_tfds
from xray_tfds.source import errors

_INFO = published.INFO
_SHARD = published.SHARD


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    return image_trees.write_flat_tree(root / "films")


def _prepare(images, data_dir, publish_dir=None):
    return xray_tfds.prepare(
        images, data_dir, publish_dir=publish_dir, image_size=(32, 24)
    )


def test_copy_in_a_directory_is_the_records(
    images, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    copied = tmp_path / "copies [1]"
    builder = _prepare(images, tmp_path / "data", "copies [1]")
    assert published.files_below(copied) == published.files_of(builder)
    (shard,) = copied.rglob(_SHARD)
    before = shard.stat()
    _prepare(images, tmp_path / "data", copied)
    assert shard.stat() == before
    shutil.copytree(copied, tmp_path / "there")
    capsys.readouterr()
    _prepare(images, tmp_path / "there")
    assert "Preparing" not in capsys.readouterr().out
    # What is missing comes back, and other records take the place of these.
    shard.unlink()
    _prepare(images, tmp_path / "data", copied)
    assert published.files_below(copied) == published.files_of(builder)
    published.make_others(builder)
    _prepare(images, tmp_path / "data", copied)
    assert published.files_below(copied) == published.files_of(builder)


def test_empty_name_is_not_the_directory_that_one_is_in(
    images, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    _prepare(images, tmp_path / "data", "")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_directory_that_cannot_be_written_to_is_told_in_words(
    images, tmp_path
):
    copied = tmp_path / "copies"
    builder = _prepare(images, tmp_path / "data", copied)
    (shard,) = copied.rglob(_SHARD)
    shard.unlink()
    shard.mkdir()
    with pytest.raises(errors.StorageError, match="published: .*: Is a dir"):
        _prepare(images, tmp_path / "data", copied)
    assert not [*copied.rglob(_INFO)]
    shard.rmdir()
    _prepare(images, tmp_path / "data", copied)
    assert published.files_below(copied) == published.files_of(builder)


@pytest.mark.parametrize(
    "publish_dir, words",
    [
        ("s3://no-such-bucket/x", "/x cannot be written: there is no such b"),
        ("http://host/x", "or gs://BUCKET/FOLDER. Received: http://host/x"),
        ("{data}/copies", "`publish_dir` must be outside `data_dir`"),
        ("{images}/copies", "`publish_dir` must be outside the folder of im"),
        ("{images}/copies", "Add --publish_dir=DIR with another directory"),
        ("{images}/normal/a.png", "`publish_dir` must be outside the folder"),
        ("{file}", "`publish_dir` must be a directory that can be written to"),
        ("{file}/x", "directory that can be written to: Not a directory"),
    ],
)
def test_place_that_cannot_be_is_told_before_anything_is_read(
    store, images, tmp_path, publish_dir, words
):
    (tmp_path / "file").write_text("in the way")
    places = {"data": tmp_path / "data", "file": tmp_path / "file"}
    with pytest.raises(errors.SourceError, match=words):
        _prepare(
            images, places["data"], publish_dir.format(images=images, **places)
        )
    assert not places["data"].exists()


@pytest.mark.parametrize(
    "verb, words",
    [
        ("PUT", "cannot be written: access is denied .*write and delete its"),
        ("GET", "cannot be read: access is denied .* list the bucket and read"),
        ("DELETE", "cannot be written: access is denied .*AWS_PROFILE"),
    ],
)
def test_access_is_tried_before_anything_is_read(
    store, new_bucket, images, tmp_path, verb, words
):
    denied = stores.error("403 Forbidden", "AccessDenied")
    store.fault = lambda line: denied if line.startswith(verb) else None
    with pytest.raises(errors.SourceError, match=words):
        _prepare(images, tmp_path / "data", publish_dir=f"s3://{new_bucket}")
    assert not (tmp_path / "data").exists()


def test_nothing_stays_of_what_is_tried(store, new_bucket, images, tmp_path):
    _prepare(images, tmp_path, f"s3://{new_bucket}/x")
    tried = [line for line in store.requests if "/x/." in line]
    assert tried[0].startswith("PUT") and tried[-1].startswith("DELETE")
    assert not [key for key in store.contents(new_bucket) if "/." in key]


def test_folder_of_images_in_a_bucket_holds_images_alone(bucket, tmp_path):
    with pytest.raises(errors.SourceError, match="`publish_dir` must be outs"):
        _prepare(bucket, tmp_path, f"{bucket}/records")


def test_bucket_that_records_cannot_be_built_in_is_one_to_publish_in(images):
    words = " --publish_dir=s3://b/all .* Received: data_dir=s3://b/all"
    with pytest.raises(errors.SourceError, match=words):
        _prepare(images, "s3://b/all")


def test_records_in_a_bucket_are_not_published_from_there(images):
    with pytest.raises(errors.SourceError, match="directory of this machine"):
        _prepare(images, "gs://b/data", publish_dir="gs://b/copies")


@pytest.mark.slow
def test_run_on_a_copy_is_the_run_that_published_it(
    store, new_bucket, images, tmp_path
):
    options = ("--image_size=64", "--epochs=1", "--batch_size=8")
    programs.train(
        *options,
        f"--images_dir={images}",
        f"--data_dir={tmp_path / 'data'}",
        f"--publish_dir=s3://{new_bucket}/all",
        f"--workdir={tmp_path / 'first'}",
    )
    store.download(new_bucket, tmp_path)
    (info,) = (tmp_path / "all").rglob(_INFO)
    programs.train(
        *options,
        f"--dataset=xray_tfds/{info.parents[1].name}",
        f"--data_dir={info.parents[3]}",
        f"--workdir={tmp_path / 'second'}",
    )
    first, second = (
        programs.read_metrics(tmp_path / name) for name in ("first", "second")
    )
    assert first == second and first[0]["val_auc"] >= 0


def test_only_the_chief_of_several_workers_publishes(images, monkeypatch):
    given = []
    monkeypatch.setattr(
        train_lib, "_open_builder", lambda config: given.append(config)
    )
    config = config_lib.DataConfig(
        images_dir=str(images), publish_dir="s3://b/x"
    )
    for is_chief in (True, False):
        channel = types.SimpleNamespace(
            is_chief=is_chief, broadcast=lambda data: None
        )
        train_lib._prepare(config, channel)
    assert [config.publish_dir for config in given] == ["s3://b/x", None]


def test_programs_end_with_words_and_a_status(store, images, tmp_path):
    done = programs.train(
        f"--images_dir={images}",
        f"--data_dir={tmp_path / 'data'}",
        "--publish_dir=s3://no-such-bucket/x",
        check=False,
    )
    assert done.returncode == 2
    assert "train.py: s3://no-such-bucket/x cannot" in done.stderr
    assert "there is no such bucket. Check its name" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_tfds_build_publishes(images, tmp_path):
    def build(publish_dir, *flags):
        return programs.run(
            *("-m", "tensorflow_datasets.scripts.cli.main", "build"),
            "xray_tfds",
            f"--manual_dir={images}",
            f"--data_dir={tmp_path / 'data'}",
            f"--publish_dir={publish_dir}",
            *flags,
            check=False,
            fresh=True,
        )

    assert build(tmp_path / "copies").returncode == 0
    (info,) = (tmp_path / "copies").rglob(_INFO)
    place = f"xray_tfds/grayscale_256x256_bilinear/1.0.0/{_INFO}"
    assert info == tmp_path / "copies" / place
    built = tmp_path / "data" / place
    assert info.read_bytes() == built.read_bytes()
    assert published.files_below(info.parent) == published.files_below(
        built.parent
    )
    done = build(images / "copies")
    assert done.returncode == 1
    assert "tfds build: `publish_dir` must be outside" in done.stderr
    done = build(tmp_path / "copies", "--skip_if_published")
    assert done.returncode == 1
    assert "tfds build: `skip_if_published` must not be given" in done.stderr
    assert "Traceback" not in done.stderr
