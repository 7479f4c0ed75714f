"""Balanced sampling: who is drawn how often, in what order, looking how."""

import numpy as np
import pytest
import tensorflow as tf

import pipeline
from pipeline import example_order
from pipeline import plan

COUNTS = (5, 17, 9)  # 31 draws: the shares are 10, 10 and 11
LABELS = np.repeat(np.arange(3), COUNTS)
N = len(LABELS)


def make_split(counts=COUNTS):
    """Images whose every pixel is their own number."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.tile(
        np.arange(len(labels), dtype=np.uint8)[:, None, None, None],
        (1, 8, 8, 1),
    )
    names = tuple(f"class{k}" for k in range(len(counts)))
    return pipeline.Split.from_arrays(images, labels, class_names=names)


def order_of(epoch, seed=0):
    key = plan.make_key(seed, epoch)
    return example_order.balanced_order(key, LABELS).numpy()


def numbers(ds):
    """The examples of a pass, read off the images."""
    images = np.concatenate([batch[0].numpy() for batch in ds])
    return images[:, 0, 0, 0].astype(int)


@pytest.mark.parametrize("epoch", range(4))
def test_classes_are_drawn_equally_often_and_examples_within_one(epoch):
    order = order_of(epoch)
    assert len(order) == N
    per_class = np.bincount(LABELS[order])
    assert sorted(per_class) == [10, 10, 11]
    per_example = np.bincount(order, minlength=N)
    for label in range(3):
        times = per_example[LABELS == label]
        assert times.max() - times.min() <= 1
    assert per_example[LABELS == 1].max() == 1


def test_the_odd_draw_goes_round_the_classes():
    odd = [np.argmax(np.bincount(LABELS[order_of(e)])) for e in range(6)]
    assert sorted(odd[:3]) == [0, 1, 2]
    assert odd[3:] == odd[:3]


def test_order_is_a_function_of_seed_and_epoch():
    assert order_of(3).tolist() == order_of(3).tolist()
    assert order_of(3).tolist() != order_of(4).tolist()
    assert order_of(3).tolist() != order_of(3, seed=1).tolist()


def test_every_place_and_every_example_are_equally_likely():
    # Chi-square: 200 epochs, the class at the first and at the last place, and
    # which of the larger class are drawn.
    orders = np.stack([order_of(epoch) for epoch in range(200)])
    for place in (0, -1):
        seen = np.bincount(LABELS[orders[:, place]], minlength=3)
        assert ((seen - 200 / 3) ** 2 / (200 / 3)).sum() < 37  # p = 1e-8
    drawn = np.bincount(orders.ravel(), minlength=N)[LABELS == 1]
    expected = drawn.sum() / len(drawn)
    assert ((drawn - expected) ** 2 / expected).sum() < 70  # 16 degrees


@pytest.mark.parametrize("batch_size", [4, 31, 50])
def test_batches_hold_the_order_and_are_addressed_by_step(batch_size):
    split = make_split()
    options = {"batch_size": batch_size, "sampling": "balanced", "seed": 7}
    ds = pipeline.make_train_dataset(split, "train", num_epochs=2, **options)
    expected = [order_of(0, 7), order_of(1, 7)]
    assert numbers(ds).tolist() == np.concatenate(expected).tolist()
    late = pipeline.make_train_dataset(
        split, "train", num_epochs=1, epoch=1, step=1, **options
    )
    if batch_size < N:
        assert numbers(late).tolist() == expected[1][batch_size:].tolist()


def test_replicas_share_the_same_order():
    split = make_split()
    parts = []
    for worker in range(2):
        ctx = tf.distribute.InputContext(2, worker, 2)
        ds = pipeline.make_train_dataset(
            split,
            "train",
            batch_size=8,
            sampling="balanced",
            num_epochs=1,
            ctx=ctx,
        )
        parts.append([(b[0].numpy()[:, 0, 0, 0], b[2].numpy() > 0) for b in ds])
    together = [
        images[real]
        for pair in zip(*parts, strict=True)
        for images, real in pair
    ]
    assert np.concatenate(together).astype(int).tolist() == order_of(0).tolist()


def test_an_example_that_is_drawn_twice_looks_different():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (N, 8, 8, 1), np.uint8)
    split = pipeline.Split.from_arrays(
        images, LABELS, class_names=("a", "b", "c")
    )
    config = pipeline.AugmentConfig(width_shift_range=0.4)
    ds = pipeline.make_train_dataset(
        split, "train", config, sampling="balanced", num_epochs=1, batch_size=N
    )
    batch, _ = next(iter(ds))
    order = order_of(0)
    for number in np.flatnonzero(LABELS == 0):
        views = batch.numpy()[order == number]
        assert len({view.tobytes() for view in views}) == len(views) >= 2


def test_naturally_sampled_batches_have_the_rows_of_their_examples():
    order, rows = plan.order_and_rows(
        make_split(), plan.make_key(0, 0), shuffle=True, sampling="natural"
    )
    assert order.numpy().tolist() == rows.numpy().tolist()


@pytest.mark.parametrize(
    "counts, options, message",
    [
        ((3, 2), {"sampling": "even"}, "natural, balanced. Received.*=even"),
        ((3, 0), {"sampling": "balanced"}, "there are none of class1"),
        ((3, 2), {"sampling": "balanced", "shuffle": False}, "shuffle=False"),
    ],
)
def test_what_cannot_be_drawn_is_refused(counts, options, message):
    split = make_split(counts)
    with pytest.raises(ValueError, match=message):
        pipeline.make_train_dataset(split, "train", **options)
