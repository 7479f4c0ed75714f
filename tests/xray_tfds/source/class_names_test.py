"""`class_names=auto`: which folders are classes, and which are not."""

import keras
import pytest

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.source import class_names
from xray_tfds.source import other_folders
from xray_tfds.source import scan
from xray_tfds.source import tables

_AUTO = {"class_names": "auto", "image_size": (32, 32)}


def _write(root, *folders):
    names = [f"{folder}/{i}.png" for folder in folders for i in (0, 1)]
    image_trees.write_images(root, names, size=(4, 4))


def _write_table(root, labels):
    rows = [f"{i}.png,p{i},{label}" for i, label in enumerate(labels)]
    path = root / "table.csv"
    path.write_text("\n".join(["filename,patient,label", *rows]))
    return tables.read_table(str(path))


def test_classes_are_in_the_order_of_flow_from_directory(tmp_path):
    folders = ["virus", "Zoster", "b", "10", "9", "a b", "a,b", "é"]
    _write(tmp_path, *folders)
    generator = keras.src.legacy.preprocessing.image.ImageDataGenerator()
    iterator = generator.flow_from_directory(tmp_path, target_size=(4, 4))
    found = class_names.find(tmp_path)
    assert found == tuple(iterator.class_indices)
    files = scan.find(tmp_path, found).files
    assert [file.filename for file in files] == iterator.filenames


def test_classes_of_splits_are_united_in_any_spelling(tmp_path):
    folders = ["Train/Virus", "Train/u\u0308b", "val/VIRUS", "val/Üb"]
    _write(tmp_path, *folders)
    assert class_names.find(tmp_path) == ("Virus", "üb")


def test_class_that_a_split_lacks_is_named(tmp_path):
    _write(tmp_path, "train/a", "train/b", "test/a", "test/b", "test/c")
    found = class_names.find(tmp_path)
    with pytest.raises(scan.SourceError, match="No folder for the class 'c'"):
        scan.find(tmp_path, found)


def test_what_is_no_class_is_left_out_and_listed(tmp_path):
    _write(tmp_path, "b", "a", "Lung_Masks", ".hidden", "__MACOSX/a")
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("no image")
    found = class_names.find(tmp_path)
    source = scan.find(tmp_path, found)
    assert found == ("a", "b")
    assert {item.filename: item.reason for item in source.ignored} == {
        ".hidden/": "hidden",
        "__MACOSX/": "hidden",
        "Lung_Masks/": other_folders.NO_FILMS,
        "empty/": other_folders.NO_IMAGES,
        "notes/": other_folders.NO_IMAGES,
    }
    (caution,) = source.cautions
    assert "Lung_Masks/" in caution
    text = class_names.describe(source, found)
    assert "2 classes, with their images: a (2), b (2)." in text
    assert "Lung_Masks/ (named like masks" in text
    assert "notes/ (a folder without images)" in text


def test_folder_named_as_a_class_is_one_whatever_its_name(tmp_path):
    _write(tmp_path, "masks", "films")
    files = scan.find(tmp_path, ("films", "masks")).files
    assert [file.label for file in files] == ["films"] * 2 + ["masks"] * 2


def test_masks_within_a_class_are_no_films(tmp_path):
    # As in the COVID-19 Radiography Database.
    _write(tmp_path, "a/images", "a/masks", "b/images", "b/masks")
    source = scan.find(tmp_path, class_names.find(tmp_path))
    names = [file.filename for file in source.files]
    assert names == [f"{c}/images/{i}.png" for c in "ab" for i in range(2)]
    assert [item.filename for item in source.ignored] == [
        "a/masks/",
        "b/masks/",
    ]
    (caution,) = source.cautions
    assert "2, for example a/masks/: named like masks" in caution


def test_folder_of_images_without_suffix_is_a_class(tmp_path):
    _write(tmp_path, "a", "b")
    (tmp_path / "b" / "0.png").rename(tmp_path / "b" / "0")
    (tmp_path / "b" / "1.png").unlink()
    assert class_names.find(tmp_path) == ("a", "b")


@pytest.mark.parametrize(
    "folders, message",
    [
        (["a"], "two or more class folders. Found in .*: a. Put .*=A,B"),
        (["masks"], r"Found in .*: none, and left out: masks/ \(named like"),
        (["x/a", "x/b"], r"Found in .*: x. Did you mean .*/x\?"),
        (["x/train/a", "x/test/a"], r"Did you mean .*/x\?"),
        (["train/a", "test/a"], "Found in .*: a. Put the images"),
        (
            ["train/a", "train/b", "train/test/a"],
            "nested second copy.*/test is",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_folder_without_classes_is_refused(folders, message, tmp_path):
    _write(tmp_path, *folders)
    with pytest.raises(scan.SourceError, match=message):
        class_names.find(tmp_path)


@pytest.mark.parametrize(
    "folders, message",
    [
        (["a", "b", "copy/a", "copy/b"], "nested second copy.*copy/a is named"),
        (["a", "b", "x/train/a"], "nested second copy.*x/train is named"),
        (["train/a", "train/b", "extra/c"], "Unknown split folder.*: extra"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_nested_copies_are_no_classes(folders, message, tmp_path):
    _write(tmp_path, *folders)
    with pytest.raises(scan.SourceError, match=message):
        scan.find(tmp_path, class_names.find(tmp_path))


@pytest.mark.parametrize("place", ["", "train/"])
def test_a_folder_for_each_patient_is_no_class(place, tmp_path):
    _write(tmp_path, *(f"{place}p{i:02}" for i in range(10)))
    message = (
        "finds 10 classes in .*, of which 10 have fewer than 10 images, for "
        "example p00, p01, p02. Are they patients.*--class_names=p00,p01,p02,"
    )
    with pytest.raises(scan.SourceError, match=message):
        class_names.find(tmp_path)


def test_many_classes_of_enough_images_are_classes(tmp_path):
    small, large = range(5), range(5, 10)
    _write(tmp_path, *(f"c{i}" for i in small))
    for i in large:
        _write(tmp_path, *(f"c{i}/{deep}" for deep in range(5)))
    assert len(class_names.find(tmp_path)) == 10
    _write(tmp_path, "d")
    with pytest.raises(scan.SourceError, match="11 classes .* 6 have fewer"):
        class_names.find(tmp_path)


def test_labels_of_a_table_that_are_patients_are_refused(tmp_path):
    table = _write_table(tmp_path, [f"patient{i}" for i in range(10)])
    with pytest.raises(scan.SourceError, match="10 classes in .*table.csv"):
        class_names.find(tmp_path, table)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(scan.SourceError, match="existing directory.*nowhere"):
        class_names.find(tmp_path / "nowhere")


def test_labels_of_a_table_are_classes_whatever_the_folders_are(tmp_path):
    _write(tmp_path, "train", "masks")
    table = _write_table(tmp_path, ["virus", "Normal", "normal", "bacteria"])
    assert class_names.find(tmp_path, table) == ("Normal", "bacteria", "virus")
    with pytest.raises(
        scan.SourceError, match="two or more labels.*with one label alone"
    ):
        class_names.find(tmp_path, _write_table(tmp_path, ["a", "A"]))


def test_other_labels_of_a_table_say_the_exact_flag(tmp_path):
    image_trees.write_images(tmp_path, ["0.png", "1.png"], size=(4, 4))
    table = _write_table(tmp_path, ["ill", "well"])
    message = (
        "column label has 2 values.*--class_names=auto of train.py, --conf"
    )
    with pytest.raises(scan.SourceError, match=message):
        scan.find(tmp_path, ("normal", "pneumonia"), table)
    # The names of folders are no secret.
    _write(tmp_path, "test/ill", "test/well")
    message = "--class_names=auto or --class_names=ill,well of train.py, --conf"
    with pytest.raises(scan.SourceError, match=message):
        scan.find(tmp_path, ("normal", "pneumonia"), table)


def test_no_error_prints_patients_who_stand_in_the_column_of_labels(tmp_path):
    names = [f"{i}.png" for i in range(10)]
    image_trees.write_images(tmp_path, names, size=(4, 4))
    for count in (1, 2, 10):
        people = [f"DOE^JANE{i}" for i in range(count)]
        table = _write_table(tmp_path, people)
        with pytest.raises(scan.SourceError) as named:
            scan.find(tmp_path, ("normal", "pneumonia"), table)
        assert "DOE" not in str(named.value)
        if count != 2:
            with pytest.raises(scan.SourceError) as auto:
                class_names.find(tmp_path, table)
            assert "DOE" not in str(auto.value)


def test_prepare_says_what_it_found_and_makes_the_same_records(
    tmp_path, capsys
):
    names = [
        f"{c}/{i}.png" for c in ("virus", "Ill, so", "b") for i in range(6)
    ]
    image_trees.write_images(tmp_path / "images", names)
    (tmp_path / "images" / "empty").mkdir()
    builder = xray_tfds.prepare(tmp_path / "images", tmp_path / "data", **_AUTO)
    found = ["Ill, so", "b", "virus"]
    assert builder.info.features["label"].names == found
    assert builder.info.metadata["class_names"] == found
    text = "3 classes, with their images: Ill, so (6), b (6), virus (6). No "
    assert text in capsys.readouterr().out
    # The same again says so again; named, the classes are the same records.
    again = xray_tfds.prepare(tmp_path / "images", tmp_path / "data", **_AUTO)
    out = capsys.readouterr().out
    assert text in out and "Preparing" not in out
    named = xray_tfds.prepare(
        *(tmp_path / "images", tmp_path / "data"),
        **{**_AUTO, "class_names": found},
    )
    assert builder.data_dir == again.data_dir == named.data_dir
    assert "Preparing" not in capsys.readouterr().out
    image_trees.write_images(
        tmp_path / "images", [f"new/{i}.png" for i in range(6)], seed=5
    )
    more = xray_tfds.prepare(tmp_path / "images", tmp_path / "data", **_AUTO)
    assert more.info.features["label"].names == [*found[:2], "new", "virus"]


def test_builder_without_a_folder_says_where_classes_are_found(tmp_path):
    builder = xray_tfds.Builder(
        data_dir=tmp_path, config=xray_tfds.XrayConfig(**_AUTO)
    )
    with pytest.raises(ValueError, match="xray_tfds.prepare.*find_classes"):
        builder.download_and_prepare()


@pytest.mark.parametrize(
    "folders",
    [("Train_set", "test set"), ("training2", "val-2", "Test-2")]
    + [("train_1", "train_2"), ("train_a", "train_b", "test_a")],
)
def test_folders_named_like_splits_are_no_classes(folders, tmp_path):
    """A network would learn to tell the training from the test."""
    names = [f"{s}/{c}/a.png" for s in folders for c in ("a", "b")]
    image_trees.write_images(tmp_path, names)
    with pytest.raises(scan.SourceError, match="rename them train, validation"):
        class_names.find(tmp_path)


@pytest.mark.parametrize(
    "folders",
    [("test_negative", "test_positive"), ("valid_sick", "validated_normal")]
    + [("train_covid", "train_normal", "train_pneumonia")],
)
def test_classes_of_one_split_are_classes(folders, tmp_path):
    image_trees.write_images(tmp_path, [f"{name}/a.png" for name in folders])
    assert class_names.find(tmp_path) == folders


@pytest.mark.parametrize("patients", [12, 3])
def test_patients_of_all_classes_are_not_taken_for_parts(patients, tmp_path):
    """Their numbers, by the thousand, are no news and no classes."""
    names = [
        f"{c}/{i + 1000 * (i >= patients and c == 'b')}/a.png"
        for c in ("a", "b")
        for i in range(12)
    ]
    image_trees.write_images(tmp_path, names)
    found = class_names.find(tmp_path)
    text = class_names.describe(scan.find(tmp_path, found), found)
    assert text.endswith("a (12), b (12).")


def test_classes_with_the_same_folders_may_be_parts(tmp_path):
    names = [f"{h}/{c}/a.png" for h in ("east", "west") for c in ("a", "b")]
    image_trees.write_images(tmp_path, [*names, "east/c/a.png"])
    found = class_names.find(tmp_path)
    assert found == ("east", "west")
    text = class_names.describe(scan.find(tmp_path, found), found)
    assert "All of them have folders a, b: if those are the classes" in text
    image_trees.write_images(tmp_path, ["south/a/a.png"])
    found = class_names.find(tmp_path)
    text = class_names.describe(scan.find(tmp_path, found), found)
    assert "All of them" not in text
