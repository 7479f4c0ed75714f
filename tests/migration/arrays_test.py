"""`flow`, beside Keras's live iterator, over random arrays."""

import warnings

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest
import tensorflow as tf

import migration
import pipeline
from tests.helpers import keras_flows

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)

# Name -> array of a shape, of one range and type.
_RANGES = {
    "uint8": lambda rng, shape: rng.integers(0, 256, shape, np.uint8),
    "zero to one": lambda rng, shape: rng.random(shape, np.float32),
    "standardised": lambda rng, shape: rng.normal(size=shape),
    "Hounsfield": lambda rng, shape: rng.integers(-1024, 3072, shape, np.int16),
    "grey levels": lambda rng, shape: rng.uniform(0, 255, shape),
    "mask": lambda rng, shape: rng.random(shape) < 0.5,
}


@st.composite
def _calls(draw):
    """Draws a generator of Keras, and the arguments of `flow`."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    count = draw(st.integers(2, 9))
    data_format = draw(st.sampled_from(["channels_last", "channels_first"]))
    shape = [5, 7]
    channels = draw(st.sampled_from([1, 2, 3, 4]))
    shape.insert(0 if data_format == "channels_first" else 2, channels)
    kind = draw(st.sampled_from(list(_RANGES)))
    x = _RANGES[kind](rng, (count, *shape))
    extra = rng.normal(size=(count, 2))
    ages = list(range(count))
    x = draw(st.sampled_from([x, (x, extra), [x, [extra, ages]]]))
    y = draw(
        st.sampled_from(
            [
                None,
                [i % 2 for i in range(count)],
                np.eye(count, dtype="int8"),
                rng.random((count, 2, 2)).astype("float16"),
                rng.integers(0, 9, (count, 3), np.uint16),
                np.array(["sick", "well"] * count)[:count],
            ]
        )
    )
    generator = {
        "data_format": data_format,
        "rescale": draw(st.sampled_from([None, 1 / 255])),
        "samplewise_center": draw(st.booleans()),
        "dtype": draw(st.sampled_from([None, "float16", "float64"])),
        "validation_split": draw(st.sampled_from([0.0, 0.29, 0.5])),
    }
    weights = draw(st.sampled_from([None, np.arange(count), [0.5] * count]))
    return generator, {
        "x": x,
        "y": y,
        "batch_size": draw(st.integers(1, 4)),
        "shuffle": False,
        "sample_weight": weights,
        "save_to_dir": draw(st.sampled_from([None, ""])),
        "subset": draw(st.sampled_from([None, "training", "validation"])),
        "ignore_class_split": draw(st.booleans()),
    }


@hypothesis.settings(max_examples=25)
@hypothesis.given(_calls())
def test_batches_are_those_of_keras(call):
    arguments, options = call
    generator = legacy_image.ImageDataGenerator(**arguments)
    theirs, their_warnings = keras_flows.attempt(
        lambda: generator.flow(**options), "channels"
    )
    ours, our_warnings = keras_flows.attempt(
        lambda: migration.flow(generator, **options, jit_compile=False),
        "channels",
    )
    if isinstance(theirs, Exception) or not theirs.n:
        assert type(ours) is ValueError
        assert "Received: " in str(ours)
        return
    assert not isinstance(ours, Exception), ours
    assert our_warnings == their_warnings
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-6)
    assert ours.x.dtype == theirs.x.dtype
    # A mean over all values, of thousands: float16 has 11 bits, float32 24.
    rtol, atol = (2e-2, 2) if theirs.dtype == "float16" else (1e-5, 2e-3)
    keras_flows.assert_same_batches(ours, theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros((4, 5, 5)), None, {}, "four axes.*shape=\\(4, 5, 5\\)"),
        (np.zeros((0, 5, 5, 1)), None, {}, "none of them empty"),
        (np.zeros((4, 5, 5, 1)), [0], {}, "`y` must have.*the 4 images.*: 1$"),
        (
            (np.zeros((4, 5, 5, 1)), np.zeros(3)),
            None,
            {},
            "`x` must have.*the 4 images.*: 3$",
        ),
        (
            np.zeros((4, 5, 5, 1)),
            [0] * 4,
            {"sample_weight": [1]},
            "`sample_weight` must have",
        ),
        *(
            (np.zeros((4, 5, 5, 1)), y, {}, "`y` must be an array.*: (int|str)")
            for y in (3, "abcd")
        ),
        ({"x": [0]}, None, {}, "`x` must be an array.*Received: dict$"),
        ((np.zeros((4, 5, 5, 1)), 3), None, {}, "`x` must be an array.*: nda"),
        ([np.zeros((5, 5, 1))] * 3, None, {}, "np.stack.*Received: list of 3"),
        (
            np.zeros((4, 5, 5, 1)),
            [0, 0, 1, 1],
            {"subset": "training"},
            "`y` must have the same labels.*ignore_class_split=True",
        ),
        (np.zeros((4, 5, 5, 1)), None, {"subset": "test"}, "`subset` must be"),
        (np.zeros((4, 5, 5, 1)), None, {"save_to_dir": "x"}, "`save_to_dir`"),
        (
            np.zeros((4, 5, 5, 1)),
            [0] * 4,
            {"sampling": "balanced"},
            "`sampling` must be 'natural'",
        ),
        (
            np.zeros((4, 5, 5, 1)),
            [0] * 4,
            {"augment_on": "device"},
            "`augment_on` must be left out where batches hold more",
        ),
        (
            np.zeros((4, 5, 5, 1)),
            None,
            {"remainder": "drop", "batch_size": 5},
            "`remainder` must not be 'drop'.*batch_size=5 of 4",
        ),
        (
            np.zeros((4, 5, 5, 1)),
            None,
            {"augment_on": "attic"},
            "`augment_on` must be one of",
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(x, y, options, message):
    config = pipeline.AugmentConfig(validation_split=0.5)
    with pytest.raises(ValueError, match=message):
        migration.flow(config, x, y, **options)


def test_subset_without_a_share_names_the_remedy():
    with pytest.raises(ValueError, match="`validation_split` of the generator"):
        migration.flow(
            pipeline.AugmentConfig(),
            np.zeros((4, 5, 5, 1)),
            [0, 1, 0, 1],
            subset="validation",
        )


def test_flow_has_what_the_iterator_of_keras_has():
    generator = legacy_image.ImageDataGenerator()
    x = np.random.default_rng(0).random((6, 4, 5, 1), np.float32)
    arguments = ((x, np.arange(6)), np.arange(6) % 2)
    theirs = generator.flow(*arguments, sample_weight=np.ones(6), seed=3)
    ours = migration.flow(
        generator, *arguments, sample_weight=np.ones(6), seed=3
    )
    keras_flows.assert_same_attributes(ours, theirs, differ={"lock"})
    for name in ("class_indices", "filenames", "target_size", "color_mode"):
        with pytest.raises(AttributeError, match=f"{name!r}: "):
            getattr(ours, name)


def test_images_are_copied():
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 1), np.uint8)
    flow = migration.flow(pipeline.AugmentConfig(), x, shuffle=False)
    before = x.copy()
    x[:] = 0
    np.testing.assert_array_equal(flow[0], before)


@pytest.mark.parametrize("kind", ["zero to one", "Hounsfield", "standardised"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"rotation_range": 30, "zoom_range": 0.3, "fill_mode": "reflect"},
        {"width_shift_range": 0.3, "fill_mode": "constant", "cval": -0.5},
        {"channel_shift_range": 0.2, "horizontal_flip": True},
        {"brightness_range": (0.5, 1.5)},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_transforms_of_any_values_are_those_of_keras(kind, arguments):
    x = _RANGES[kind](np.random.default_rng(0), (5, 12, 12, 3))
    generator = legacy_image.ImageDataGenerator(**arguments)
    flow = migration.flow(generator, x, shuffle=False, seed=5)
    _, drawn = pipeline.epoch_plan(
        5,
        0,
        num_examples=5,
        image_shape=(12, 12, 3),
        config=pipeline.AugmentConfig(**arguments),
    )
    for number, image in enumerate(flow[0]):
        params = {
            name: float(value[number]) if tf.is_tensor(value) else value
            for name, value in drawn.items()
        }
        expected = generator.apply_transform(
            x[number].astype("float32"), params
        )
        # One grey level of 256 where brightness truncates.
        atol = np.ptp(x) * (1 / 200 if "brightness" in str(arguments) else 1e-5)
        np.testing.assert_allclose(image, expected, atol=atol)


def test_image_and_mask_of_one_seed_are_transformed_alike():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (10, 16, 16, 1), np.uint8)
    geometry = {
        "rotation_range": 20,
        "zoom_range": 0.2,
        "width_shift_range": 0.1,
        "horizontal_flip": True,
    }
    turned = pipeline.AugmentConfig(**geometry)
    # Whatever else is done to the films alone, the draws stay the same.
    varied = pipeline.AugmentConfig(
        **geometry, brightness_range=(0.5, 0.9), rescale=1 / 255
    )
    options = {"batch_size": 4, "seed": 11}
    masks = migration.flow(turned, x, **options)
    films = migration.flow(turned, x, **options)
    darker = migration.flow(varied, x, **options)
    for _ in range(2 * len(masks)):
        mask, film, dark = next(masks), next(films), next(darker)
        np.testing.assert_array_equal(film, mask)
        correlations = [
            np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(dark, mask)
        ]
        assert min(correlations) > 0.99
    pairs = tf.data.Dataset.zip((films.dataset, masks.dataset))
    assert len(pairs) == 3
    for _ in range(2):
        for film, mask in pairs:
            np.testing.assert_array_equal(film, mask)
    others = migration.flow(turned, x, **(options | {"seed": 12}))
    assert not np.array_equal(next(others), masks[0])


def test_weights_of_a_subset_are_those_of_keras_or_of_its_examples():
    generator = legacy_image.ImageDataGenerator(validation_split=0.4)
    x = np.zeros((5, 4, 4, 1))
    options = {
        "y": [0, 1, 0, 1, 0],
        "sample_weight": np.arange(5.0),
        "shuffle": False,
    }
    for subset, own in (("validation", [0, 1]), ("training", [2, 3, 4])):
        theirs = generator.flow(x, subset=subset, **options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ours = migration.flow(generator, x, subset=subset, **options)
        np.testing.assert_array_equal(ours[0][2], theirs[0][2])
        wrong = [w for w in caught if "wrong examples" in str(w.message)]
        assert bool(wrong) == (list(theirs[0][2]) != own)
        plain = pipeline.AugmentConfig(validation_split=0.4, keras_quirks=False)
        flow = migration.flow(plain, x, subset=subset, **options)
        np.testing.assert_array_equal(flow[0][2], own)


def test_labels_that_are_no_tensors_go_with_arrays_alone():
    y = np.empty(4, object)
    y[:] = [[0], [1, 2], [], [3]]
    flow = migration.flow(
        pipeline.AugmentConfig(), np.zeros((4, 5, 5, 1)), y, shuffle=False
    )
    assert list(flow[0][1]) == [[0], [1, 2], [], [3]]
    with pytest.raises(ValueError, match=r"Labels.*Received: \[0\]"):
        flow.dataset
