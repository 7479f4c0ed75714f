"""Folders and records for the tests of the audit."""

import pathlib

from tests.helpers import image_trees


def write_classes(directory, *, quality=(90, 90), num_patients=30):
    """Two images a patient; the classes differ in nothing but the quality."""
    for number, name in enumerate(("normal", "pneumonia")):
        kind = ("IM", "NORMAL2-IM")[number]
        names = [
            f"{name}/{kind}-{patient:04}-000{index}.jpeg"
            for patient in range(num_patients)
            for index in (1, 2)
        ]
        image_trees.write_images(
            directory, names, seed=number, quality=quality[number]
        )
    return directory


def find_records(data_dir):
    """Returns the directories of records below a `data_dir`."""
    found = pathlib.Path(data_dir).rglob("dataset_info.json")
    return [path.parent for path in found]
