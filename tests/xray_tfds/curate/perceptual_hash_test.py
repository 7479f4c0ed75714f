"""`perceptual_hash`: copies are found, other films are told apart."""

import io

from PIL import Image
from PIL import ImageOps
import numpy as np
import pytest
from scipy import fft
from scipy import stats

from tests.helpers import image_trees
from xray_tfds.curate import duplicates
from xray_tfds.curate import perceptual_hash
from xray_tfds.phantom import cohort

FLAT = bytes(duplicates.SIGNATURE_SIZE)


@pytest.fixture(scope="module")
def films():
    """Synthetic films, some of them of one patient, uint8 grey."""
    return [Image.fromarray(cohort.draw(film)) for film in cohort.plan(24)]


def hash_all(images):
    data = b"".join(duplicates.signature(image) for image in images)
    return np.frombuffer(data, np.uint8).reshape(-1, duplicates.SIGNATURE_SIZE)


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def scale(image, across, down, resample=Image.Resampling.BICUBIC):
    size = (int(image.width * across), int(image.height * down))
    return image.resize(size, resample)


def tone(image, function):
    levels = 255 * function(np.arange(256) / 255)
    return image.point(np.rint(levels.clip(0, 255)).astype(int).tolist())


COPIES = {
    "jpeg_30": lambda im: jpeg(im, 30),
    "jpeg_95": lambda im: jpeg(im, 95),
    "quarter": lambda im: scale(im, 0.25, 0.25),
    "quarter_box": lambda im: scale(im, 0.25, 0.25, Image.Resampling.BOX),
    "quarter_nearest": lambda im: scale(
        im, 0.25, 0.25, Image.Resampling.NEAREST
    ),
    "double": lambda im: scale(im, 2, 2),
    "squashed": lambda im: im.resize((224, 224), Image.Resampling.LANCZOS),
    "stretched": lambda im: scale(im, 0.5, 1.4),
    "gamma_low": lambda im: tone(im, lambda x: x**0.8),
    "gamma_high": lambda im: tone(im, lambda x: x**1.25),
    "brighter": lambda im: tone(im, lambda x: x + 0.08),
    "darker": lambda im: tone(im, lambda x: x - 0.08),
    "less_contrast": lambda im: tone(im, lambda x: 0.5 + 0.8 * (x - 0.5)),
    "more_contrast": lambda im: tone(im, lambda x: 0.5 + 1.2 * (x - 0.5)),
    "rgb": lambda im: im.convert("RGB"),
    "rgba": lambda im: im.convert("RGBA"),
    "palette": lambda im: im.convert("P"),
    "together": lambda im: jpeg(
        tone(scale(im, 0.3, 0.4), lambda x: 1.1 * x**0.85 - 0.04), 40
    ),
}


@pytest.mark.parametrize("kind", COPIES)
def test_finds_every_copy(films, kind):
    copies = [COPIES[kind](film) for film in films]
    signatures = hash_all(films + copies)
    expected = [[i, i + len(films)] for i in range(len(films))]
    np.testing.assert_array_equal(
        duplicates.find_near_pairs(signatures), expected
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda im: im,
        ImageOps.mirror,
        ImageOps.flip,
        lambda im: im.rotate(90, expand=True),
        lambda im: im.rotate(180),
    ],
    ids=["other_films", "mirrored", "upside_down", "turned", "turned_about"],
)
def test_tells_films_apart(films, change):
    changed = [] if change(films[0]) is films[0] else map(change, films)
    signatures = hash_all([*films, *changed])
    assert not len(duplicates.find_near_pairs(signatures))


@pytest.mark.parametrize("size", [(32, 32), (40, 48), (300, 200)])
def test_equal_structure_with_other_noise_is_not_near(tmp_path, size):
    names = [f"{number}.jpeg" for number in range(40)]
    image_trees.write_images(tmp_path, names, size=size)
    signatures = hash_all([Image.open(tmp_path / name) for name in names])
    assert signatures.any(axis=1).all()
    assert not len(duplicates.find_near_pairs(signatures))


def test_noise_is_not_near():
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (40, 32, 32), np.uint8)
    signatures = hash_all(map(Image.fromarray, noise))
    assert not len(duplicates.find_near_pairs(signatures))


def test_small_films_are_told_apart(films):
    signatures = hash_all(film.resize((32, 32)) for film in films)
    assert not len(duplicates.find_near_pairs(signatures))


def test_flat_films_are_near_to_nothing():
    generator = np.random.default_rng(0)
    nearly = 128 + generator.integers(-2, 3, (64, 64))
    flat = [
        Image.new("L", (64, 64), 7),
        Image.new("RGB", (1, 1), "white"),
        Image.fromarray(nearly.astype(np.uint8)),
    ]
    assert [duplicates.signature(image) for image in flat] == [FLAT] * 3
    signatures = hash_all(flat * 2)
    assert not len(duplicates.find_near_pairs(signatures))
    assert np.isinf(perceptual_hash.distances(signatures, signatures)).all()


def test_signature_is_the_dct_of_ranks(films):
    # An oracle by SciPy: ranks with ties at their mean, orthonormal DCT-II.
    thumbnail = np.asarray(
        films[0].resize((32, 32), Image.Resampling.BILINEAR, reducing_gap=2)
    )
    ranks = stats.rankdata(thumbnail).reshape(32, 32)
    u, v = np.mgrid[:24, :24]
    radius = np.hypot(u, v)
    kept = (radius > 0) & (radius < 24)
    cosines = (fft.dctn(ranks, norm="ortho")[:24, :24] * radius)[kept]
    expected = cosines * 127 / np.abs(cosines).max()
    actual = hash_all(films[:1]).view(np.int8)[0]
    np.testing.assert_allclose(actual, expected, atol=0.51)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_signature_wants_eight_bits(mode):
    with pytest.raises(ValueError, match=f"mode={mode}"):
        duplicates.signature(Image.new(mode, (64, 64)))


@image_trees.needs_real_images
def test_real_films_are_found_in_another_size():
    # Both were made from the originals: 256x256, and squashed to 224x224.
    folder = image_trees.REAL_IMAGES / "lesson" / "train" / "pneumonia"
    ours = sorted(folder.glob("*.jpeg"))[:40]
    assert ours
    folder = image_trees.REAL_IMAGES / "chest_xray" / "train" / "PNEUMONIA"
    signatures = hash_all(Image.open(path) for path in ours)
    copies = hash_all(Image.open(folder / path.name) for path in ours)
    assert (perceptual_hash.distances(signatures, copies) <= 1).all()
