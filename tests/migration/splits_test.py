"""Images left in their files give the batches that those in memory give."""

import logging

import numpy as np
import pytest
import tensorflow as tf

import migration
import pipeline
from pipeline import data_source
from tests.helpers import image_trees

_CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255, horizontal_flip=True, validation_split=0.3
)
_OPTIONS = {"target_size": (12, 10), "batch_size": 4, "seed": 7}
_SMALL = {"memory_budget_bytes": 14 * 12 * 10 * 3 - 1}


@pytest.fixture
def folder(tmp_path):
    names = [f"{label}/{i}.png" for label in ("a", "b") for i in range(7)]
    image_trees.write_images(tmp_path, names, size=(30, 40))
    return tmp_path


def _flow(folder, **options):
    return migration.flow_from_directory(_CONFIG, folder, **_OPTIONS, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subset": "training", "shuffle": False},
        {"sampling": "balanced"},
        {"augment_on": "device"},
    ],
    ids=str,
)
def test_batches_are_those_of_images_in_memory(folder, options, caplog):
    kept = _flow(folder, **options)
    assert kept.split.images is not None
    with caplog.at_level(logging.WARNING):
        streamed = _flow(folder, **options, memory_budget_bytes=1)
    assert "memory_budget_bytes" in caplog.text
    assert streamed.split.images is None
    assert isinstance(streamed.split, data_source.DataSource)
    for actual, expected in zip(streamed.dataset, kept.dataset, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, actual, expected)
    if "augment_on" not in options:
        tf.nest.map_structure(
            np.testing.assert_array_equal, next(streamed), next(kept)
        )


def test_budget_is_for_the_pixels(folder):
    assert _flow(folder, **_SMALL).split.images is None
    enough = {"memory_budget_bytes": _SMALL["memory_budget_bytes"] + 1}
    assert _flow(folder, **enough).split.images is not None


def test_split_in_files_says_what_one_in_memory_says(folder):
    kept, streamed = _flow(folder).split, _flow(folder, **_SMALL).split
    for name in ("name", "class_names", "num_examples", "image_shape"):
        assert getattr(streamed, name) == getattr(kept, name), name
    np.testing.assert_array_equal(streamed.read_labels(), kept.read_labels())
    np.testing.assert_array_equal(streamed.count_labels(), [7, 7])
    index = tf.constant([3, 9])
    assert streamed.filenames_of(index, ()) == kept.filenames_of(index, ())
    assert streamed.filenames_of(index, ()) == ("a/3.png", "b/2.png")
    config = pipeline.AugmentConfig(
        featurewise_center=True, featurewise_std_normalization=True
    )
    ours, theirs = (
        pipeline.fit_statistics(split, config) for split in (streamed, kept)
    )
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-6)
    np.testing.assert_allclose(ours.std, theirs.std, rtol=1e-6)


def test_fingerprint_changes_with_a_file(folder):
    split = _flow(folder, **_SMALL).split
    before = split.fingerprint()
    assert _flow(folder, **_SMALL).split.fingerprint() == before
    image_trees.write_images(folder, ["a/3.png"], size=(30, 40), seed=5)
    assert split.fingerprint() != before


def test_file_that_cannot_be_read_is_named_when_its_batch_is_due(folder):
    flow = _flow(folder, shuffle=False, **_SMALL)
    split = flow.split
    split.check_records()
    (folder / "a" / "5.png").write_bytes(b"no image")
    flow[0]
    with pytest.raises(ValueError, match="Cannot decode .*5.png: its content"):
        flow[1]
    with pytest.raises(tf.errors.OpError, match="Cannot decode .*5.png"):
        list(flow.dataset)
    with pytest.raises(ValueError, match="Cannot decode .*5.png"):
        split.check_records()


def test_frame_of_several_labels_is_streamed_too(folder):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"filename": ["a/1.png", "b/2.png"], "class": [["x", "y"], ["y"]]}
    )
    flows = [
        migration.flow_from_dataframe(
            _CONFIG, frame, folder, shuffle=False, **_OPTIONS, **options
        )
        for options in ({}, {"memory_budget_bytes": 1})
    ]
    assert [flow.split.images is None for flow in flows] == [False, True]
    (kept, labels), (streamed, others) = (next(flow) for flow in flows)
    np.testing.assert_array_equal(streamed, kept)
    np.testing.assert_array_equal(labels, [[1, 1], [0, 1]])
    np.testing.assert_array_equal(others, labels)
    with pytest.raises(ValueError, match="no class each"):
        flows[1].split.count_labels()
