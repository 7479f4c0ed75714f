"""Films decoded anew are those of the records, or it is said that not."""

import csv
import hashlib
import io
import pathlib
import re
import shutil

from PIL import Image
import numpy as np
import pytest
import tensorflow_datasets as tfds

from inference import films as films_lib
from tests.helpers import image_trees
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.source import source_files


def read_rows(data_dir, split):
    """Rows of `files.csv` of the kept files of a split, by file name."""
    text = (pathlib.Path(data_dir) / "build_report" / "files.csv").read_text()
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {r["filename"]: r for r in rows if r["split"] == split}


def read_records(data_dir, split):
    """Pairs of key and pixels of the records, by TFDS itself."""
    ds = tfds.builder_from_directory(data_dir).as_dataset(split=split)
    return {e["filename"].decode(): e["image"] for e in tfds.as_numpy(ds)}


def make_row(path, root, split=""):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = path.relative_to(root / split).as_posix()
    label = name.partition("/")[0]
    return {
        **{"filename": name, "given_split": split},
        **{"label": label, "digest": digest},
    }


def refuse():
    raise AssertionError("the records are not needed")


def load_all(films):
    return [film.fit(film.load()) for film in films.films]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_films_of_a_build_are_its_records(prepared, image_tree, split):
    records = read_records(prepared, split)
    rows = read_rows(prepared, split)
    keys = sorted(records)[::-1]
    films = films_lib.find(
        keys,
        [rows[key] for key in keys],
        str(image_tree),
        xray_tfds.XrayConfig(image_size=(32, 32)),
        refuse,
    )
    assert (films.measured_on, films.reason) == ("originals", "")
    assert [film.key for film in films.films] == keys
    for film in films.films:
        # As the file has it, not as small as the record.
        assert film.load().shape == (40, 48, 1)
        np.testing.assert_array_equal(film.fit(film.load()), records[film.key])


def write_kinds(root):
    """Writes a film of each kind of pixels; returns their paths."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (80, 120), np.uint8)
    colour = rng.integers(0, 256, (90, 70, 4), np.uint8)
    deep = (grey.astype(np.uint16) << 4) + 3
    kinds = {
        "grey.jpeg": Image.fromarray(grey),
        "deep.png": Image.fromarray(deep),
        "colour.png": Image.fromarray(colour),
        "opaque.jpeg": Image.fromarray(colour).convert("RGB"),
        "palette.png": Image.fromarray(colour).convert("P"),
        "cmyk.jpeg": Image.fromarray(colour).convert("CMYK"),
        "bilevel.png": Image.fromarray(grey).convert("1"),
    }
    for name, image in kinds.items():
        path = root / "normal" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return sorted(root.rglob("*.*"))


def check_equal_to_records(paths, root, **options):
    config = xray_tfds.XrayConfig(**options)
    rows = [make_row(path, root) for path in paths]
    keys = [path.name for path in paths]
    films = films_lib.find(keys, rows, str(root), config, refuse)
    assert films.measured_on == "originals"
    for path, pixels in zip(paths, load_all(films), strict=True):
        file = source_files.SourceFile(path, path.name, "normal", None)
        _, png = examine.examine(file, config)
        with Image.open(io.BytesIO(png)) as record:
            expected = np.asarray(record)
        expected = expected.reshape(config.image_shape)
        np.testing.assert_array_equal(pixels, expected, err_msg=path.name)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_mode": "rgb", "interpolation": "lanczos"},
        {"color_mode": "rgba", "interpolation": "nearest"},
        {"keep_aspect_ratio": True, "interpolation": "bicubic"},
        {"harmonize": "pad"},
        {"harmonize": "crop", "effective_size": 30},
    ],
    ids=lambda options: "_".join(map(str, options.values())) or "default",
)
def test_films_of_every_kind_and_option_are_the_records(tmp_path, options):
    paths = write_kinds(tmp_path)
    check_equal_to_records(paths, tmp_path, image_size=(48, 64), **options)


@image_trees.needs_real_images
@pytest.mark.parametrize("harmonize", ["none", "crop"])
def test_real_films_are_the_records(harmonize):
    root = image_trees.REAL_IMAGES / "originals"
    paths = sorted(root.rglob("*.jpeg"))[::12]
    assert len(paths) >= 5
    check_equal_to_records(paths, root, harmonize=harmonize)


@pytest.fixture(name="case")
def make_case(tmp_path):
    """Arguments of `find` for two films, and what the records would hold."""
    root = tmp_path / "films"
    names = ("val/normal/a.png", "val/pneumonia/b.png", "train/normal/c.png")
    image_trees.write_images(root, names)
    rows = [make_row(root / name, root, "val") for name in names[:2]]
    for row in rows:
        row["given_split"] = "validation"
    stored = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)
    config = xray_tfds.XrayConfig(image_size=(8, 8))
    batches = [stored[:1], stored[1:]]
    return [["a", "b"], rows, str(root), config, lambda: batches], stored


def test_split_folders_of_another_name_are_found(case):
    films = films_lib.find(*case[0])
    assert films.measured_on == "originals"
    assert len(load_all(films)) == 2


def test_files_that_a_table_names_are_found_from_the_root(case, tmp_path):
    arguments, _ = case
    root = tmp_path / "films"
    shutil.move(root / "val" / "normal" / "a.png", root / "-a.png")
    arguments[1][0]["filename"] = "-a.png"
    assert films_lib.find(*arguments).measured_on == "originals"


def spoil_nothing_left(arguments, root):
    shutil.rmtree(root)


def spoil_one_gone(arguments, root):
    (root / "val" / "pneumonia" / "b.png").unlink()


def spoil_one_changed(arguments, root):
    image_trees.write_images(root, ["val/pneumonia/b.png"], seed=9)


def spoil_no_folder_known(arguments, root):
    arguments[2] = None


def spoil_no_row(arguments, root):
    arguments[1][1] = None


def spoil_no_options(arguments, root):
    arguments[3] = None


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (spoil_nothing_left, "2 of 2 files are gone .* first normal/a.png"),
        (spoil_one_gone, "1 of 2 files are gone .* first pneumonia/b.png"),
        (spoil_one_changed, "have changed since .* first pneumonia/b.png"),
        (spoil_no_folder_known, "do not say which files"),
        (spoil_no_row, "do not say which files"),
        (spoil_no_options, "do not say which files"),
    ],
)
def test_records_take_the_place_of_missing_originals(
    case, tmp_path, spoil, reason
):
    arguments, stored = case
    spoil(arguments, tmp_path / "films")
    films = films_lib.find(*arguments)
    assert films.measured_on == "records"
    assert re.search(reason, films.reason)
    found = list(films.films)
    assert [film.key for film in found] == ["a", "b"]
    for film, pixels in zip(found, stored, strict=True):
        np.testing.assert_array_equal(film.fit(film.load()), pixels)
        # A part of it gets its size again.
        assert film.fit(film.load()[1:-1]).shape == (8, 8, 1)


def test_film_that_changes_while_it_is_measured_is_an_error(case, tmp_path):
    films = films_lib.find(*case[0])
    spoil_one_changed(None, tmp_path / "films")
    with pytest.raises(ValueError, match="b.png changed"):
        load_all(films)


def test_film_that_cannot_be_decoded_any_more_is_named(case, tmp_path):
    arguments, _ = case
    path = tmp_path / "films" / "val" / "normal" / "a.png"
    path.write_bytes(path.read_bytes()[:-30])
    arguments[1][0] = {
        **make_row(path, tmp_path / "films", "val"),
        "given_split": "validation",
    }
    with pytest.raises(ValueError, match="a.png .* cannot be decoded now"):
        load_all(films_lib.find(*arguments))
