"""Builds that are killed, that run on Beam, and records that stand alone."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

from apache_beam.options import pipeline_options
from etils import epath
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import dicom_files
from tests.helpers import image_trees
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.records import integrity
from xray_tfds.records import replacing
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib

_ROOT = pathlib.Path(xray_tfds.__file__).parents[1]
_OPTIONS = {"image_size": (32, 32)}

_BUILD = """
import sys
import tensorflow_datasets as tfds
import xray_tfds
builder = xray_tfds.Builder(
    data_dir=sys.argv[2], config=xray_tfds.XrayConfig(image_size=(32, 32))
)
print("begins", flush=True)
builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(
        manual_dir=sys.argv[1],
        download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS,
    )
)
"""


def _build(images, data_dir, **download_options):
    builder = xray_tfds.Builder(
        data_dir=data_dir, config=xray_tfds.XrayConfig(**_OPTIONS)
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=images, **download_options
        )
    )
    return builder


def _examples(builder):
    return {
        split: list(
            tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))
        )
        for split in builder.info.splits
    }


@pytest.mark.slow
def test_build_killed_at_any_moment_leaves_the_old_records(
    tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images")
    builder = _build(images, tmp_path / "data")
    before, records = _examples(builder), pathlib.Path(builder.data_dir)
    aside = records.with_name(f"replaced.{records.name}")
    moments = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _BUILD, images, tmp_path / "data"],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        process.stdout.readline()  # Imports are done: the build begins.
        time.sleep(moments.uniform(0, 2))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        # Records are there, the old or the new, and the next use decodes none.
        assert any((d / "dataset_info.json").exists() for d in (records, aside))
        with monkeypatch.context() as patch:
            patch.setattr(examine, "examine", None)
            found = _examples(_build(images, tmp_path / "data"))
        np.testing.assert_equal(found, before)


def test_old_records_that_cannot_be_removed_fail_no_build(
    tmp_path, monkeypatch, capsys
):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    _build(images, tmp_path / "data")
    gpath = type(epath.Path(tmp_path))
    remove = gpath.rmtree

    def refuse(path, *args, **kwargs):
        # As a network drive, on which somebody reads them.
        if path.name in ("replaced.1.0.0", "incoming.b_1.0.0"):
            raise OSError(39, "Directory not empty", str(path))
        remove(path, *args, **kwargs)

    image_trees.write_images(images, ["normal/IM-0099-0000.png"], seed=9)
    overwriting = {"download_mode": tfds.GenerateMode.REUSE_CACHE_IF_EXISTS}
    with monkeypatch.context() as patch:
        patch.setattr(gpath, "rmtree", refuse)
        builder = _build(images, tmp_path / "data", **overwriting)
    place = pathlib.Path(builder.data_dir).parent
    aside = place / "replaced.1.0.0"
    assert f"{aside} is of no use any more, and" in capsys.readouterr().out
    assert len(sum(_examples(builder).values(), [])) == 25
    # Another user's, of a build that was killed, hinders none either.
    (place / "incoming.b_1.0.0").mkdir()
    remove(epath.Path(aside))
    with monkeypatch.context() as patch:
        patch.setattr(gpath, "rmtree", refuse)
        _build(images, tmp_path / "data", **overwriting)
    assert "incoming.b_1.0.0 is of no use" in capsys.readouterr().out
    _build(images, tmp_path / "data", **overwriting)
    assert sorted(os.listdir(place)) == [".1.0.0.lock", "1.0.0"]


def test_old_records_come_back_where_their_exchange_is_interrupted(
    tmp_path, monkeypatch
):
    path = epath.Path(tmp_path / "1.0.0")
    new = path.with_name("incoming.b_1.0.0")
    for folder in (path, new):
        folder.mkdir()
        (folder / folder.name).touch()
    rename = type(path).rename

    def interrupt(source, target):
        if source == new:
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(type(path), "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replacing.exchange(path, new)
    assert os.listdir(path) == ["1.0.0"]


def test_records_that_another_build_has_replaced_are_known_anew(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    config = xray_tfds.XrayConfig(**_OPTIONS)
    _build(images, tmp_path / "data")
    builder = xray_tfds.Builder(data_dir=tmp_path / "data", config=config)
    image_trees.write_flat_tree(images, per_class=15, seed=7)
    overwriting = {"download_mode": tfds.GenerateMode.REUSE_CACHE_IF_EXISTS}
    after = _examples(_build(images, tmp_path / "data", **overwriting))
    for manual_dir in (None, images):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )
        np.testing.assert_equal(_examples(builder), after)


def test_records_of_a_part_are_not_taken_for_all(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    part = {"max_examples_per_split": 2}
    for _ in range(2):  # Asked for again, they are reused.
        builder = _build(images, tmp_path / "data", **part)
        assert builder.info.splits.total_num_examples == 6
    with pytest.raises(errors.SourceError, match="of 6 images.*of all 24.*--"):
        _build(images, tmp_path / "data")
    overwriting = {"download_mode": tfds.GenerateMode.REUSE_CACHE_IF_EXISTS}
    builder = _build(images, tmp_path / "data", **overwriting)
    assert len(sum(_examples(builder).values(), [])) == 24


def test_records_that_change_places_just_now_are_not_called_damaged(
    tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    before = _examples(_build(images, tmp_path / "data"))
    found = ["a shard is missing"]
    find_damage = integrity.find_damage
    monkeypatch.setattr(
        integrity,
        "find_damage",
        lambda path: found.pop() if found else find_damage(path),
    )
    np.testing.assert_equal(_examples(_build(None, tmp_path / "data")), before)
    assert not found


@pytest.mark.parametrize("is_whole", [False, True])
def test_records_in_parts_on_a_store_are_not_removed(
    is_whole, tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    path = _build(images, tmp_path / "data").data_path
    aside = path.with_name("replaced.1.0.0")
    shutil.copytree(path, aside)
    # A store renames file by file: a kill leaves some there, some here.
    for left, folder in (("*test*", path), ("*train*", aside)):
        for file in () if is_whole else pathlib.Path(folder).rglob(left):
            file.unlink()
    monkeypatch.setattr(files_lib, "is_local", lambda path: False)
    if is_whole:
        replacing.recover(path, is_alone=False)
        assert path.exists() and not aside.exists()
        return
    with pytest.raises(errors.StorageError, match="copy the files of the lat"):
        replacing.recover(path, is_alone=False)
    shutil.copytree(aside, path, dirs_exist_ok=True)
    assert not integrity.find_damage(path)


@pytest.mark.slow
def test_beam_makes_the_same_examples_in_the_same_shards(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=20)
    (images / "normal" / "IM-0003-0007.png").write_bytes(b"")
    local = _build(images, tmp_path / "local", num_shards=2)
    beam = _build(
        images,
        tmp_path / "beam",
        num_shards=2,
        beam_options=pipeline_options.PipelineOptions(
            direct_num_workers=2, direct_running_mode="multi_threading"
        ),
    )
    one, other = (
        {
            path.relative_to(builder.data_dir): path.read_bytes()
            for path in pathlib.Path(builder.data_dir).rglob("*")
            if path.is_file()
        }
        for builder in (local, beam)
    )
    assert len(one) >= 14
    assert one == other


def test_records_are_read_without_the_code_that_made_them(tmp_path):
    builder = _build(
        image_trees.write_flat_tree(tmp_path / "images"), tmp_path / "data"
    )
    code = (
        "import sys, tensorflow_datasets as tfds\n"
        "builder = tfds.builder_from_directory(sys.argv[1])\n"
        "frame = tfds.as_dataframe(\n"
        "    builder.as_dataset(split='train'), builder.info)\n"
        "assert 'xray_tfds' not in sys.modules\n"
        "print(len(frame), sorted(frame))\n"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", code, builder.data_dir],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    number = builder.info.splits["train"].num_examples
    assert result.stdout == (
        f"{number} ['filename', 'image', 'label', 'patient']\n"
    ), result.stderr


def test_dicom_patients_stay_together_and_unnamed(tmp_path, monkeypatch):
    monkeypatch.setenv("XRAY_TFDS_HASH_KEY", "secret")
    for index in range(24):
        label = ("normal", "pneumonia")[index % 2]
        values = np.random.default_rng(index).integers(0, 4096, (40, 56))
        ds = dicom_files.dataset(
            values.astype(np.uint16), PatientID=f"MRN{index // 4}-{label}"
        )
        path = tmp_path / "images" / label / f"{index}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dicom_files.written(ds))
    builder = _build(tmp_path / "images", tmp_path / "data")
    splits_of = {}
    for split, examples in _examples(builder).items():
        for example in examples:
            splits_of.setdefault(example["patient"], set()).add(split)
    assert len(splits_of) == 12
    assert all(len(splits) == 1 for splits in splits_of.values())
    folder = pathlib.Path(builder.data_dir)
    facts = json.loads((folder / "build_report" / "facts.json").read_text())
    (rule,) = facts["patients"]["rules"]
    assert rule["rule"] == "DICOM PatientID" and rule["patients"] == 12
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"MRN" not in content and b"Doe" not in content
