"""Functions of (image, seed) as `preprocessing_function`."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import pipeline

_SHAPE = (12, 10, 1)


def _dataset(split, config, **options):
    """Returns a dataset of all images, in file order."""
    return pipeline.make_train_dataset(
        split,
        "train",
        config,
        shuffle=False,
        label_mode=None,
        seed=3,
        **options,
    )


def numpy_noise(image, seed):
    return image + np.random.default_rng(seed).normal(size=image.shape)


_SEEDED = {
    "tf.image": tf.image.stateless_random_flip_left_right,
    "seed by name": functools.partial(
        tf.image.stateless_random_brightness, max_delta=50.0
    ),
    "lambda": lambda image, seed: image
    + tf.random.stateless_uniform([], seed, maxval=50.0),
    "numpy": numpy_noise,
}


# How many results differ, where it is not all of the forty.
_KINDS = {"tf.image": 2}


@pytest.fixture(scope="module")
def split():
    """Forty times the same image."""
    image = np.arange(120, dtype=np.uint8).reshape(_SHAPE)
    return pipeline.Split.from_arrays(
        np.stack([image] * 40), [0] * 40, class_names=("a",)
    )


@pytest.mark.filterwarnings("ignore:`preprocessing_function` works on NumPy")
@pytest.mark.parametrize("name", _SEEDED)
def test_seeded_function_draws_anew_for_each_example_and_epoch(name, split):
    config = pipeline.AugmentConfig(preprocessing_function=_SEEDED[name])

    def images(epoch, batch_size=8):
        ds = _dataset(split, config, epoch=epoch, batch_size=batch_size)
        return np.concatenate(list(ds.as_numpy_iterator()))

    epochs = [images(0), images(1)]
    for epoch in epochs:
        assert len(np.unique(epoch, axis=0)) == _KINDS.get(name, 40)
    assert not np.array_equal(*epochs)
    np.testing.assert_array_equal(images(1, batch_size=40), epochs[1])
    ds = _dataset(split, config, batch_size=40, augment_on="device")
    on_device = pipeline.augment_features(next(iter(ds)), config)
    np.testing.assert_array_equal(on_device, epochs[0])


def test_seeds_leave_other_draws_as_they_are():
    drawn = [
        pipeline.sample_params(
            [1, 2],
            (8, 8, 1),
            pipeline.AugmentConfig(
                rotation_range=9, preprocessing_function=function
            ),
            num_examples=5,
        )
        for function in (None, numpy_noise)
    ]
    np.testing.assert_array_equal(drawn[0]["theta"], drawn[1]["theta"])
    seeds = drawn[1]["preprocessing_seed"].numpy()
    assert seeds.shape == (5, 2)
    assert len(np.unique(seeds)) == 10
    assert seeds.min() >= 0


def test_seeded_function_is_refused_where_nothing_is_random(split):
    config = pipeline.AugmentConfig(preprocessing_function=numpy_noise)
    with pytest.raises(
        ValueError, match="`preprocessing_function`.*evaluation"
    ):
        pipeline.make_eval_dataset(split, "train", config)
    with pytest.raises(ValueError, match="`preprocessing_function`.*no seeds"):
        pipeline.standardize(split.images, config)
