"""Are the transforms and the order distributed as Keras distributes them?

Transforms are not read from the plan but measured on the images that a dataset
yields. A probe image holds its column in channel 0 and its row in channel 1, so
the pixel at the centre tells where it came from; channel 2 names the example.

Every test has a false alarm rate of `ALPHA`; there are fewer than 100 of them.
`test_mutant_is_caught` shows that the tests reject what is nearly right.
"""

import numpy as np
import pytest

import pipeline
from tests.helpers import p_values

ALPHA = 1e-8
HEIGHT, WIDTH = 24, 40
N, EPOCHS, BATCH = 1600, 4, 32
SHIFT = 0.2


class Draws:
    """What was measured, each `[EPOCHS, N]`, by place in the epoch.

    Attributes:
        example: Which example stood there.
        tx, ty: Shift in pixels.
        flip_h, flip_v: Whether the image was mirrored, 0 or 1.
    """

    def __init__(self, example, tx, ty, flip_h, flip_v):
        self.example, self.tx, self.ty = example, tx, ty
        self.flip_h, self.flip_v = flip_h, flip_v

    def by_example(self, values):
        """Returns `values` in listing order."""
        sorted_ = np.empty_like(values)
        for epoch, example in enumerate(self.example):
            sorted_[epoch, example] = values[epoch]
        return sorted_


def measure(config, seed=11):
    """Runs epochs over probe images and measures their transforms."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    probe = np.stack([4 * cols, 4 * rows, 0 * rows, 0 * rows], -1)
    images = np.repeat(probe[None].astype(np.uint8), N, 0)
    images[..., 2] = (np.arange(N) % 256)[:, None, None]
    images[..., 3] = (np.arange(N) // 256)[:, None, None]
    split = pipeline.Split.from_arrays(images, np.zeros(N), class_names=("a",))
    ds = pipeline.make_train_dataset(
        split, "train", config, batch_size=BATCH, seed=seed, label_mode=None
    )
    epochs = [
        np.concatenate([batch.numpy() for batch in ds]) for _ in range(EPOCHS)
    ]
    return _read(np.stack(epochs))


def _read(x):
    r, q = HEIGHT // 2, WIDTH // 2
    centre = x[:, :, r, q]
    flip_h = (x[:, :, r, q + 1, 0] < centre[..., 0]).astype(int)
    flip_v = (x[:, :, r + 1, q, 1] < centre[..., 1]).astype(int)
    source_q = np.where(flip_h, WIDTH - 1 - q, q)
    source_r = np.where(flip_v, HEIGHT - 1 - r, r)
    return Draws(
        np.rint(centre[..., 2] + 256 * centre[..., 3]).astype(int),
        centre[..., 0] / 4 - source_q,
        centre[..., 1] / 4 - source_r,
        flip_h,
        flip_v,
    )


def alarms(draws):
    """Returns the p-value of every law, by name."""
    kinds = {
        name: getattr(draws, name) for name in ("tx", "ty", "flip_h", "flip_v")
    }
    found = {
        # Keras: the range of the height moves columns, and vice versa.
        "law tx": p_values.uniform_alarm(draws.tx, SHIFT * HEIGHT),
        "law ty": p_values.uniform_alarm(draws.ty, SHIFT * WIDTH),
        "law flip_h": p_values.flip_alarm(draws.flip_h),
        "law flip_v": p_values.flip_alarm(draws.flip_v),
        "order": p_values.order_alarm(draws.example),
    }
    names = list(kinds)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            found[f"{a} with {b}"] = p_values.dependence_alarm(
                kinds[a], kinds[b]
            )
        values = kinds[a]
        listed = draws.by_example(values)
        found[f"{a} between epochs"] = p_values.dependence_alarm(
            listed[:-1], listed[1:]
        )
        found[f"{a} at a place"] = p_values.dependence_alarm(
            values[:-1], values[1:]
        )
        found[f"{a} with example"] = p_values.dependence_alarm(
            values, draws.example
        )
        batches = values.reshape(-1, BATCH)
        for lag in (1, 2, 3, 7, 16):
            found[f"{a} in a batch, lag {lag}"] = p_values.dependence_alarm(
                batches[:, lag:], batches[:, :-lag]
            )
    return found


@pytest.fixture(scope="module")
def draws():
    return measure(
        pipeline.AugmentConfig(
            height_shift_range=SHIFT,
            width_shift_range=SHIFT,
            horizontal_flip=True,
            vertical_flip=True,
        )
    )


def test_every_law_holds(draws):
    found = alarms(draws)
    assert len(found) < 100
    assert {k: p for k, p in found.items() if p < ALPHA} == {}


def test_no_draw_is_used_twice(draws):
    for values in (draws.tx, draws.ty):
        # Float32 pixels tell some 2e5 shifts apart, so a few do coincide.
        assert len(np.unique(values)) > 0.9 * values.size


def same_every_epoch(d):
    for name in ("tx", "ty", "flip_h", "flip_v"):
        listed = d.by_example(getattr(d, name))
        setattr(d, name, np.stack([listed[0][e] for e in d.example]))


def one_shift_a_batch(d):
    d.tx = np.repeat(d.tx[:, ::BATCH], BATCH, 1)


def one_flip_a_batch(d):
    d.flip_h = np.repeat(d.flip_h[:, ::BATCH], BATCH, 1)


def flip_tied_to_shift(d):
    d.flip_h = (d.tx > 0).astype(int)


def shared_draw(d):
    d.ty = d.tx * WIDTH / HEIGHT


def half_range(d):
    d.tx = d.tx / 2


def nearly_full_range(d):
    d.tx = d.tx * 0.98


def rare_flip(d):
    d.flip_h = d.flip_h * (np.random.default_rng(0).random(d.tx.shape) < 0.9)


def normal_law(d):
    d.tx = np.clip(
        np.random.default_rng(0).normal(0, SHIFT * HEIGHT / 3, d.tx.shape),
        -SHIFT * HEIGHT,
        SHIFT * HEIGHT,
    )


def pairs_share(d):
    d.tx = np.repeat(d.tx[:, ::2], 2, 1)


def wrong_axes(d):
    d.tx, d.ty = d.ty, d.tx


def integer_shift(d):
    d.tx = np.trunc(d.tx)


def no_reshuffle(d):
    d.example = np.repeat(d.example[:1], EPOCHS, 0)


def window_shuffle(d):
    rng = np.random.default_rng(0)
    d.example = np.stack(
        [
            np.argsort(np.arange(N) + rng.uniform(0, 256, N))
            for _ in range(EPOCHS)
        ]
    )


def shuffle_of_blocks(d):
    rng = np.random.default_rng(0)
    blocks = np.arange(N).reshape(-1, BATCH)
    d.example = np.stack(
        [rng.permutation(blocks).ravel() for _ in range(EPOCHS)]
    )


MUTANTS = (
    same_every_epoch,
    one_shift_a_batch,
    one_flip_a_batch,
    flip_tied_to_shift,
    shared_draw,
    half_range,
    nearly_full_range,
    rare_flip,
    normal_law,
    pairs_share,
    wrong_axes,
    integer_shift,
    no_reshuffle,
    window_shuffle,
    shuffle_of_blocks,
)


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda f: f.__name__)
def test_mutant_is_caught(draws, mutate):
    mutant = Draws(
        draws.example, draws.tx, draws.ty, draws.flip_h, draws.flip_v
    )
    mutate(mutant)
    assert min(alarms(mutant).values()) < ALPHA


def test_laws_hold_for_keras_itself():
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )
    generator = keras_image.ImageDataGenerator(
        height_shift_range=SHIFT,
        width_shift_range=SHIFT,
        horizontal_flip=True,
        vertical_flip=True,
    )
    np.random.seed(5)
    drawn = [
        generator.get_random_transform((HEIGHT, WIDTH, 1))
        for _ in range(N * EPOCHS)
    ]
    columns = {
        name: np.reshape([d[name] for d in drawn], (EPOCHS, N))
        for name in ("tx", "ty", "flip_horizontal", "flip_vertical")
    }
    rng = np.random.default_rng(0)
    keras_draws = Draws(
        np.stack([rng.permutation(N) for _ in range(EPOCHS)]),
        *columns.values(),
    )
    found = alarms(keras_draws)
    assert {k: p for k, p in found.items() if p < ALPHA} == {}
