"""The dataset builder, through TFDS's own commands and test case."""

import json
import pathlib
import subprocess

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets import testing as tfds_testing

from tests.helpers import image_trees
from tests.helpers import processes
from tests.helpers import warm_python
import xray_tfds
from xray_tfds.source import scan

_SMALL = {"image_size": (32, 24)}


def _build(manual_dir, data_dir, *, overwrite=False, **options):
    builder = xray_tfds.Builder(
        data_dir=data_dir, config=xray_tfds.XrayConfig(**(_SMALL | options))
    )
    mode = "REUSE_CACHE_IF_EXISTS" if overwrite else "REUSE_DATASET_IF_EXISTS"
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual_dir, download_mode=tfds.GenerateMode[mode]
        )
    )
    return builder


def _examples(builder, split):
    return list(builder.as_dataset(split=split).as_numpy_iterator())


@pytest.fixture(scope="class")
def public_archive(request, tmp_path_factory):
    """Gives a class of tests what is unpacked in the place of a download."""
    root = image_trees.write_public_layout(tmp_path_factory.mktemp("archive"))
    request.cls.dummy_data = root
    request.cls.EXAMPLE_DIR = str(root)


@pytest.mark.usefixtures("public_archive")
class XrayTfdsTest(tfds_testing.DatasetBuilderTestCase):
    """TFDS's own checks: registration, splits, checksums, no plain `open`."""

    DATASET_CLASS = xray_tfds.Builder
    SPLITS = {"train": 73, "validation": 7, "test": 8}
    DL_EXTRACT_RESULT = ""


def test_given_splits_are_kept_and_pixels_equal_keras(image_tree, tmp_path):
    builder = _build(image_tree, tmp_path, interpolation="nearest")
    for split in ("train", "validation", "test"):
        examples = {
            example["filename"].decode(): example
            for example in _examples(builder, split)
        }
        iterator = keras.src.legacy.preprocessing.image.ImageDataGenerator()
        iterator = iterator.flow_from_directory(
            image_tree / split,
            target_size=_SMALL["image_size"],
            color_mode="grayscale",
            class_mode="sparse",
            shuffle=False,
            batch_size=100,
        )
        pixels, labels = next(iterator)
        assert sorted(examples) == sorted(iterator.filenames)
        for name, image, label in zip(iterator.filenames, pixels, labels):
            np.testing.assert_array_equal(examples[name]["image"], image)
            assert examples[name]["label"] == label
    assert builder.info.features["label"].names == ["normal", "pneumonia"]


def test_splits_are_made_by_patient_where_none_are_given(tmp_path):
    builder = _build(
        image_trees.write_flat_tree(tmp_path / "images"), tmp_path / "data"
    )
    patients = {}
    for split in ("train", "validation", "test"):
        examples = _examples(builder, split)
        assert {example["label"] for example in examples} == {0, 1}
        patients[split] = {example["patient"] for example in examples}
    assert sum(map(len, patients.values())) == len(
        set().union(*patients.values())
    )
    counts = [builder.info.splits[split].num_examples for split in patients]
    assert sum(counts) == 60
    assert counts[1] in range(4, 9) and counts[2] in range(4, 9)


def test_two_builds_of_a_folder_are_byte_identical(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    contents = []
    for data_dir in (tmp_path / "a", tmp_path / "b"):
        directory = pathlib.Path(_build(images, data_dir).data_dir)
        files = sorted(f for f in directory.rglob("*") if f.is_file())
        contents.append({file.name: file.read_bytes() for file in files})
    assert len(contents[0]) >= 10
    assert contents[0] == contents[1]


def test_builder_refuses_records_of_other_files_until_overwritten(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    first = _build(images, tmp_path / "data")
    _build(images, tmp_path / "data")  # The same files: reused.
    image_trees.write_images(images, ["normal/IM-0000-0000.png"], seed=1)
    with pytest.raises(
        scan.SourceError, match="built from other files.*overwrite"
    ):
        _build(images, tmp_path / "data")
    second = _build(images, tmp_path / "data", overwrite=True)
    assert (
        first.info.metadata["fingerprint"]
        != second.info.metadata["fingerprint"]
    )
    other = tfds.builder_from_directory(second.data_dir).info.metadata
    assert other["fingerprint"] == second.info.metadata["fingerprint"]
    assert other["image_size"] == [32, 24]


def test_three_classes_by_configuration(tmp_path):
    names = [
        f"{c}/{i}.png" for c in ("Covid", "healthy", "TB") for i in range(5)
    ]
    image_trees.write_images(tmp_path / "images", names)
    builder = _build(
        tmp_path / "images",
        tmp_path / "data",
        class_names=("healthy", "tb", "covid"),
        color_mode="rgb",
    )
    example, *_ = _examples(builder, "train")
    assert example["image"].shape == (32, 24, 3)
    for example in _examples(builder, "train"):
        folder = example["filename"].decode().split("/")[0].lower()
        assert builder.info.features["label"].names[example["label"]] == folder


def test_given_validation_is_carved_anew_on_request(tmp_path):
    images = tmp_path / "images"
    for split, count in (("train", 40), ("validation", 2), ("test", 8)):
        image_trees.write_flat_tree(images / split, count, seed=count)
    # Names that both have, of other films.
    names = [
        f"{label}/{i}.png" for label in ("normal", "pneumonia") for i in (1, 2)
    ]
    for seed, split in enumerate(("train", "validation"), start=90):
        image_trees.write_images(images / split, names, seed=seed)
    given = _build(images, tmp_path / "data")
    carved = _build(images, tmp_path / "data", validation="carve")
    assert carved.data_dir != given.data_dir
    counts = [
        {name: split.num_examples for name, split in each.info.splits.items()}
        for each in (given, carved)
    ]
    assert counts[0] == {"train": 84, "validation": 8, "test": 16}
    assert counts[1]["test"] == 16 and sum(counts[1].values()) == 108
    assert counts[1]["validation"] in range(8, 11)
    people = {
        split: {example["patient"] for example in _examples(carved, split)}
        for split in ("train", "validation")
    }
    assert not people["train"] & people["validation"]


@pytest.mark.slow
def test_command_line_builds_with_a_config_and_python_loads_it(
    image_tree, tmp_path
):
    path, environment = warm_python.find("tfds")
    command = [
        *(path, "build", "xray_tfds"),
        *(f"--manual_dir={image_tree}", f"--data_dir={tmp_path}"),
        *("--config", json.dumps({"image_size": [16, 20]})),
    ]
    subprocess.run(
        command,
        cwd=processes.ROOT,
        env=environment,
        check=True,
        capture_output=True,
        timeout=600,
    )
    ds, info = tfds.load(
        "xray_tfds",
        data_dir=tmp_path,
        split="train",
        builder_kwargs={"config": xray_tfds.XrayConfig(image_size=(16, 20))},
        with_info=True,
        download=False,
    )
    assert ds.element_spec["image"].shape == (16, 20, 1)
    assert len(list(ds)) == info.splits["train"].num_examples == 41
