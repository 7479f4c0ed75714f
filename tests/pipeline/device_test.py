"""Transforms in the training step: the values of those on the host."""

import numpy as np
import pytest
import tensorflow as tf

import pipeline

_CONFIGS = {
    "rescale": pipeline.AugmentConfig(rescale=1 / 255),
    "flip and shift": pipeline.AugmentConfig(
        width_shift_range=0.2, height_shift_range=0.2, vertical_flip=True
    ),
    "everything": pipeline.AugmentConfig(
        rotation_range=20,
        width_shift_range=0.1,
        shear_range=10,
        zoom_range=0.2,
        channel_shift_range=20.0,
        sharpness_range=1.0,
        gamma_range=0.5,
        horizontal_flip=True,
        fill_mode="reflect",
    ),
}


@pytest.fixture(scope="module")
def split():
    generator = np.random.default_rng(0)
    return pipeline.Split.from_arrays(
        generator.integers(0, 256, (21, 24, 20, 1), np.uint8),
        generator.integers(0, 2, 21),
        class_names=("normal", "pneumonia"),
    )


def _make(split, config, **options):
    return pipeline.make_train_dataset(
        split, "train", config, batch_size=8, seed=1, **options
    )


@pytest.mark.parametrize("cache_on", ["host", "device"])
@pytest.mark.parametrize("jit_step", [False, True], ids=["step", "xla step"])
@pytest.mark.parametrize("name", _CONFIGS)
def test_device_makes_the_images_of_the_host(name, jit_step, cache_on, split):
    config = _CONFIGS[name]
    resident = tf.Variable(split.images, trainable=False)

    @tf.function(jit_compile=jit_step, reduce_retracing=True)
    def step(features):
        return pipeline.augment_features(features, config, images=resident)

    on_host = _make(split, config)
    on_device = _make(split, config, augment_on="device", cache_on=cache_on)
    batches = 0
    for (image, label), (features, same_label) in zip(on_host, on_device):
        scale = config.rescale or 1
        np.testing.assert_allclose(step(features), image, atol=1e-3 * scale)
        np.testing.assert_array_equal(label, same_label)
        assert ("index" in features) == (cache_on == "device")
        batches += 1
    assert batches == 3


def test_device_features_are_small(split):
    spec = _make(split, _CONFIGS["flip and shift"], augment_on="device")
    features, _ = spec.element_spec
    assert features["image"].dtype == tf.uint8
    assert set(features["params"]) == {"tx", "ty", "flip_vertical"}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"augment_on": "gpu"}, "augment_on"),
        ({"cache_on": "device"}, "cache_on"),
        ({"augment_on": "device", "label_mode": "input"}, "label_mode"),
    ],
    ids=str,
)
def test_impossible_places_are_refused(options, name, split):
    with pytest.raises(ValueError, match=f"`{name}` must.*Received: "):
        _make(split, None, **options)
