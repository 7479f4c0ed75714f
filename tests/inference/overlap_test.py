"""Which patients and films training knows, and of which nobody can tell."""

import types

import numpy as np

from inference import examples as examples_lib
from inference import overlap as overlap_lib
from tests.helpers import image_trees
import xray_tfds


def find(patients, trained, **options):
    """Looks up images named by numbers; training has those patients."""
    keys = np.array([str(index) for index in range(len(patients))])
    own_rows = [
        {"split": "train", "filename": name, "patient": name, "digest": ""}
        for name in trained
    ]
    options = {"seen_in": ("train",), **options}
    return overlap_lib.find(keys, np.array(patients), {}, own_rows, **options)


def test_patients_are_compared_with_those_known_alike():
    hashed, other = "hash:0123456789abcdef", "hash:fedcba9876543210"
    patients = ["IM-1", "IM-2", hashed, other, "file:/a.png", "folder:/b"]
    found = find(patients, ["IM-1", "IM-7"])
    assert found.shared == {"0"} and found.unknown == {"2", "3", "4", "5"}
    found = find(patients, ["IM-1", hashed, "file:/a.png"])
    # A file that is its own patient is that file, and tells of no other.
    assert found.shared == {"0", "2", "4"} and found.unknown == {"5"}
    found = find(patients, [hashed, "IM-7"], same_hash_key=False)
    # A hash by another key is nobody's, even if it is the same.
    assert not found.shared and found.unknown == {"2", "3", "4", "5"}
    assert find(patients, []).unknown == set("012345")


def test_films_are_known_by_their_content():
    own_rows = [
        {"split": split, "filename": f"{split}.png", "patient": "IM-1"}
        | {"digest": digest}
        for split, digest in (
            *(("train", "aa"), ("validation", "bb"), ("test", "cc")),
            ("train", ""),
        )
    ]
    rows = {key: {"digest": key} for key in ("aa", "bb", "cc", "dd", "")}
    keys = np.array([*rows, "no row"])
    patients = np.full(len(keys), "IM-2")
    seen = {
        seen_in: overlap_lib.find(
            keys, patients, rows, own_rows, seen_in=seen_in
        ).seen
        for seen_in in (("train",), ("train", "validation"))
    }
    sentence = "The file is in the run's train split (train.png)."
    assert seen["train",] == {"aa": sentence}
    assert set(seen["train", "validation"]) == {"aa", "bb"}


def test_what_one_of_several_runs_knows_counts():
    first = overlap_lib.Overlap({"a": "1"}, frozenset("a"), frozenset("bc"))
    second = overlap_lib.Overlap({"b": "2"}, frozenset("b"), frozenset("c"))
    both = overlap_lib.union([first, second])
    assert both.seen == {"a": "1", "b": "2"}
    assert both.shared == set("ab") and both.unknown == {"c"}
    counts = both.as_json(np.array(list("abc")), np.array(["p", "p", "q"]))
    assert counts == {"seen": 2, "images": 2, "patients": 1, "unknown": 1}


def test_leak_between_given_splits_is_found_in_the_split(tmp_path):
    names = [
        f"{split}/{folder}/{name}-000{number}.png"
        for number, split in enumerate(("train", "validation", "test"))
        for folder, name in (("normal", "IM-0001"), ("pneumonia", "IM-0002"))
    ]
    names += ["test/normal/IM-0003-0001.png", "train/normal/IM-0004-0001.png"]
    image_trees.write_images(tmp_path / "films", names)
    copy = tmp_path / "films/test/normal/IM-0005-0001.png"
    copy.write_bytes((tmp_path / "films" / names[-1]).read_bytes())
    builder = xray_tfds.prepare(
        tmp_path / "films", tmp_path / "data", on_leak="allow"
    )
    run = types.SimpleNamespace(
        class_names=("normal", "pneumonia"),
        data_fingerprint="",
        dataset={"name": builder.info.full_name, **builder.info.metadata},
        flags={},
        image_shape=builder.info.features["image"].shape,
        info={"records": str(builder.data_dir)},
        settings={},
        workdir="run",
    )
    for split, images in (("validation", 2), ("test", 2)):
        examples = examples_lib.open_split(run, split)
        counts = examples.overlap.as_json(examples.keys, examples.patients)
        assert counts["images"] == counts["patients"] == images
        assert counts["unknown"] == 0
        is_test = split == "test"
        assert set(examples.overlap.seen) == (
            {"normal/IM-0005-0001.png"} if is_test else set()
        )
