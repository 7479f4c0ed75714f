"""Changed films: what each change is, and that it is always the same."""

import io
import math

from PIL import Image
import numpy as np
import pytest
from scipy import ndimage

from inference import degradations
from inference import films as films_lib

BY_NAME = {each.name: each for each in degradations.DEGRADATIONS}


@pytest.fixture(name="film")
def make_film(rng):
    """Uint8 [60, 88, 1], smooth as a film is, with some noise."""
    rows, columns = np.mgrid[:60, :88]
    smooth = 110 + 70 * np.sin(rows / 9) * np.cos(columns / 14)
    noisy = smooth + rng.normal(0, 6, smooth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)[..., np.newaxis]


def degrade(film, name, key="normal/a.png"):
    return degradations.degrade(film, key, BY_NAME[name])


def test_names_and_descriptions_are_a_table():
    assert len(BY_NAME) == len(degradations.DEGRADATIONS) == 13
    assert degradations.DEGRADATIONS[0].name == "unchanged"
    for each in degradations.DEGRADATIONS:
        assert each.description.endswith(".")


def test_unchanged_is_the_film(film):
    np.testing.assert_array_equal(degrade(film, "unchanged"), film)


@pytest.mark.parametrize("name", list(BY_NAME)[1:])
def test_every_other_changes_the_film_and_not_the_callers(film, name):
    before = film.copy()
    changed = degrade(film, name)
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(film, before)
    if changed.shape == film.shape:
        assert np.abs(changed.astype(int) - film).mean() > 0.3
    else:
        assert name == "cropped 10 %"


@pytest.mark.parametrize("factor, name", [(2, "half"), (4, "quarter")])
def test_resolution_is_the_mean_of_an_area(film, factor, name):
    changed = degrade(film, f"{name} resolution")[..., 0]
    blocks = film[..., 0].reshape(60 // factor, factor, 88 // factor, factor)
    small = np.rint(blocks.mean((1, 3)))
    # Bilinear enlargement about the middles of pixels, as SciPy does it.
    expected = ndimage.zoom(
        small, factor, order=1, mode="nearest", grid_mode=True
    )
    # Four passes of it round, each to half a grey level.
    assert np.abs(changed - expected).max() <= 2


def test_compression_is_of_jpeg(film):
    buffer = io.BytesIO()
    Image.fromarray(film[..., 0]).save(buffer, "JPEG", quality=30)
    with Image.open(buffer) as image:
        expected = np.asarray(image)
    changed = degrade(film, "JPEG quality 30")
    np.testing.assert_array_equal(changed[..., 0], expected)


@pytest.mark.parametrize("exponent", [0.7, 1.4])
def test_gamma_is_a_power_of_the_grey_scale(film, exponent):
    expected = 255 * (film / 255) ** exponent
    changed = degrade(film, f"gamma {exponent}")
    np.testing.assert_allclose(changed, expected, atol=0.5001)
    ends = np.array([[[0], [255]]], np.uint8)
    np.testing.assert_array_equal(degrade(ends, f"gamma {exponent}"), ends)


@pytest.mark.parametrize("factor, name", [(0.7, "lower"), (1.4, "higher")])
def test_contrast_is_about_the_mean(film, factor, name):
    expected = film.mean() + factor * (film - film.mean())
    changed = degrade(film, f"{name} contrast")
    np.testing.assert_allclose(changed, np.clip(expected, 0, 255), atol=0.5001)
    assert changed.mean() == pytest.approx(film.mean(), abs=1)


def test_blur_is_a_gaussian_of_the_shorter_side(rng):
    film = rng.integers(0, 256, (600, 700, 1), np.uint8)
    expected = ndimage.gaussian_filter(film[..., 0].astype(float), 6)
    changed = degrade(film, "blur")[..., 0]
    inner = np.s_[40:-40, 40:-40]
    # PIL's is three box filters; what it leaves of noise is alike.
    assert np.abs(changed - expected)[inner].max() < 6
    ratio = changed[inner].std() / expected[inner].std()
    assert ratio == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape, grain", [((60, 80), 1), ((768, 1000), 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_has_its_strength_and_grain(shape, grain, channels):
    film = np.full((*shape, channels), 128, np.uint8)
    noise = degrade(film, "noise").astype(int) - 128
    assert noise.std() == pytest.approx(0.05 * 255, rel=0.05)
    assert abs(noise.mean()) < 1
    # A film of three channels is grey, and so is its noise.
    np.testing.assert_array_equal(noise, noise[..., :1].repeat(channels, 2))
    first = noise[:grain, :grain, 0]
    np.testing.assert_array_equal(first, first[0, 0])
    neighbours = np.corrcoef(noise[:-grain, 0, 0], noise[grain:, 0, 0])
    assert abs(neighbours[0, 1]) < 0.5


def test_noise_depends_on_the_key_alone(film):
    np.testing.assert_array_equal(
        degrade(film, "noise"), degrade(film, "noise")
    )
    other = degrade(film, "noise", key="normal/b.png")
    assert np.any(other != degrade(film, "noise"))
    # A file name that is no UTF-8.
    degrade(film, "noise", key="normal/\udcff.png")


def test_rotation_is_counter_clockwise_about_the_middle(film):
    changed = degrade(film, "rotated 5 degrees")[..., 0].astype(float)
    angle = math.radians(5)
    cos, sin = math.cos(angle), math.sin(angle)
    middle = (np.array(changed.shape) - 1) / 2
    # From a place of the result to its place in the film, rows down.
    matrix = np.array([[cos, sin], [-sin, cos]])
    expected = ndimage.affine_transform(
        film[..., 0].astype(float),
        matrix,
        offset=middle - matrix @ middle,
        order=1,
    )
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(changed - expected)[inner].mean() < 0.6
    assert changed[0, 0] == changed[-1, -1] == 0


def test_crop_takes_a_twentieth_off_each_side(film):
    np.testing.assert_array_equal(
        degrade(film, "cropped 10 %"), film[3:57, 4:84]
    )


def test_mirror_exchanges_left_and_right(film):
    changed = degrade(film, "mirrored")
    np.testing.assert_array_equal(changed, film[:, ::-1])
    np.testing.assert_array_equal(degrade(changed, "mirrored"), film)


@pytest.mark.parametrize("name", BY_NAME)
def test_colour_of_three_equal_channels_is_as_grey(film, name):
    grey = degrade(film, name)
    colour = degrade(film.repeat(3, axis=2), name)
    assert colour.shape == (*grey.shape[:2], 3)
    # JPEG stores colour another way.
    tolerance = 2 if name == "JPEG quality 30" else 0
    np.testing.assert_allclose(
        colour.astype(int), grey.repeat(3, axis=2), atol=tolerance
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_opacity_moves_with_the_pixels_and_does_not_change(film, name):
    opacity = np.zeros_like(film)
    opacity[:, :40] = 255
    changed = degrade(np.concatenate([film] * 3 + [opacity], 2), name)
    moved = degrade(opacity, name) if BY_NAME[name].moves_pixels else opacity
    np.testing.assert_array_equal(changed[..., 3:], moved)


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 3), (2, 3, 1)])
def test_tiny_films_survive(name, shape):
    changed = degrade(np.full(shape, 7, np.uint8), name)
    assert changed.size
    assert changed.shape[2] == shape[2]


def records(rng, number, shape=(24, 20, 1)):
    return rng.integers(0, 256, (number, *shape), np.uint8)


def test_batches_are_in_order_whatever_their_size(rng):
    stored = records(rng, 11)
    keys = [f"normal/{index}.png" for index in range(11)]

    def collect(batch_size):
        films = films_lib.open_records(keys, [stored[:6], stored[6:]])
        found = list(
            degradations.degraded_batches(films, batch_size=batch_size)
        )
        assert all(len(indices) <= batch_size for indices, _ in found)
        indices = np.concatenate([indices for indices, _ in found])
        np.testing.assert_array_equal(indices, np.arange(11))
        return {
            name: np.concatenate([images[name] for _, images in found])
            for name in BY_NAME
        }

    small, large = collect(3), collect(100)
    np.testing.assert_array_equal(small["unchanged"], stored)
    for name, images in small.items():
        assert images.shape == stored.shape
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, large[name], err_msg=name)
    # The fifth is as if it were alone.
    alone = films_lib.open_records(keys[4:5], [stored[4:5]])
    ((_, images),) = degradations.degraded_batches(alone)
    np.testing.assert_array_equal(images["noise"][0], small["noise"][4])


def test_progress_counts_films(rng):
    films = films_lib.open_records(list("abcde"), [records(rng, 5)])
    seen = []
    for _ in degradations.degraded_batches(
        films, batch_size=2, progress=seen.append
    ):
        pass
    assert seen == [1, 2, 3, 4, 5]


def test_films_are_not_read_far_ahead(rng):
    """Memory does not grow with their number."""
    read = []

    def batches():
        for index in range(1000):
            read.append(index)
            yield records(rng, 1)

    keys = [str(index) for index in range(1000)]
    films = films_lib.open_records(keys, batches())
    found = degradations.degraded_batches(films, batch_size=4)
    next(found)
    assert len(read) < 500
    found.close()


def test_no_films_are_no_batches():
    films = films_lib.open_records([], [])
    assert not list(degradations.degraded_batches(films))
