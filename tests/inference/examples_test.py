"""Examples of a split: names, images, and what the build knows of them."""

import dataclasses
import pathlib
import shutil

from PIL import Image
import numpy as np
import pytest

from inference import examples as examples_lib
from inference import records
import pipeline
from tests.helpers import damaged_files
from tests.helpers import trained_runs
import xray_tfds


def streaming(run):
    settings = run.settings | {"memory_budget_gb": 1e-7}
    return dataclasses.replace(run, settings=settings)


def expected_image(root, key):
    with Image.open(root / "films" / "test" / key) as film:
        resized = film.resize((64, 64), Image.Resampling.BILINEAR)
    return np.asarray(resized)[..., None]


@pytest.mark.parametrize("place", ["memory", "files"])
def test_images_are_those_of_the_keys(place, run, trained):
    root, _ = trained
    opened = run if place == "memory" else streaming(run)
    examples = examples_lib.open_split(opened, "test")
    images = np.concatenate(list(examples.batches(4)))
    assert len(examples) == len(images) == 14
    for key, label, image in zip(examples.keys, examples.labels, images):
        np.testing.assert_array_equal(image, expected_image(root, key))
        assert key.split("/")[0] == run.class_names[label]
    keys = [examples.keys[9], examples.keys[2]]
    np.testing.assert_array_equal(
        examples.read_images(keys, batch_size=4), images[[9, 2]]
    )


def test_rows_of_the_build_are_found_by_key(run):
    examples = examples_lib.open_split(run, "test")
    assert set(examples.rows) == set(examples.keys)
    row = examples.rows["normal/IM-3002-0001.png"]
    assert (row["width"], row["height"], row["format"]) == ("64", "72", "PNG")
    assert row["split"] == "test"
    assert examples.patients[examples.keys == row["filename"]] == ["IM-3002"]


def test_fingerprint_is_of_the_films_alone(run, trained, tmp_path):
    """The same films at another size are the same test set."""
    root, _ = trained
    found = examples_lib.open_split(run, "test").fingerprint
    other = xray_tfds.prepare(root / "films", tmp_path, image_size=(32, 32))
    rows = records.read_rows(other.data_dir)
    tested = [row for row in rows if row["split"] == "test"]
    assert records.source_fingerprint(tested) == found
    assert records.source_fingerprint(tested[::-1]) == found
    assert records.source_fingerprint(tested[1:]) != found
    assert found != examples_lib.open_split(run, "validation").fingerprint


def test_split_without_a_table_has_the_fingerprint_of_its_records(
    run, trained, tmp_path
):
    shutil.copytree(trained[0] / "records", tmp_path / "records")
    (table,) = (tmp_path / "records").glob("**/files.csv")
    table.unlink()
    examples = examples_lib.open_split(
        run, "test", data_dir=table.parent.parent
    )
    assert examples.fingerprint == pipeline.fingerprint(examples.sources[0])
    assert not examples.rows


def test_moved_records_are_found_by_the_flag(run, trained, tmp_path):
    shutil.copytree(trained[0] / "records", tmp_path / "records")
    info = run.info | {"records": "/no/such/place"}
    moved = dataclasses.replace(run, info=info)
    with pytest.raises(ValueError, match="/no/such/place.*--data_dir=DIR"):
        examples_lib.open_split(moved, "validation")
    examples = examples_lib.open_split(
        moved, "validation", data_dir=tmp_path / "records"
    )
    assert str(tmp_path) in examples.directory


def test_run_without_a_note_finds_its_records_by_its_flags(run):
    """As runs were written at first."""
    info = {k: v for k, v in run.info.items() if k != "records"}
    old = dataclasses.replace(run, info=info)
    examples = examples_lib.open_split(old, "validation")
    assert examples.directory == run.info["records"]


def test_other_records_are_refused(run, tmp_path):
    trained_runs.write_tree(tmp_path / "films", {"train": 9, "test": 3})
    builder = xray_tfds.prepare(
        tmp_path / "films", tmp_path / "records", image_size=(64, 64)
    )
    with pytest.raises(ValueError, match="not those that the run.*--data_dir"):
        examples_lib.open_split(run, "test", data_dir=builder.data_dir)


def test_damaged_records_are_named(run, trained, tmp_path):
    shutil.copytree(trained[0] / "records", tmp_path / "records")
    (shard,) = (tmp_path / "records").glob("**/*-test.tfrecord*")
    damaged_files.flip_bit(shard)
    for opened in (run, streaming(run)):
        with pytest.raises(ValueError, match=str(shard)):
            examples = examples_lib.open_split(
                opened, "test", data_dir=tmp_path / "records"
            )
            list(examples.batches(4))


def test_repeated_names_become_keys_of_their_own():
    keys = examples_lib.unique_keys(["a", "b", "a", "a"])
    assert keys == ["a", "b", "a (2)", "a (3)"]


def test_run_on_images_in_memory_has_no_records(run):
    """As of `Split.from_arrays`."""
    info = run.info | {"records": None, "dataset": {"name": "noise"}}
    arrays = dataclasses.replace(run, info=info, flags={})
    with pytest.raises(ValueError, match="not there.*--data_dir"):
        examples_lib.open_split(arrays, "validation")
    # The run itself has them.
    assert pathlib.Path(run.info["records"]).is_dir()
