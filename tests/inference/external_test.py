"""A folder that a run never saw: prepared alike, and what it has seen named."""

import dataclasses
import os
import shutil

from PIL import Image
import numpy as np
import pytest

from inference import examples as examples_lib
from inference import external
from inference import records
from inference import scoring
from tests.helpers import image_trees
from tests.helpers import trained_runs
from xray_tfds.records import earlier


@pytest.fixture
def folder(tmp_path):
    """Four new films of each class."""
    names = [f"normal/IM-900{i}-0001.png" for i in range(4)]
    names += [f"pneumonia/person900{i}_virus_{i}.png" for i in range(4)]
    trained_runs.write_films(tmp_path / "new", names, seed=9)
    return tmp_path / "new"


def open_folder(run, folder):
    return external.open_folder(
        run, folder, data_dir=folder.parent / "external"
    )


def test_folder_is_one_set_in_the_image_shape_of_the_run(run, folder):
    examples = open_folder(run, folder)
    scores = scoring.score(run, examples, batch_size=3)
    assert len(scores.keys) == 8 and not examples.overlap.seen
    assert np.bincount(scores.labels).tolist() == [4, 4]
    images = np.concatenate(list(examples.batches(3)))
    for key, image in zip(examples.keys, images):
        with Image.open(folder / key) as film:
            resized = film.resize((64, 64), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(image[..., 0], np.asarray(resized))
        assert examples.rows[key]["height"] == "72"


def test_splits_of_a_folder_are_joined(run, tmp_path):
    names = [f"normal/IM-800{i}-0001.png" for i in range(3)]
    names += [f"pneumonia/person800{i}_virus_{i}.png" for i in range(3)]
    for seed, split in enumerate(("train", "validation"), start=70):
        trained_runs.write_films(tmp_path / "new" / split, names, seed)
    # The films of both have the same names, which a patient has in one split.
    own = run.info["dataset"] | {"on_leak": "error"}
    examples = open_folder(
        dataclasses.replace(run, info=run.info | {"dataset": own}),
        tmp_path / "new",
    )
    assert sorted(examples.keys) == [
        f"{split}/{name}" for split in ("train", "validation") for name in names
    ]
    assert len(np.concatenate(list(examples.batches(5)))) == 12


def test_films_that_the_run_has_seen_are_named(run, trained, folder):
    films = trained[0] / "films"
    shutil.copy(
        films / "train/normal/IM-1003-0001.png", folder / "normal/copied.png"
    )
    with Image.open(
        films / "validation/pneumonia/person2004_virus_4.png"
    ) as film:
        film.save(folder / "pneumonia/again.jpeg", quality=90)
    shutil.copy(
        films / "test/normal/IM-3001-0001.png", folder / "normal/tested.png"
    )
    examples = open_folder(run, folder)
    reasons = examples.overlap.seen
    assert set(reasons) == {"normal/copied.png", "pneumonia/again.jpeg"}
    assert "run's train split (normal/IM-1003" in reasons["normal/copied.png"]
    assert "nearly that of validation/pneumonia/person2004" in (
        reasons["pneumonia/again.jpeg"]
    )
    assert len(examples) == len(examples.rows) == 11
    assert examples.tested_images == 1
    images = np.concatenate(list(examples.batches(2)))
    assert len(images) == 11
    (place,) = np.flatnonzero(examples.keys == "normal/tested.png")
    tested = examples_lib.open_split(run, "test")
    np.testing.assert_array_equal(
        images[place], tested.read_images(["normal/IM-3001-0001.png"])[0]
    )


def test_patients_with_names_of_the_training_are_counted(run, tmp_path):
    names = [f"normal/IM-{n}-0002.png" for n in (1001, 1001, 9001, 9002, 9003)]
    names[1] = "normal/IM-1001-0003.png"
    names += [f"pneumonia/person900{i}_virus_{i}.png" for i in range(3)]
    trained_runs.write_films(tmp_path / "new", names, seed=12)
    examples = open_folder(run, tmp_path / "new")
    assert examples.overlap.as_json(examples.keys, examples.patients) == {
        **{"seen": 0, "images": 2, "patients": 1, "unknown": 0}
    }


def test_patients_hashed_with_another_key_are_not_called_apart(
    run, folder, monkeypatch
):
    """Nor could they be found, were they the same."""
    hashed = "hash:0123456789abcdef"
    rows = records.read_rows

    def read_rows(directory):
        return [{**row, "patient": hashed} for row in rows(directory)]

    def read_columns(source):
        found = read(source)
        return found._replace(patients=[hashed] * len(found.patients))

    read = examples_lib.read_columns
    monkeypatch.setattr(records, "read_rows", read_rows)
    monkeypatch.setattr(examples_lib, "read_columns", read_columns)
    assert len(open_folder(run, folder).overlap.shared) == 8
    monkeypatch.setattr(earlier, "read_hash_key", os.fspath)
    other = open_folder(run, folder)
    assert other.overlap.unknown == set(other.keys.tolist())
    assert not other.overlap.shared


def test_folder_may_hold_nothing_new(run, trained):
    films = trained[0] / "films" / "validation"
    place = trained[0] / "external"
    examples = external.open_folder(run, films, data_dir=place)
    assert len(examples.overlap.seen) == 22
    assert set(examples.overlap.seen) == set(examples.keys.tolist())


@pytest.mark.parametrize(
    "names, message",
    [
        (["normal/a.png"], "No folder for the class 'pneumonia'"),
        (["cat/a.png", "dog/a.png"], "Found in .*new: cat, dog"),
        (
            ["normal/a.png", "pneumonia/b.png", "covid/c.png"],
            "Unknown class folder: .*covid",
        ),
        ([], "No folders in .*new"),
    ],
)
def test_folder_of_other_classes_is_refused(names, message, run, tmp_path):
    (tmp_path / "new").mkdir()
    image_trees.write_images(tmp_path / "new", names)
    message = f"classes normal, pneum.*{message}"
    with pytest.raises(ValueError, match=message) as caught:
        open_folder(run, tmp_path / "new")
    # What a build could do about the classes, an evaluation cannot.
    text = str(caught.value)
    assert "--" not in text and "class_names" not in text
    assert text.endswith("like the run's classes.") == bool(names)


def test_options_of_the_run_are_not_advised(run, folder):
    (folder / "normal" / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match="1 of the 5 files") as caught:
        open_folder(run, folder)
    text = str(caught.value)
    assert "Replace or remove them." in text
    assert "--" not in text and "run's classes." not in text


def test_folder_that_does_not_exist_is_refused(run, tmp_path):
    with pytest.raises(
        ValueError, match="existing directory.*images_dir=.*new"
    ):
        open_folder(run, tmp_path / "new")
