"""`AugmentConfig` takes what Keras takes and refuses the rest clearly."""

import ast
import dataclasses
import inspect
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import pipeline
from pipeline import config as config_lib


def test_names_and_defaults_are_those_of_keras():
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )
    signature = inspect.signature(keras_image.ImageDataGenerator.__init__)
    expected = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name != "self"
    }
    actual = {
        field.name: field.default
        for field in dataclasses.fields(pipeline.AugmentConfig)
    }
    assert actual.pop("keras_quirks") is True
    assert actual.pop("statistics") is None
    assert {name: actual.pop(name) for name in config_lib.OURS} == {
        "sharpness_range": 0.0,
        "gamma_range": 0.0,
        "local_contrast_normalization": False,
    }
    assert actual == expected


@pytest.mark.parametrize(
    "kwargs",
    (
        {"zoom_range": (0.9,)},
        {"zoom_range": ("a", "b")},
        {"zoom_range": None},
        {"brightness_range": 0.5},
        {"brightness_range": np.array([0.5, 1.0])},
        {"width_shift_range": "0.1"},
        {"height_shift_range": np.array([1, 2])},
        {"height_shift_range": [[1, 2]]},
        {"rotation_range": "ten"},
        {"rotation_range": float("nan")},
        {"rotation_range": True},
        {"channel_shift_range": float("inf")},
        {"shear_range": 10**400},
        {"fill_mode": "nearst"},
        {"data_format": "channels"},
        {"validation_split": 1.0},
        {"validation_split": -0.5},
        {"interpolation_order": 6},
        {"interpolation_order": 1.0},
        {"cval": None},
        {"rescale": "1/255"},
        {"preprocessing_function": 3},
        {"dtype": "floaty"},
    ),
    ids=str,
)
def test_bad_value_is_refused_with_its_name_and_value(kwargs):
    (name,) = kwargs
    with pytest.raises(ValueError, match=f"`{name}` .*Received: {name}="):
        pipeline.AugmentConfig(**kwargs)


@pytest.mark.parametrize(
    "value, expected",
    (
        (0.1, 0.1),
        (np.float32(2.0), 2.0),
        (np.int64(3), 3),
        ([1, 2.5], (1, 2.5)),
        (np.array([4]), (4,)),
        ([], ()),
        (None, 0.0),
    ),
    ids=str,
)
def test_shift_keeps_the_type_that_selects_its_law(value, expected):
    actual = pipeline.AugmentConfig(width_shift_range=value).width_shift_range
    assert actual == expected
    assert type(actual) is type(expected)


@pytest.mark.parametrize("value", ["False", "", [], np.zeros(2, bool)])
def test_text_is_no_truth_value(value):
    with pytest.raises(ValueError, match="`vertical_flip` must be True or Fal"):
        pipeline.AugmentConfig(vertical_flip=value)


@pytest.mark.parametrize("value", [1, 0.5, np.True_, np.float32(1), None, 0])
def test_truth_value_may_be_a_number_as_in_keras(value):
    config = pipeline.AugmentConfig(vertical_flip=value)
    assert config.vertical_flip is bool(value)


@pytest.mark.parametrize("name", ["rescale", "rotation_range", "shear_range"])
@pytest.mark.parametrize("value", [None, False, 0])
def test_falsy_value_is_off_as_in_keras(name, value):
    assert getattr(pipeline.AugmentConfig(**{name: value}), name) == 0


def test_docstring_says_what_each_argument_is():
    lines = pipeline.AugmentConfig.__doc__.splitlines()
    assert max(map(len, lines)) <= 80
    for field in dataclasses.fields(pipeline.AugmentConfig):
        assert any(line.startswith(f"        {field.name}: ") for line in lines)


def test_configuration_is_built_without_tensorflow():
    code = (
        "import sys, pipeline;"
        "pipeline.AugmentConfig(rotation_range=10, zoom_range=0.2);"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_lazy_names_are_those_that_type_checkers_see():
    # They are written twice, since neither can read the other's.
    tree = ast.parse(pathlib.Path(pipeline.__file__).read_text())
    seen = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {
        (f"pipeline.{module}", name)
        for name, module in pipeline._MODULES.items()
    }
    assert lazy == seen
    assert set(pipeline.__all__) < set(dir(pipeline))


def test_name_that_pipeline_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'pipeline'.*'make_dataset'"):
        pipeline.make_dataset


def test_fields_of_the_augmentation_are_those_that_draw():
    assert config_lib.AUGMENTATION_FIELDS == {
        "rotation_range",
        "width_shift_range",
        "height_shift_range",
        "brightness_range",
        "shear_range",
        "zoom_range",
        "channel_shift_range",
        "sharpness_range",
        "gamma_range",
        "horizontal_flip",
        "vertical_flip",
    }


def test_without_augmentation_keeps_normalisation_alone():
    config = pipeline.AugmentConfig(
        rescale=1 / 255,
        horizontal_flip=True,
        width_shift_range=3,
        zoom_range=0.5,
        fill_mode="wrap",
    )
    expected = pipeline.AugmentConfig(rescale=1 / 255, fill_mode="wrap")
    assert config.without_augmentation() == expected


@pytest.mark.parametrize(
    "kwargs, expected",
    (
        (
            {"zca_whitening": True, "featurewise_std_normalization": True},
            {
                "featurewise_center": True,
                "featurewise_std_normalization": False,
            },
        ),
        (
            {"featurewise_std_normalization": True},
            {"featurewise_center": True},
        ),
        ({"samplewise_std_normalization": True}, {"samplewise_center": True}),
    ),
    ids=("zca", "featurewise", "samplewise"),
)
def test_flag_that_implies_another_says_so(kwargs, expected):
    with pytest.warns(UserWarning, match="sets `") as caught:
        config = pipeline.AugmentConfig(**kwargs)
    assert {warning.filename for warning in caught} == {__file__}
    for name, value in expected.items():
        assert getattr(config, name) is value


def test_from_keras_refuses_what_its_arguments_do_not_tell():
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )

    class Named(keras_image.ImageDataGenerator):
        def flow(self, *args, **kwargs):
            return super().flow(*args, **kwargs)

    class Cropping(Named):
        def apply_transform(self, x, transform_parameters):
            return super().apply_transform(x, transform_parameters)

    named = pipeline.AugmentConfig.from_keras(Named(zoom_range=0.5))
    assert named == pipeline.AugmentConfig(zoom_range=0.5)
    replaced = keras_image.ImageDataGenerator()
    replaced.standardize = lambda image: image * 0
    with pytest.raises(ValueError, match="`standardize` of ImageDataGenerator"):
        pipeline.AugmentConfig.from_keras(replaced)
    with pytest.raises(ValueError, match="`apply_transform` of Cropping would"):
        pipeline.AugmentConfig.from_keras(Cropping())
    for other in ("data/train", np.zeros((2, 3, 3, 1)), None):
        with pytest.raises(ValueError, match="comes before all other.*Receiv"):
            pipeline.AugmentConfig.from_keras(other)


def test_from_keras_takes_every_argument_and_what_was_fitted():
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )
    kwargs = {
        "featurewise_center": True,
        "featurewise_std_normalization": True,
        "rotation_range": 12,
        "width_shift_range": [1, 2],
        "height_shift_range": 3,
        "brightness_range": [0.5, 1.5],
        "zoom_range": 0.25,
        "fill_mode": "wrap",
        "horizontal_flip": True,
        "rescale": 1 / 255,
        "validation_split": 0.25,
        "interpolation_order": 0,
        "preprocessing_function": abs,
    }
    generator = keras_image.ImageDataGenerator(**kwargs)
    config = pipeline.AugmentConfig.from_keras(generator)
    assert config == pipeline.AugmentConfig(**kwargs)
    images = np.random.default_rng(0).uniform(0, 255, (5, 8, 6, 3))
    generator.fit(images)
    config = pipeline.AugmentConfig.from_keras(generator)
    image = images[0].astype(np.float32)
    np.testing.assert_allclose(
        pipeline.standardize(image, config),
        generator.standardize(image.copy()),
        atol=1e-5,
    )
