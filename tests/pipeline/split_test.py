"""Reading a prepared split into memory."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import pipeline
from pipeline import buffers
from pipeline import xla

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


def test_loaded_split_is_returned_only_under_its_name(builder):
    split = pipeline.load_split(builder, "train")
    assert pipeline.load_split(split, "train") is split
    with pytest.raises(ValueError, match="split='test'"):
        pipeline.load_split(split, "test")


def make_split(images=None, labels=(0, 1), class_names=("a", "b"), **options):
    if images is None:
        images = np.zeros((len(labels), 4, 4, 1), np.uint8)
    return pipeline.Split.from_arrays(
        images, labels, class_names=class_names, **options
    )


IMAGES = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)


@pytest.mark.parametrize(
    "images, message",
    [
        (IMAGES[..., 0], r"images\[\.\.\., None\].*images.shape=\(2, 4, 4\)"),
        (IMAGES[0], r"images\[None\].*images.shape=\(4, 4, 1\)"),
        (IMAGES.ravel(), r"four axes.*images.shape=\(32,\)"),
        (IMAGES[:0], r"at least one image.*images.shape=\(0, 4, 4, 1\)"),
        (IMAGES[:, :, :0], r"at least one pixel"),
        (IMAGES / 255, r"\(255 \* images\)\.round\(\).*dtype=float64"),
        (np.float32(IMAGES), r"images\.astype\(np\.uint8\).*0\.0 to 31\.0"),
        (np.int64(IMAGES), r"images\.astype\(np\.uint8\).*dtype=int64"),
        (np.uint16(IMAGES) * 100, r"Scale them to 0 to 255.*0 to 3100"),
        (IMAGES / 16 - 1, r"Scale them to 0 to 255.*-1\.0 to 0\.9375"),
        (np.full(IMAGES.shape, np.nan), r"Scale them to 0 to 255.*nan"),
    ],
)
def test_from_arrays_refuses_what_are_no_images(images, message):
    with pytest.raises(ValueError, match=message):
        make_split(images)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 2], r"from 0 to 1, .* 2 `class_names`.*labels\[1\]=2"),
        ([-1, 0], r"from 0 to 1.*labels\[0\]=-1"),
        ([0.0, 0.5], r"whole numbers.*labels\[1\]=0\.5"),
        ([np.nan, 0], r"whole numbers.*labels\[0\]=nan"),
        ([0, np.inf], r"whole numbers.*labels\[1\]=inf"),
        (["a", "b"], r"whole numbers.*labels.dtype=<U1"),
        ([[1, 0], [0, 1]], r"argmax\(axis=1\).*labels.shape=\(2, 2\)"),
        (0, r"one axis.*labels.shape=\(\)"),
        ([0, 1, 0], r"Received: len\(labels\)=3"),
    ],
)
def test_from_arrays_refuses_what_are_no_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        make_split(IMAGES, labels)


@pytest.mark.parametrize(
    "labels", [[False, True], [0.0, 1.0], np.uint8([0, 1])]
)
def test_from_arrays_takes_whole_numbers_of_any_type(labels):
    split = make_split(IMAGES, labels)
    assert split.labels.dtype == np.int64
    assert split.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "class_names, message",
    [
        ("ab", "sequence of names.*'ab'"),
        ((), "one or more names"),
        ((0, 1), r"as text.*\(0, 1\)"),
        (("a", "b", "a"), "differ from each other"),
    ],
)
def test_from_arrays_refuses_what_are_no_names(class_names, message):
    with pytest.raises(ValueError, match=message):
        make_split(IMAGES, class_names=class_names)


@pytest.mark.parametrize("field", ["filenames", "patients"])
def test_from_arrays_refuses_columns_of_another_length(field):
    with pytest.raises(ValueError, match=rf"Received: len\({field}\)=3"):
        make_split(IMAGES, **{field: ["x", "y", "z"]})


def test_images_are_adopted_without_a_copy():
    """If not, `buffers.adopt` copies: TensorFlow has another way by now."""
    images = buffers.empty_aligned((2, 4, 4, 1))
    images[:] = IMAGES
    tensor = buffers.adopt(images)
    images[1, 2, 3, 0] = 99
    assert tensor[1, 2, 3, 0] == 99


def test_images_are_copied_where_tensorflow_cannot_adopt_them(monkeypatch):
    monkeypatch.setattr(tf, "experimental", object())
    np.testing.assert_array_equal(buffers.adopt(IMAGES), IMAGES)


def test_tensorflow_can_still_be_kept_from_converting():
    """If not, `xla.without_autograph` does nothing, and takes seconds."""

    def function():
        return tf.autograph.experimental.do_not_convert is None

    assert xla.without_autograph(function) is not function
    assert xla.without_autograph(function)() is False


def test_datasets_are_the_same_where_it_cannot(monkeypatch):
    batch = next(iter(pipeline.make_eval_dataset(make_split(IMAGES), "train")))
    monkeypatch.setattr(tf.autograph, "experimental", object())
    again = next(iter(pipeline.make_eval_dataset(make_split(IMAGES), "train")))
    for one, other in zip(batch, again, strict=True):
        np.testing.assert_array_equal(one, other)
