"""`validation_split` chooses exactly the files that Keras chooses."""

import numpy as np
import pytest

import pipeline


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for label, count in (("a", 7), ("b", 100), ("c", 1)):
        (root / label).mkdir()
        for i in range(count):
            (root / label / f"{i}.png").touch()
    return root


@pytest.mark.parametrize("subset", ("training", "validation"))
@pytest.mark.parametrize("fraction", (0.29, 0.5, 0.9))
def test_subset_has_the_files_of_keras(tree, fraction, subset):
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )
    whole = keras_image.ImageDataGenerator().flow_from_directory(str(tree))
    expected = keras_image.ImageDataGenerator(
        validation_split=fraction
    ).flow_from_directory(str(tree), subset=subset)
    images = np.arange(whole.samples).reshape(-1, 1, 1, 1).astype(np.uint8)
    split = pipeline.Split.from_arrays(
        images,
        whole.classes,
        class_names=("a", "b", "c"),
        filenames=whole.filenames,
    )
    actual = pipeline.select_subset(split, subset, fraction)
    assert list(actual.filenames) == expected.filenames
    np.testing.assert_array_equal(actual.labels, expected.classes)
    np.testing.assert_array_equal(
        actual.images[:, 0, 0, 0],
        [whole.filenames.index(name) for name in expected.filenames],
    )


def test_bad_or_empty_subset_is_refused():
    split = pipeline.Split.from_arrays(
        np.zeros((2, 4, 4, 1), np.uint8), [0, 1], class_names=("a", "b")
    )
    with pytest.raises(ValueError, match="Received: subset=test"):
        pipeline.select_subset(split, "test", 0.5)
    with pytest.raises(ValueError, match="no examples.*validation_split=0.1"):
        pipeline.select_subset(split, "validation", 0.1)
    for fraction in (-0.2, 1.0, 20):
        with pytest.raises(ValueError, match="`validation_split` must be"):
            pipeline.select_subset(split, "validation", fraction)
