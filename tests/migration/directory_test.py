"""`flow_from_directory`: Keras's files, labels and pixels, batches of ours."""

import json
import pathlib

import numpy as np
import pytest

import migration
import pipeline
from tests.helpers import image_trees

_GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "listing.json"
_CASES = json.loads(_GOLDEN.read_text())
_SMALL = {"target_size": (12, 10), "color_mode": "grayscale"}
legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)


def _make_tree(root, tree):
    for name in tree["dirs"]:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in tree["files"]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for link, target in tree["links"]:
        path = root / link
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to((root / target).resolve())


@pytest.mark.parametrize("case", _CASES, ids=lambda case: str(case["options"]))
def test_listing_equals_what_was_recorded_from_keras(case, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    _make_tree(root, case["tree"])
    listing = migration.list_directory(root, **case["options"])
    assert list(listing.filenames) == case["filenames"]
    assert listing.classes.tolist() == case["classes"]
    assert listing.class_indices == case["class_indices"]
    assert listing.samples == case["samples"]
    assert listing.num_classes == case["num_classes"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("flow")
    names = [f"{label}/{i}.jpg" for label in ("a", "b", "c") for i in range(7)]
    image_trees.write_images(root, names, size=(30, 40))
    return root


@pytest.mark.parametrize("subset", [None, "training", "validation"])
@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "input", None])
def test_flow_equals_keras_in_file_order(folder, class_mode, subset):
    generator = legacy_image.ImageDataGenerator(
        rescale=1 / 255, samplewise_center=True, validation_split=0.3
    )
    options = _SMALL | {
        "class_mode": class_mode,
        "batch_size": 4,
        "shuffle": False,
        "subset": subset,
    }
    theirs = generator.flow_from_directory(folder, **options)
    ours = migration.flow_from_directory(generator, folder, **options)
    assert list(ours.filenames) == theirs.filenames
    assert ours.class_indices == theirs.class_indices
    assert ours.samples == theirs.samples
    assert ours.image_shape == theirs.image_shape
    assert len(ours) == len(theirs)
    for actual, expected in zip(ours.dataset, theirs, strict=False):
        if class_mode is None:
            actual, expected = (actual,), (expected,)
        for tensor, array in zip(actual, expected, strict=True):
            assert tensor.numpy().dtype == array.dtype
            np.testing.assert_allclose(tensor, array, atol=1e-5)


def test_flow_of_a_fitted_generator_brings_its_statistics(folder):
    generator = legacy_image.ImageDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True
    )
    plain = migration.flow_from_directory(
        pipeline.AugmentConfig(), folder, shuffle=False, **_SMALL
    )
    generator.fit(plain.split.images.numpy())
    ours = migration.flow_from_directory(
        generator, folder, shuffle=False, **_SMALL
    )
    theirs = generator.flow_from_directory(folder, shuffle=False, **_SMALL)
    (actual, _), (expected, _) = next(iter(ours.dataset)), next(theirs)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_flow_augments_also_its_validation_subset(folder):
    config = pipeline.AugmentConfig(validation_split=0.5, horizontal_flip=True)
    flow = migration.flow_from_directory(
        config, folder, subset="validation", seed=0, shuffle=False, **_SMALL
    )
    (image, _), *_ = flow.dataset
    raw = flow.split.images.numpy().astype(np.float32)
    flipped = raw[:, :, ::-1]
    kinds = [
        "raw" if (i == r).all() else "flipped" if (i == f).all() else "other"
        for i, r, f in zip(image.numpy(), raw, flipped)
    ]
    assert set(kinds) == {"raw", "flipped"}


def test_flow_without_seed_differs_and_with_seed_does_not(folder):
    def first(seed):
        flow = migration.flow_from_directory(
            pipeline.AugmentConfig(), folder, seed=seed, **_SMALL
        )
        return next(iter(flow.dataset))[0].numpy()

    assert not np.array_equal(first(None), first(None))
    np.testing.assert_array_equal(first(1), first(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color_mode": "gray"}, "`color_mode` must be one of .*=gray"),
        ({"interpolation": "area"}, "`interpolation` must be one of"),
        ({"class_mode": "raw"}, "`class_mode` must be one of"),
        ({"subset": "test"}, "`subset` must be one of"),
        ({"classes": ["a/b"]}, "`classes` must be folders directly"),
        ({"classes": ["a", "b", "a"]}, "`classes` must name each folder once"),
        ({"classes": "abc"}, "`classes` must be .* such as \\['abc'\\]"),
        ({"subset": "validation"}, "must hold .*validation_split=0.0"),
        ({"classes": ["missing"]}, "must hold images in class folders"),
        ({"save_to_dir": "x"}, "`save_to_dir` must be left out"),
    ],
    ids=str,
)
def test_flow_refuses_bad_arguments(folder, options, message):
    with pytest.raises(ValueError, match=message):
        migration.flow_from_directory(
            pipeline.AugmentConfig(), folder, **(_SMALL | options)
        )


def test_class_without_a_folder_is_told_of(folder, caplog):
    listing = migration.list_directory(folder, classes=np.array(["b", "A"]))
    assert "`classes` names A, and" in caplog.text
    assert "Its folders are a, b, c." in caplog.text
    assert (listing.class_indices, listing.samples) == ({"b": 0, "A": 1}, 7)
    caplog.clear()
    listing = migration.list_directory(folder / "a", classes=["."])
    assert listing.filenames[0] == "./0.jpg"
    assert not caplog.text


def test_flow_names_a_file_that_cannot_be_decoded(folder, tmp_path):
    bad = tmp_path / "a" / "bad.png"
    bad.parent.mkdir()
    bad.write_bytes(b"no image")
    with pytest.raises(ValueError, match="Cannot decode .*bad.png"):
        migration.flow_from_directory(pipeline.AugmentConfig(), tmp_path)


def test_flow_from_a_missing_directory_says_so(tmp_path):
    with pytest.raises(ValueError, match="existing directory.*nowhere"):
        migration.flow_from_directory(
            pipeline.AugmentConfig(), tmp_path / "nowhere"
        )
