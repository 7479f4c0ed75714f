"""Functions of all kinds as `preprocessing_function`, against Keras's calls."""

import dataclasses
import functools
import random
import warnings

from PIL import Image
from PIL import ImageFilter
import keras
import numpy as np
import pytest
import tensorflow as tf

import pipeline
from pipeline import preprocessing

_SHAPE = (12, 10, 3)


@pytest.fixture(scope="module")
def split():
    images = np.random.default_rng(0).integers(0, 256, (9, *_SHAPE), np.uint8)
    return pipeline.Split.from_arrays(
        images, [0, 1, 2] * 3, class_names=("a", "b", "c")
    )


def _images(split, function, **options):
    """Returns what a dataset makes of all images, in file order."""
    ds = pipeline.make_train_dataset(
        split,
        "train",
        pipeline.AugmentConfig(preprocessing_function=function),
        shuffle=False,
        label_mode=None,
        batch_size=4,
        **options,
    )
    return np.concatenate(list(ds.as_numpy_iterator()))


def _as_keras_calls(split, function):
    """Returns the images of a batch of Keras, to which each is assigned."""
    batch = np.zeros((9, *_SHAPE), np.float32)
    for place, image in zip(batch, split.images.numpy().astype(np.float32)):
        place[...] = function(image)
    return batch


def branch_on_tensor(image):
    if tf.reduce_mean(image) > 127:
        return 255 - image
    return image


@dataclasses.dataclass  # with __eq__ and so without __hash__
class Scale:
    factor: float

    def __call__(self, image):
        return image * self.factor


_OF_TENSORS = {
    "arithmetic": lambda image: image / 127.5 - 1,
    "in place": lambda image: (
        image.__imul__(2) if isinstance(image, np.ndarray) else image * 2
    ),
    "builtin": abs,
    "branch": branch_on_tensor,
    "instance without hash": Scale(0.5),
    "partial": functools.partial(
        tf.clip_by_value, clip_value_min=9.0, clip_value_max=99.0
    ),
    "tf.image": tf.image.per_image_standardization,
    "of uint8": lambda image: tf.cast(image, tf.uint8),
    "keras application": keras.applications.densenet.preprocess_input,
    "keras application, in place": keras.applications.resnet50.preprocess_input,
    "keras layer": keras.layers.Rescaling(1 / 255),
    "keras ops": lambda image: keras.ops.clip(image, 9, 99),
    "tf.function": tf.function(lambda image: image + 1),
}


@pytest.mark.parametrize("name", _OF_TENSORS)
def test_function_of_tensors_stays_in_the_graph(name, split, monkeypatch):
    monkeypatch.setattr(tf, "numpy_function", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        actual = _images(split, _OF_TENSORS[name])
    expected = _as_keras_calls(split, _OF_TENSORS[name])
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-3)


def multiply_in_place(image):
    image[..., 0] *= 0.5
    return image


def through_pil(image):
    smooth = Image.fromarray(image.astype("uint8")).filter(
        ImageFilter.MedianFilter
    )
    return np.asarray(smooth, np.float32)


def branch_on_type(image):
    return image * 2 if isinstance(image, np.ndarray) else image * 3


class Equalize:
    def __call__(self, image):
        levels, numbers = np.unique(image, return_inverse=True)
        return (numbers / len(levels)).reshape(image.shape)


_OF_ARRAYS = {
    "lambda": lambda image: np.clip(image, 10, 200),
    "ufunc": np.sqrt,
    "partial": functools.partial(np.clip, a_min=10, a_max=200),
    "partial of ufunc": functools.partial(np.maximum, 100.0),
    "in place": multiply_in_place,
    "PIL": through_pil,
    "uint8": lambda image: image.astype("uint8"),
    "float64": lambda image: np.float64(image) / 3,
    "bool": lambda image: image.astype(int) > 100,
    "instance": Equalize(),
    "branch on type": branch_on_type,
}


@pytest.mark.parametrize("name", _OF_ARRAYS)
def test_function_of_arrays_is_called_as_keras_does_with_a_warning(name, split):
    with pytest.warns(UserWarning, match="`preprocessing_function` works on"):
        actual = _images(split, _OF_ARRAYS[name])
    expected = _as_keras_calls(split, _OF_ARRAYS[name])
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_function_sees_images_as_the_data_format_has_them(split):
    shapes = set()

    def note(image):
        shapes.add(image.shape)
        return np.sqrt(image)

    config = pipeline.AugmentConfig(
        preprocessing_function=note, data_format="channels_first"
    )
    with pytest.warns(UserWarning, match="works on NumPy arrays"):
        next(iter(pipeline.make_eval_dataset(split, "train", config)))
    assert shapes == {(3, 12, 10)}


_GENERATOR = np.random.default_rng(0)


def flip_sometimes(image):
    return image[:, ::-1] if np.random.rand() < 0.5 else image


class Count:
    number = 0

    def __call__(self, image):
        self.number += 1
        return image + self.number


_RANDOM = {
    "numpy": lambda image: image * np.random.uniform(0.5, 1.5),
    "numpy array": lambda image: image + np.random.normal(0, 0.01, image.shape),
    "every second": flip_sometimes,
    "own generator": lambda image: image + _GENERATOR.uniform(),
    "python": lambda image: image + random.random(),
    "state": Count(),
    "tf.random": lambda image: image + tf.random.uniform([]),
    "tf.image": tf.image.random_flip_left_right,
    "keras layer": functools.partial(
        keras.layers.RandomBrightness(0.5), training=True
    ),
    "not by the seed alone": lambda image, seed: image + np.random.rand(),
}


@pytest.mark.parametrize("augment_on", ["host", "device"])
@pytest.mark.parametrize("name", _RANDOM)
def test_function_that_draws_is_refused_with_the_remedy(
    name, split, augment_on
):
    with pytest.raises(
        ValueError, match=r"`preprocessing_function`.*\(image, seed\).*Received"
    ):
        _images(split, _RANDOM[name], augment_on=augment_on)


def raise_key_error(image):
    return {}["missing"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda image: image[:6], r"shape of the image, \(12, 10, 3\).*\(6, "),
        (lambda image: image[..., 0], r"returned float32 of shape \(12, 10\)"),
        (lambda image: None, "must return numbers.*returned object"),
        (lambda image: image.tolist()[0][0], r"shape \(3,\)"),
        (lambda image: image.astype(str), "must return numbers"),
        (raise_key_error, "raised KeyError: 'missing'"),
        (lambda: 1, "raised TypeError"),
        (lambda image: image.numpy(), "must work in a graph"),
    ],
    ids=["rows", "axis", "None", "pixel", "text", "error", "no image", "eager"],
)
def test_function_that_fails_is_refused_by_name(function, message, split):
    with pytest.raises(
        ValueError, match="`preprocessing_function`.*" + message
    ):
        _images(split, function)


def test_function_of_three_arguments_is_refused_at_construction():
    with pytest.raises(ValueError, match=r"a function of \(x, low, high\)"):
        pipeline.AugmentConfig(preprocessing_function=lambda x, low, high: x)


def test_function_is_tried_once_for_each_shape():
    calls = []

    def count(image):
        calls.append(image.shape)
        return image

    preprocessing.as_graph_function(count, (4, 5, 1))
    number = len(calls)
    preprocessing.as_graph_function(count, (4, 5, 1))
    assert len(calls) == number
    preprocessing.as_graph_function(count, (4, None, 1))
    assert len(calls) > number


def test_trial_leaves_the_seeds_of_others_alone(split):
    np.random.seed(0)
    random.seed(0)
    expected = np.random.rand(), random.random()
    np.random.seed(0)
    random.seed(0)
    _images(split, lambda image: image * 2)
    assert (np.random.rand(), random.random()) == expected
