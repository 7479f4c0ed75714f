"""Names of the files in a batch, and fingerprints, of every kind of split."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

import pipeline
from pipeline import fingerprints
from tests.helpers import image_trees

SIZE = (16, 12)
NUM_TRAIN = 41
# Not even the decoded images fit: a window of a few records.
BUDGETS = {"memory": 2**30, "read": NUM_TRAIN * SIZE[0] * SIZE[1] - 1}


def build(image_tree, data_dir, **options):
    return image_trees.build_records(image_tree, data_dir, SIZE, 3, **options)


@pytest.fixture(scope="module")
def builders(image_tree, tmp_path_factory):
    """A builder for each file format."""
    return {
        name: build(image_tree, tmp_path_factory.mktemp(name), file_format=name)
        for name in ("tfrecord", "array_record")
    }


@pytest.fixture(scope="module")
def names_by_image(builders):
    """File name of each training image, by its bytes, read by TFDS."""
    ds = tfds.as_numpy(builders["tfrecord"].as_dataset(split="train"))
    names = {e["image"].tobytes(): e["filename"].decode() for e in ds}
    assert len(names) == NUM_TRAIN
    return names


@pytest.mark.parametrize("kind", ["tfrecord", "array_record"])
@pytest.mark.parametrize("place", BUDGETS)
@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_names_are_those_of_the_images_that_the_dataset_yields(
    kind, place, sampling, builders, names_by_image
):
    options = {
        "batch_size": 8,
        "seed": 3,
        "sampling": sampling,
        "memory_budget_bytes": BUDGETS[place],
    }
    if (kind, place, sampling) == ("tfrecord", "read", "balanced"):
        with pytest.raises(ValueError, match="--file_format=array_record"):
            pipeline.make_train_dataset(builders[kind], "train", **options)
        return
    ds = pipeline.make_train_dataset(
        builders[kind], "train", epoch=1, num_epochs=1, **options
    )
    batches = [batch[0].numpy() for batch in ds]
    assert len(batches) == 6 and len(batches[-1]) == 1
    for step, images in enumerate(batches):
        names = pipeline.filenames_of_step(
            builders[kind], "train", epoch=1, step=step, **options
        )
        assert names == tuple(
            names_by_image[image.astype(np.uint8).tobytes()] for image in images
        )


def test_epoch_before_the_first_is_refused(builders):
    with pytest.raises(ValueError, match="Received: epoch=-1"):
        pipeline.filenames_of_step(builders["tfrecord"], "train", epoch=-1)


def test_step_beyond_the_epoch_is_refused(builders):
    with pytest.raises(ValueError, match="from 0 to 5. Received: step=6"):
        pipeline.filenames_of_step(
            builders["tfrecord"], "train", batch_size=8, step=6
        )


@pytest.mark.parametrize("kind", ["tfrecord", "array_record"])
def test_fingerprint_is_of_the_records_wherever_they_are(
    kind, builders, tmp_path
):
    found = {
        pipeline.fingerprint(
            pipeline.open_split(data, "train", memory_budget_bytes=budget)
        )
        for budget in BUDGETS.values()
        for data in (builders[kind], _moved(builders[kind], tmp_path))
    }
    assert len(found) == 1
    validation = pipeline.open_split(builders[kind], "validation")
    assert pipeline.fingerprint(validation) not in found


def _moved(builder, root):
    """Returns the directory of a copy of the records."""
    name, config, version = builder.info.full_name.split("/")
    target = root / name / config / version
    shutil.copytree(builder.data_dir, target, dirs_exist_ok=True)
    return target


def test_fingerprint_changes_with_the_files_of_the_folder(
    image_tree, builders, tmp_path
):
    folder = tmp_path / "images"
    shutil.copytree(image_tree, folder)
    path = next(folder.glob("train/normal/*"))
    path.rename(path.with_name("renamed.jpeg"))
    changed = build(folder, tmp_path / "records")
    before = pipeline.open_split(builders["tfrecord"], "train")
    after = pipeline.open_split(changed, "train")
    assert pipeline.fingerprint(after) != pipeline.fingerprint(before)


def test_fingerprint_of_arrays_changes_with_each_of_them():
    images = np.zeros((4, 2, 2, 1), np.uint8)
    split = pipeline.Split.from_arrays(
        images, [0, 1, 0, 1], class_names=("a", "b")
    )
    again = pipeline.Split.from_arrays(
        images.copy(), [0, 1, 0, 1], class_names=("a", "b")
    )
    images[3, 1, 1] = 1
    others = [
        pipeline.Split.from_arrays(
            images, [0, 1, 0, 1], class_names=("a", "b")
        ),
        dataclasses.replace(split, labels=np.array([0, 1, 1, 1])),
        dataclasses.replace(split, filenames=("x", "1", "2", "3")),
        dataclasses.replace(split, patients=("x", "1", "2", "3")),
        dataclasses.replace(split, name="test"),
    ]
    assert pipeline.fingerprint(again) == pipeline.fingerprint(split)
    found = {pipeline.fingerprint(s) for s in [split, *others]}
    assert len(found) == 6


def test_fingerprint_of_foreign_records_changes_with_a_byte(builders, tmp_path):
    # As another dataset's: nothing is said of the files it was made of.
    found = []
    for number in range(2):
        root = _moved(builders["tfrecord"], tmp_path / str(number))
        metadata = json.loads((root / "metadata.json").read_text())
        del metadata["fingerprint"]
        (root / "metadata.json").write_text(json.dumps(metadata))
        if number:
            shard = sorted(root.glob("*train*tfrecord*"))[-1]
            data = bytearray(shard.read_bytes())
            data[-10] ^= 1
            shard.write_bytes(data)
        builder = tfds.builder_from_directory(root)
        found.append(fingerprints.of_records(builder, "train"))
    assert found[0] != found[1]


def test_part_of_a_split_has_a_fingerprint_of_its_own(builders):
    split = pipeline.open_split(builders["tfrecord"], "train")
    part = pipeline.select_subset(split, "training", 0.5)
    assert pipeline.fingerprint(part) != pipeline.fingerprint(split)
