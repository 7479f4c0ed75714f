"""Reading a prepared split into memory."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from pipeline import splits

# In the order `flow_from_directory` lists them: by directory, as strings, then
# by file. So "sub-x" is between "sub" and "sub/deep".
LISTING = (
    ("normal/a.png", 0),
    ("normal/z.png", 0),
    ("normal/sub/2.png", 0),
    ("normal/sub-x/1.png", 0),
    ("normal/sub/deep/0.png", 0),
    ("pneumonia/B.png", 1),
    ("pneumonia/a.png", 1),
)
SHUFFLED = (5, 3, 0, 6, 2, 4, 1)


class TinyFilms(tfds.core.GeneratorBasedBuilder):
    """Seven images whose pixels are their position in the listing."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        # Not from configuration files: a test module has none beside it.
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(6, 5, 1)),
                    "label": tfds.features.ClassLabel(
                        names=["normal", "pneumonia"]
                    ),
                    "filename": tfds.features.Text(),
                    "patient": tfds.features.Text(),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in SHUFFLED:
            filename, label = LISTING[i]
            yield filename, {
                "image": np.full((6, 5, 1), i, np.uint8),
                "label": label,
                "filename": filename,
                "patient": f"p{i}",
            }


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    builder = TinyFilms(data_dir=str(tmp_path_factory.mktemp("tfds")))
    builder.download_and_prepare()
    return builder


def test_listing_is_that_of_keras(tmp_path):
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )
    for name, _ in LISTING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    flow = keras_image.ImageDataGenerator().flow_from_directory(str(tmp_path))
    assert flow.filenames == [name for name, _ in LISTING]


@pytest.mark.parametrize("as_directory", (False, True))
def test_load_split_has_the_order_of_flow_from_directory(builder, as_directory):
    data = str(builder.data_dir) if as_directory else builder
    split = pipeline.load_split(data, "train")
    assert split.filenames == tuple(name for name, _ in LISTING)
    assert split.patients == tuple(f"p{i}" for i in range(7))
    assert split.class_names == ("normal", "pneumonia")
    np.testing.assert_array_equal(split.labels, [0, 0, 0, 0, 0, 1, 1])
    assert split.images.dtype == tf.uint8
    np.testing.assert_array_equal(split.images[:, 0, 0, 0], range(7))


def test_load_split_refuses_more_than_its_budget(builder):
    pipeline.load_split(builder, "train", memory_budget_bytes=210)
    with pytest.raises(ValueError, match="210 bytes.*memory_budget_bytes=209"):
        pipeline.load_split(builder, "train", memory_budget_bytes=209)


def test_load_split_refuses_an_unknown_split(builder):
    with pytest.raises(ValueError, match="one of train.*split='val'"):
        pipeline.load_split(builder, "val")


@pytest.mark.parametrize("claimed", (6, 8))
def test_load_split_refuses_another_count_than_promised(builder, claimed):
    with pytest.raises(RuntimeError, match=f"{claimed} examples.*hold 7"):
        splits._read_columns(builder, "train", claimed)


def test_loaded_split_is_returned_only_under_its_name(builder):
    split = pipeline.load_split(builder, "train")
    assert pipeline.load_split(split, "train") is split
    with pytest.raises(ValueError, match="split='test'"):
        pipeline.load_split(split, "test")


def test_from_arrays_refuses_columns_of_another_length():
    with pytest.raises(ValueError, match=r"Received: len\(labels\)=3"):
        pipeline.Split.from_arrays(
            np.zeros((2, 4, 4, 1), np.uint8), [0, 1, 0], class_names=("a", "b")
        )
