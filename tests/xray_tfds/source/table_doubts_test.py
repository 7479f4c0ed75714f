"""What is doubted of a table of files and labels."""

import pytest

from tests.helpers import image_trees
from xray_tfds.source import scan
from xray_tfds.source import tables

_CLASSES = ("normal", "pneumonia")


def test_folders_above_the_images_are_named_after_no_class(tmp_path):
    root = tmp_path / "pneumonia" / "images"
    names = [f"{c}/{i}.png" for c in ("a", *_CLASSES) for i in range(2)]
    image_trees.write_images(root, names)

    def doubts(labels):
        rows = [f"{root}/{n},{n},{label}" for n, label in zip(names, labels)]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(["filename,patient,label", *rows]))
        return scan.find(root, _CLASSES, tables.read_table(path)).cautions

    n, p = _CLASSES
    assert not doubts([n, p, n, n, p, p])
    (doubt,) = doubts([n, p, n, p, p, p])
    assert "gives 1 of 6 files another class" in doubt
    assert "normal/1.png" in doubt


@pytest.mark.parametrize(
    "one, other",
    [("7", "7.0"), ("7", "007"), ("P 7", "P  7"), ("p-07", "P-7")],
    ids=["float", "zeros", "spaces", "case"],
)
def test_patients_who_differ_in_spelling_alone_are_doubted(
    one, other, tmp_path
):
    names = [f"{label}/{i}.png" for label in _CLASSES for i in range(2)]
    image_trees.write_images(tmp_path / "images", names)
    rows = zip(names, (one, other, "70", "71"))
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["filename,patient", *map(",".join, rows)]))
    table = tables.read_table(path)
    (doubt,) = scan.find(tmp_path / "images", _CLASSES, table).cautions
    assert "has 1 patients whose names differ" in doubt and "7" not in doubt
