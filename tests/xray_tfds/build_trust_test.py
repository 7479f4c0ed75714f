"""What a build leaves out, keeps in place and maps, file by file."""

import collections
import csv
import json
import pathlib

from PIL import Image
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.source import scan

_OPTIONS = {"image_size": (32, 24)}


def _build(manual_dir, data_dir, mode="REUSE_DATASET_IF_EXISTS"):
    builder = xray_tfds.Builder(
        data_dir=data_dir, config=xray_tfds.XrayConfig(**_OPTIONS)
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual_dir, download_mode=tfds.GenerateMode[mode]
        )
    )
    return builder


def _examples(builder):
    return {
        split: list(tfds.as_numpy(builder.as_dataset(split=split)))
        for split in builder.info.splits
    }


def _rows(builder):
    path = pathlib.Path(builder.data_dir) / "build_report" / "files.csv"
    with path.open() as file:
        return list(csv.DictReader(file))


def test_old_records_survive_a_build_that_fails(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    before = _examples(_build(images, tmp_path / "data"))
    for name in ("IM-0001-0002.png", "IM-0001-0003.png"):
        (images / "normal" / name).write_bytes(b"")
    with pytest.raises(scan.SourceError, match="IM-0001-0002.png: empty"):
        _build(images, tmp_path / "data", "REUSE_CACHE_IF_EXISTS")
    builder = xray_tfds.Builder(
        data_dir=tmp_path / "data", config=xray_tfds.XrayConfig(**_OPTIONS)
    )
    np.testing.assert_equal(_examples(builder), before)


def test_bad_files_are_quarantined_with_their_reasons(tmp_path, capsys):
    images = image_trees.write_flat_tree(tmp_path / "images")
    film = images / "normal" / "IM-0003-0007.png"
    film.write_bytes(film.read_bytes()[:200])
    (images / "pneumonia" / "person000_virus_0.png").write_bytes(b"")
    builder = _build(images, tmp_path / "data")
    printed = capsys.readouterr().out
    assert "Files left out: 2 of 60" in printed
    assert "1 normal: truncated" in printed
    rows = _rows(builder)
    assert len(rows) == 60
    bad = {r["filename"]: r["reason"] for r in rows if r["status"] != "kept"}
    assert bad == {
        "normal/IM-0003-0007.png": "truncated",
        "pneumonia/person000_virus_0.png": "empty",
    }
    total = sum(split.num_examples for split in builder.info.splits.values())
    assert total == 58


def test_fingerprint_of_splits_is_of_those_that_a_folder_gives(tmp_path):
    images = tmp_path / "images"
    for seed, split in enumerate(("train", "validation", "test")):
        image_trees.write_flat_tree(images / split, per_class=6, seed=seed)
    prints = []
    for name in "ab":
        folder = pathlib.Path(_build(images, tmp_path / name).data_dir)
        facts = json.loads((folder / "build_report/facts.json").read_bytes())
        prints.append(facts["splits"]["fingerprint"])
        for film in (images / "train" / "normal").glob("IM-0000-*"):
            film.rename(images / "test" / "normal" / film.name)
    assert prints[0] != prints[1]


def test_added_patients_move_nobody(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    first = xray_tfds.prepare(images, tmp_path / "data", **_OPTIONS)
    before = {row["patient"]: row["split"] for row in _rows(first)}
    image_trees.write_flat_tree(images, per_class=15, seed=7)
    second = xray_tfds.prepare(images, tmp_path / "data", **_OPTIONS)
    after = {row["patient"]: row["split"] for row in _rows(second)}
    assert len(after) > len(before)
    assert before.items() <= after.items()
    # And again where the records are overwritten in their place.
    image_trees.write_flat_tree(images, per_class=15, seed=8)
    built = _build(images, tmp_path / "one")
    kept = {row["patient"]: row["split"] for row in _rows(built)}
    image_trees.write_flat_tree(images, per_class=9, seed=9)
    rebuilt = _build(images, tmp_path / "one", "REUSE_CACHE_IF_EXISTS")
    assert (
        kept.items()
        <= {row["patient"]: row["split"] for row in _rows(rebuilt)}.items()
    )


def test_16_bit_films_are_mapped_to_8_bits(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    deep = np.linspace(0, 4095, 40 * 48).reshape(40, 48).astype(np.uint16)
    Image.fromarray(deep).save(images / "normal" / "IM-0001-0003.png")
    builder = xray_tfds.prepare(images, tmp_path, image_size=(40, 48))
    (image,) = [
        example["image"]
        for examples in _examples(builder).values()
        for example in examples
        if example["filename"] == b"normal/IM-0001-0003.png"
    ]
    np.testing.assert_array_equal(
        image[..., 0], np.rint(deep / 4095 * 255).astype(np.uint8)
    )


def test_files_of_one_name_that_are_moved_together_are_all_kept(tmp_path):
    images = tmp_path / "images"
    names = [
        f"{label}/person{i}_virus_1.png"
        for label in ("normal", "pneumonia")
        for i in range(9)
    ]
    for seed, split in enumerate(("train", "test"), start=1):
        image_trees.write_flat_tree(images / split, seed=seed)
        # The same patients and names in both splits, and other films.
        image_trees.write_images(images / split, names, seed=90 + seed)
    config = xray_tfds.XrayConfig(**_OPTIONS, on_leak="move")
    builder = xray_tfds.Builder(data_dir=tmp_path / "data", config=config)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=images)
    )
    counts = collections.Counter(
        example["filename"].decode()
        for split in ("train", "validation")
        for example in _examples(builder)[split]
    )
    assert [counts[name] for name in names] == [2] * len(names)
    assert builder.info.splits["test"].num_examples == 60


def test_error_about_too_few_patients_names_the_rule_and_a_way_out(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    for index, path in enumerate(sorted(images.rglob("*.png"))):
        path.rename(path.with_name(f"clinic7_{index}.png"))
    with pytest.raises(scan.SourceError) as info:
        xray_tfds.prepare(
            images,
            tmp_path / "data",
            patient_pattern=r"(?P<patient>clinic\d)_",
            **_OPTIONS,
        )
    message = str(info.value)
    assert "must have at least 3 patients" in message
    assert "'patient_pattern' makes one patient of 60 of 60 files" in message
    assert "with `patient_pattern` or `patients_csv`" in message
