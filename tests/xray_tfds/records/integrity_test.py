"""Records that are not whole are noticed before anybody trains on them."""

import json
import os
import pathlib
import shlex
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import damaged_files
from tests.helpers import image_trees
import xray_tfds
from xray_tfds.records import integrity
from xray_tfds.records import storage
from xray_tfds.source import errors
from xray_tfds.source import scan

_OPTIONS = {"image_size": (32, 24)}
_TRAIN = "xray_tfds-train.tfrecord-00000-of-00001"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder of images and records of it, both read only."""
    root = tmp_path_factory.mktemp("built")
    images = image_trees.write_flat_tree(root / "images")
    return images, xray_tfds.prepare(images, root / "data", **_OPTIONS)


@pytest.fixture
def copy(built, tmp_path):
    """A builder of a copy of the records, with newer times."""
    _, builder = built
    root = tmp_path / "data"
    shutil.copytree(builder.data_dir_root, root, copy_function=shutil.copyfile)
    return _open(root)


def _open(data_dir):
    config = xray_tfds.XrayConfig(**_OPTIONS)
    return xray_tfds.Builder(data_dir=data_dir, config=config)


def _prepare(builder, images=None, mode="REUSE_DATASET_IF_EXISTS"):
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=images, download_mode=tfds.GenerateMode[mode]
        )
    )


def _examples(builder):
    return {
        split: list(tfds.as_numpy(builder.as_dataset(split=split)))
        for split in builder.info.splits
    }


_DAMAGES = {
    "missing": lambda path: path.unlink(),
    "is empty": lambda path: path.write_bytes(b""),
    "bytes instead of": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "not as it was written": damaged_files.flip_bit,
}


@pytest.mark.parametrize("damage", _DAMAGES)
@pytest.mark.parametrize(
    "name", [_TRAIN, "features.json", "build_report/files.csv"]
)
def test_damage_is_named_and_the_records_are_built_again(
    name, damage, built, copy, capsys
):
    images, builder = built
    file = pathlib.Path(copy.data_dir) / name
    _DAMAGES[damage](file)
    words = integrity.find_damage(copy.data_path)
    assert str(file) in words and damage in words
    if name == "features.json" and damage in ("is empty", "bytes instead of"):
        return  # No builder opens it: the next test.
    builder_of_copy = _open(copy.data_dir_root)
    with pytest.raises(errors.StorageError, match="--manual_dir=DIR"):
        _prepare(builder_of_copy)
    if name != _TRAIN:
        return  # Whichever file it is, what follows is the same.
    _prepare(builder_of_copy, images)
    assert f"{words}. They are replaced" in capsys.readouterr().out
    np.testing.assert_equal(_examples(builder_of_copy), _examples(builder))


@pytest.mark.parametrize(
    "name", ["dataset_info.json", "features.json", "metadata.json"]
)
@pytest.mark.parametrize("content", ["", "[]", '{"name": ', "\0\0"])
def test_info_that_cannot_be_read_is_told_in_words(name, content, copy, built):
    (copy.data_path / name).write_text(content)
    with pytest.raises(ValueError, match="damaged") as info:
        _prepare(_open(copy.data_dir_root))
    assert str(copy.data_path) in str(info.value)


def test_what_is_no_damage_is_not_called_damage(copy, monkeypatch):
    def fail(*args):
        raise TypeError("MergeFrom() takes exactly one argument")

    monkeypatch.setattr(tfds.core.DatasetInfo, "read_from_directory", fail)
    with pytest.raises(errors.StorageError, match="MergeFrom") as info:
        _open(copy.data_dir_root)
    assert "damaged" not in str(info.value)
    assert str(copy.data_path) in str(info.value)


def test_report_that_was_never_written_is_made_up_for(copy, built):
    images, _ = built
    (copy.data_path / "build_report" / "report.html").unlink()
    _prepare(copy, images)
    assert (copy.data_path / "build_report" / "report.html").exists()


def test_report_that_is_damaged_is_built_again(copy, built, capsys):
    images, _ = built
    # It says how many images there should be.
    path = copy.data_path / "build_report" / "facts.json"
    path.write_bytes(path.read_bytes()[:-9])
    _prepare(copy, images)
    assert f"damaged: {path} has" in capsys.readouterr().out
    assert not integrity.find_damage(copy.data_path)


def test_damaged_records_of_other_files_are_not_replaced(copy, tmp_path):
    (copy.data_path / _TRAIN).unlink()
    other = image_trees.write_flat_tree(tmp_path / "images", seed=3)
    with pytest.raises(scan.SourceError, match="other files"):
        _prepare(copy, other)


def test_copy_is_read_once_and_then_by_its_sizes(copy, monkeypatch):
    read = []
    digest = integrity.digest_of
    monkeypatch.setattr(
        integrity, "digest_of", lambda path: read.append(path) or digest(path)
    )
    # The shards were copied after the checksums.
    (copy.data_path / _TRAIN).write_bytes(
        (copy.data_path / _TRAIN).read_bytes()
    )
    assert not integrity.find_damage(copy.data_path)
    assert copy.data_path / _TRAIN in read
    read.clear()
    assert not integrity.find_damage(copy.data_path)
    assert not read


def test_change_that_hides_its_time_is_noticed(copy):
    path = pathlib.Path(copy.data_dir) / _TRAIN
    before = path.stat()
    damaged_files.flip_bit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "not as it was written" in integrity.find_damage(copy.data_path)


@pytest.mark.parametrize("damage", [None, *list(_DAMAGES)[:3]])
def test_records_of_older_versions_are_judged_by_their_sizes(
    damage, copy, built, monkeypatch
):
    (copy.data_path / "build_report" / "checksums.json").unlink()
    if damage is None:
        monkeypatch.setattr(copy, "_replace_records", None)
        _prepare(copy, built[0])
        return
    _DAMAGES[damage](pathlib.Path(copy.data_dir) / _TRAIN)
    assert damage in integrity.find_damage(copy.data_path)


def test_later_commands_that_rewrite_a_file_do_no_damage(copy, built):
    _prepare(copy, mode="UPDATE_DATASET_INFO")
    xray_tfds.report.write_report(copy.data_path)
    assert not integrity.find_damage(copy.data_path)


def test_checksums_of_a_later_version_are_refused(copy):
    path = copy.data_path / "build_report" / "checksums.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"version": 2}))
    assert "checksums.json is damaged" in integrity.find_damage(copy.data_path)


def test_classes_that_are_copies_of_one_another_make_no_empty_dataset(tmp_path):
    images = tmp_path / "images"
    names = [f"normal/{i}.png" for i in range(12)]
    image_trees.write_images(images, names)
    shutil.copytree(images / "normal", images / "pneumonia")
    with pytest.raises(scan.SourceError, match="No files are left.*copies"):
        xray_tfds.prepare(images, tmp_path / "data", **_OPTIONS)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_command_that_is_advised_builds_the_same_records(file_format, tmp_path):
    table = tmp_path / "who's who.csv"
    table.write_text("filename,patient\nnormal/a.png,1\n")
    options = {"patients_csv": str(table), "class_names": ("normal", "Käfer")}
    config = xray_tfds.XrayConfig(image_size=(32, 24), **options)
    builder = xray_tfds.Builder(
        data_dir=tmp_path / "my data", config=config, file_format=file_format
    )
    words = shlex.split(storage.spell_build(builder))
    assert words[:3] == ["tfds", "build", "xray_tfds"]
    flags = dict(word[2:].split("=", 1) for word in words[3:])
    again = xray_tfds.Builder(
        data_dir=flags["data_dir"],
        config=xray_tfds.XrayConfig(**json.loads(flags["config"])),
        file_format=flags.get("file_format"),
    )
    assert again.data_dir == builder.data_dir
    assert again.info.file_format == builder.info.file_format


def test_owner_without_a_name_builds_and_reads(tmp_path, monkeypatch):
    # As in a container that runs as any number, or on a disk of other users.
    def find_no_name(number):
        raise KeyError(f"uid not found: {number}")

    monkeypatch.setattr(pytest.importorskip("pwd"), "getpwuid", find_no_name)
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    builder = xray_tfds.prepare(images, tmp_path / "data", **_OPTIONS)
    assert (builder.data_path / "build_report" / "report.html").exists()
    assert not integrity.find_damage(builder.data_path)
    (builder.data_path / "build_report" / "checksums.json").unlink()
    assert not integrity.find_damage(builder.data_path)
