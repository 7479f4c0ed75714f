"""The table of Keras's three iterators says what they have, and ours."""

import re

import numpy as np
import pandas as pd
import pytest

import migration
from tests.helpers import image_trees
from tests.helpers import pages

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)

_PAGE = pages.read("docs/guides/image_data_generator.md")
_SECTION = _PAGE.partition("## Keras's three iterators")[2].partition("\n## ")[
    0
]


@pytest.fixture(scope="module")
def iterators(tmp_path_factory):
    """Pairs of Keras's iterator and ours, in the order of the columns."""
    root = tmp_path_factory.mktemp("iterators")
    names = [f"{label}/{i}.png" for label in ("a", "b") for i in range(2)]
    image_trees.write_images(root, names, size=(8, 8))
    table = pd.DataFrame({"filename": names, "class": list("aabb")})
    x, y = np.zeros((4, 8, 8, 1), np.uint8), np.arange(4)
    generator = legacy_image.ImageDataGenerator()
    return [
        (
            getattr(generator, method)(*arguments),
            getattr(migration, method)(generator, *arguments),
        )
        for method, arguments in {
            "flow_from_directory": (str(root),),
            "flow_from_dataframe": (table, str(root)),
            "flow": (x, y),
        }.items()
    ]


def _rows():
    for line in re.findall(r"^\| (`.+) \|$", _SECTION, re.M):
        first, *cells = line.split(" | ")
        for name in re.findall(r"`(\w+)`", first):
            yield name, cells


def test_each_cell_is_so(iterators):
    meaning = {"yes": (True, True), "more than Keras": (False, True)}
    checked = 0
    for name, cells in _rows():
        for cell, (theirs, ours) in zip(cells, iterators, strict=True):
            has = hasattr(theirs, name), hasattr(ours, name)
            if cell == "-":
                assert not has[0], name
            else:
                assert has == meaning.get(cell, (True, False)), name
            checked += 1
    assert checked > 100


def test_nothing_of_keras_is_left_out(iterators):
    named = set(re.findall(r"`(\w+)`", _SECTION))
    for theirs, _ in iterators:
        public = {name for name in dir(theirs) if not name.startswith("_")}
        assert public <= named


def test_what_ours_have_not_says_why(iterators):
    for theirs, ours in iterators:
        public = {name for name in dir(theirs) if not name.startswith("_")}
        missing = {name for name in public if not hasattr(ours, name)}
        assert missing >= {"save_to_dir", "index_generator"}
        for name in missing:
            with pytest.raises(AttributeError, match=f"'{name}': .+"):
                getattr(ours, name)
