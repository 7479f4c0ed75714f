"""Batches: order, epochs, resuming, replicas, labels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import pipeline

N = 37
CONFIG = pipeline.AugmentConfig(
    rescale=1 / 255,
    width_shift_range=0.2,
    height_shift_range=3,
    horizontal_flip=True,
)


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 12, 10, 1), np.uint8)
    images[:, 0, 0, 0] = range(N)  # names the example where none is moved
    return pipeline.Split.from_arrays(
        images, rng.integers(0, 3, N), class_names=("a", "b", "c")
    )


def one_pass(ds):
    return [[part.numpy() for part in element] for element in ds]


def assert_same_batches(actual, expected):
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected):
        assert len(a) == len(b)
        for u, v in zip(a, b):
            np.testing.assert_array_equal(u, v)


def names(batches):
    return [image[0, 0, 0] for batch in batches for image in batch[0]]


def make(split, config=CONFIG, **kwargs):
    kwargs = {"batch_size": 8, "seed": 5, **kwargs}
    return pipeline.make_train_dataset(split, "train", config, **kwargs)


@pytest.mark.parametrize("calls", (1, 2, 7))
def test_batches_do_not_depend_on_parallelism(split, calls):
    assert_same_batches(
        one_pass(make(split, num_parallel_calls=calls)), one_pass(make(split))
    )


def test_each_pass_is_the_next_epoch(split):
    ds = make(split)
    passes = [one_pass(ds) for _ in range(3)]
    for epoch, batches in enumerate(passes):
        assert_same_batches(batches, one_pass(make(split, epoch=epoch)))
    assert np.any(passes[0][0][0] != passes[1][0][0])


def test_every_epoch_is_a_permutation_of_the_split(split):
    ds = make(split, pipeline.AugmentConfig())
    orders = [names(one_pass(ds)) for _ in range(3)]
    for order in orders:
        assert sorted(order) == list(range(N))
    assert orders[0] != orders[1] != orders[2]
    assert orders[0] != list(range(N))


@pytest.mark.parametrize("step", (0, 1, 4, 5))
def test_start_at_a_step_equals_the_tail_of_the_epoch(split, step):
    ds = make(split, epoch=2, step=step)
    assert_same_batches(one_pass(ds), one_pass(make(split, epoch=2))[step:])
    assert_same_batches(one_pass(ds), one_pass(make(split, epoch=3)))


@pytest.mark.parametrize(
    "kwargs",
    (
        {"fill_mode": "constant", "cval": 9.0},
        {"fill_mode": "reflect"},
        {"fill_mode": "wrap"},
        {"rotation_range": 30, "shear_range": 20, "zoom_range": 0.3},
        {"rotation_range": 30, "interpolation_order": 0},
        {"zoom_range": 0.3, "brightness_range": (0.5, 1.5)},
        {"channel_shift_range": 50.0, "samplewise_center": True},
        {"data_format": "channels_first", "shear_range": 9},
        {"preprocessing_function": tf.math.abs, "interpolation_order": 3},
    ),
    ids="-".join,
)
def test_compiled_batches_equal_those_of_plain_tensorflow(split, kwargs):
    config = dataclasses.replace(CONFIG, rescale=None, **kwargs)
    compiled = one_pass(make(split, config))
    plain = one_pass(make(split, config, jit_compile=False))
    # Truncation may turn a rounding error into one grey level.
    levels = 1 if config.brightness_range else 1e-3
    for a, b in zip(compiled, plain):
        assert np.mean(np.abs(a[0] - b[0]) > 1e-3) < 1e-3
        np.testing.assert_allclose(a[0], b[0], rtol=0, atol=levels)


@pytest.mark.parametrize("num_spans", (1, 3, 99))
def test_stateless_passes_hold_the_epochs_asked_for_and_are_all_the_same(
    split, num_spans
):
    counted = make(split, epoch=3, step=2)
    expected = one_pass(counted) + one_pass(counted)
    ds = make(split, epoch=3, step=2, num_epochs=2, num_spans=num_spans)
    for _ in range(2):
        assert_same_batches(one_pass(ds), expected)


def test_epoch_plan_tells_what_a_batch_holds(split):
    order, params = pipeline.epoch_plan(
        5, 1, num_examples=N, image_shape=split.image_shape, config=CONFIG
    )
    batch = one_pass(make(split, epoch=1))[2]
    for image, i in zip(batch[0], order[16:24].numpy()):
        row = {
            name: value[i]
            for name, value in params.items()
            if tf.is_tensor(value)
        }
        expected = pipeline.apply_transform(split.images[i], row, CONFIG)
        np.testing.assert_allclose(
            image, pipeline.standardize(expected, CONFIG), rtol=0, atol=1e-6
        )


@pytest.mark.parametrize(
    "remainder, sizes",
    (
        ("keep", [8, 8, 8, 8, 5]),
        ("pad", [8, 8, 8, 8, 8]),
        ("drop", [8, 8, 8, 8]),
    ),
)
def test_remainder_decides_about_the_last_batch(split, remainder, sizes):
    ds = make(split, remainder=remainder, sample_weight=True)
    assert int(ds.cardinality()) == len(sizes)
    batches = one_pass(ds)
    assert [len(batch[0]) for batch in batches] == sizes
    real = sum(batch[2].sum() for batch in batches)
    assert real == (32 if remainder == "drop" else N)
    static = ds.element_spec[0].shape[0]
    assert static == (None if remainder == "keep" else 8)


def test_batch_larger_than_the_split_is_the_whole_split(split):
    (batch,) = one_pass(make(split, batch_size=100))
    assert len(batch[0]) == N
    ((images, _, weights),) = one_pass(
        make(split, batch_size=100, remainder="pad")
    )
    assert len(images) == 100
    assert weights.sum() == N


@pytest.mark.parametrize("replicas, workers", ((2, 1), (3, 1), (4, 2), (2, 2)))
@pytest.mark.parametrize("batch_size", (8, 10))
def test_replicas_share_out_the_batches_of_one(
    split, replicas, workers, batch_size
):
    local = replicas // workers
    per_worker = [
        one_pass(
            make(
                split,
                batch_size=batch_size,
                ctx=tf.distribute.InputContext(workers, worker, replicas),
            )
        )
        for worker in range(workers)
    ]
    expected = one_pass(make(split, batch_size=batch_size))
    for step, whole in enumerate(expected):
        shares = [
            share
            for batches in per_worker
            for share in batches[step * local : (step + 1) * local]
        ]
        assert len({len(share[0]) for share in shares}) == 1
        real = [share[2].sum() for share in shares]
        assert max(real) - min(real) <= 1
        images, labels, weights = (np.concatenate(c) for c in zip(*shares))
        np.testing.assert_array_equal(images[weights > 0], whole[0])
        np.testing.assert_array_equal(labels[weights > 0], whole[1])


def test_fewer_examples_than_replicas_are_all_shown_to_each(split):
    """For normalization over the replicas, which shall find equal moments."""
    ctx = tf.distribute.InputContext(1, 0, 7)
    shares = one_pass(make(split, batch_size=35, ctx=ctx))[-7:]
    whole, _ = one_pass(make(split, batch_size=35))[-1]
    assert len(whole) == 2
    for images, _, weights in shares:
        assert weights[1:].sum() == 0
        first, second = images[:2]
        swapped = np.abs(first - whole[0]).max() > 0
        np.testing.assert_array_equal(
            [second, first] if swapped else [first, second], whole
        )
    real = [images[0] for images, _, weights in shares if weights[0]]
    np.testing.assert_array_equal(real, whole)


def test_distributed_dataset_feeds_each_replica_its_share(split):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with strategy.scope():
        ds = strategy.distribute_datasets_from_function(
            lambda ctx: make(split, ctx=ctx)
        )

    @tf.function
    def step(iterator):
        per_replica = strategy.run(lambda x, y, w: (x, w), next(iterator))
        return [strategy.experimental_local_results(v) for v in per_replica]

    for epoch in range(2):
        iterator = iter(ds)
        for whole in one_pass(make(split, epoch=epoch)):
            images, weights = (np.concatenate(v) for v in step(iterator))
            np.testing.assert_array_equal(images[weights > 0], whole[0])


@pytest.mark.parametrize("remainder", ("keep", "pad"))
def test_eval_yields_each_example_once_in_order_and_unaugmented(
    split, remainder
):
    ds = pipeline.make_eval_dataset(
        split,
        "train",
        CONFIG,
        batch_size=8,
        remainder=remainder,
        sample_weight=True,
    )
    for _ in range(2):
        images, _, weights = (np.concatenate(c) for c in zip(*one_pass(ds)))
        np.testing.assert_array_equal(
            images[weights > 0],
            split.images.numpy().astype(np.float32) * np.float32(1 / 255),
        )


def test_label_mode_none_yields_images_alone(split):
    ds = make(split, label_mode=None)
    assert ds.element_spec.shape.as_list() == [None, 12, 10, 1]


def test_dataset_feeds_model_fit(split):
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((12, 10, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(make(split), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert np.all(np.isfinite(history.history["loss"]))


@pytest.mark.parametrize(
    "kwargs",
    (
        {"batch_size": 0},
        {"remainder": "cut"},
        {"label_mode": "one_hot"},
        {"epoch": -1},
        {"num_epochs": 0},
        {"num_spans": 2},
        {"step": 6},
    ),
    ids=str,
)
def test_bad_argument_is_refused_with_its_value(split, kwargs):
    (name,) = kwargs
    with pytest.raises(ValueError, match=f"`{name}` .*Received: {name}="):
        make(split, **kwargs)
