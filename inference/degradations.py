"""Films as another machine might have left them, and what is made of them.

A film is changed once it is decoded, before it is resized to what the network
is fed: what a network has learned of one archive's resolution, compression and
exposure shows in what it says of these. Lengths are shares of the shorter side,
so that a film of 7 megapixels is changed as much as one of 0.06; resolution and
compression are those of its own pixels.

What is drawn, the noise, is a function of an example's key.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import hashlib
import io
from typing import NamedTuple

from PIL import Image
from PIL import ImageFilter
from PIL import JpegImagePlugin
import numpy as np
from numpy import typing as npt

from inference import films as films_lib
from xray_tfds import parallel

Pixels = films_lib.Pixels
_Apply = Callable[[Pixels, np.random.Generator], Pixels]

_BLUR_SHARE = 0.01
# A grain of the noise is this share of the shorter side, and at least a pixel:
# finer grain would be averaged away where a large film is made small.
_GRAINS_A_SIDE = 256
_NOISE_STD = 12.75
_CROPPED_SHARE = 0.1
_DEGREES = 5


class Degradation(NamedTuple):
    """A change of a film.

    Attributes:
        name: For tables and files.
        description: What is done, a sentence.
        apply: From uint8 `[height, width, channels]`, 1 or 3 of them, and a
            generator to the changed film. May be called from any thread.
        moves_pixels: Whether a place of the film is another afterwards.
    """

    name: str
    description: str
    apply: _Apply
    moves_pixels: bool = False


def degraded_batches(
    films: films_lib.Films,
    *,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[npt.NDArray[np.int64], dict[str, Pixels]]]:
    """Yields films with all degradations, as the network is shown them.

    Each film is decoded once, on all cores. No more than a batch and a few
    films for each core are in memory.

    Args:
        films: As `films.find` returns them.
        batch_size: Films of a batch, at least 1.
        progress: Called with the number of films that are done.

    Yields:
        Pairs of the indices of a batch's films, int64 `[n]`, in order; and name
        of a degradation -> uint8 `[n, height, width, channels]`, in the order
        of `DEGRADATIONS`.

    Raises:
        ValueError: If a film cannot be read; names it.
    """
    changed = parallel.ordered_map(_degrade, films.films)
    batch: list[list[Pixels]] = []
    done = 0
    for versions in changed:
        batch.append(versions)
        if progress is not None:
            progress(done + len(batch))
        if len(batch) == batch_size:
            yield _stack(done, batch)
            done += len(batch)
            batch = []
    if batch:
        yield _stack(done, batch)


def _stack(
    start: int, batch: list[list[Pixels]]
) -> tuple[npt.NDArray[np.int64], dict[str, Pixels]]:
    names = (degradation.name for degradation in DEGRADATIONS)
    indices = np.arange(start, start + len(batch), dtype=np.int64)
    return indices, dict(zip(names, map(np.stack, zip(*batch))))


def _degrade(film: films_lib.Film) -> list[Pixels]:
    """Returns a film with each of `DEGRADATIONS`, of a record's size."""
    pixels = film.load()
    return [film.fit(degrade(pixels, film.key, each)) for each in DEGRADATIONS]


def degrade(pixels: Pixels, key: str, degradation: Degradation) -> Pixels:
    """Returns a changed film.

    Args:
        pixels: uint8 `[height, width, channels]`. A fourth channel, opacity, is
            moved with the others and not changed otherwise.
        key: Of the example; decides on the noise.
        degradation: One of `DEGRADATIONS`.

    Returns:
        uint8 `[height, width, channels]`; a crop is smaller than the film.
    """

    def apply(part: Pixels) -> Pixels:
        seed = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        generator = np.random.default_rng(int.from_bytes(seed[:8], "big"))
        return degradation.apply(part, generator)

    colours, opacity = pixels[..., :3], pixels[..., 3:]
    changed = apply(colours)
    if opacity.shape[2]:
        moved = apply(opacity) if degradation.moves_pixels else opacity
        changed = np.concatenate([changed, moved], axis=2)
    return changed


def _with_image(function: Callable[[Image.Image], Image.Image]) -> _Apply:
    """Returns a change of an array that is one of PIL's images."""

    def apply(pixels: Pixels, _: np.random.Generator) -> Pixels:
        changed = np.asarray(function(films_lib.to_image(pixels)))
        return changed.reshape(*changed.shape[:2], -1)

    return apply


def _with_values(
    function: Callable[[npt.NDArray[np.float64], float], npt.ArrayLike],
) -> _Apply:
    """Returns a change of grey values, given all of them and the mean."""

    def apply(pixels: Pixels, _: np.random.Generator) -> Pixels:
        values = function(np.arange(256.0), float(pixels.mean()))
        return _to_pixels(values)[pixels]

    return apply


def _to_pixels(values: npt.ArrayLike) -> Pixels:
    pixels: Pixels = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return pixels


def _keep(pixels: Pixels, _: np.random.Generator) -> Pixels:
    return pixels


def _resolution(factor: int) -> _Apply:
    def shrink(image: Image.Image) -> Image.Image:
        small = (
            max(1, image.width // factor),
            max(1, image.height // factor),
        )
        return image.resize(small, Image.Resampling.BOX).resize(
            image.size, Image.Resampling.BILINEAR
        )

    return _with_image(shrink)


def _compress(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=30)
    # Not `Image.open`, which warns of large images: the film was decoded.
    data = io.BytesIO(buffer.getvalue())
    compressed = JpegImagePlugin.JpegImageFile(data)
    compressed.load()
    return compressed


def _gamma(exponent: float) -> _Apply:
    return _with_values(lambda grey, _: 255 * (grey / 255) ** exponent)


def _contrast(factor: float) -> _Apply:
    return _with_values(lambda grey, mean: mean + factor * (grey - mean))


def _blur(image: Image.Image) -> Image.Image:
    radius = _BLUR_SHARE * min(image.size)
    return image.filter(ImageFilter.GaussianBlur(radius))


def _add_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    height, width, _ = pixels.shape
    grain = max(1, round(min(height, width) / _GRAINS_A_SIDE))
    size = (-(-height // grain), -(-width // grain), 1)
    noise = _NOISE_STD * generator.standard_normal(size, np.float32)
    if grain > 1:
        noise = noise.repeat(grain, axis=0).repeat(grain, axis=1)
    return _to_pixels(pixels + noise[:height, :width])


def _rotate(image: Image.Image) -> Image.Image:
    return image.rotate(_DEGREES, Image.Resampling.BILINEAR)


def _crop(pixels: Pixels, _: np.random.Generator) -> Pixels:
    top, left = (round(n * _CROPPED_SHARE / 2) for n in pixels.shape[:2])
    height, width, _channels = pixels.shape
    return pixels[top : height - top, left : width - left]


def _mirror(pixels: Pixels, _: np.random.Generator) -> Pixels:
    return pixels[:, ::-1]


DEGRADATIONS = (
    Degradation("unchanged", "The film as it is.", _keep),
    Degradation(
        "half resolution",
        "Shrunk to half of its width and height, each pixel the mean of four,"
        " and enlarged again bilinearly.",
        _resolution(2),
    ),
    Degradation(
        "quarter resolution",
        "Shrunk to a quarter of its width and height, each pixel the mean of"
        " sixteen, and enlarged again bilinearly.",
        _resolution(4),
    ),
    Degradation(
        "JPEG quality 30",
        "Compressed as JPEG of libjpeg's quality 30 and decoded.",
        _with_image(_compress),
    ),
    Degradation(
        "gamma 0.7",
        "Brighter in the middle: grey values of 0 to 1 to the power of 0.7.",
        _gamma(0.7),
    ),
    Degradation(
        "gamma 1.4",
        "Darker in the middle: grey values of 0 to 1 to the power of 1.4.",
        _gamma(1.4),
    ),
    Degradation(
        "lower contrast",
        "Grey values brought closer to the film's mean, by a factor of 0.7.",
        _contrast(0.7),
    ),
    Degradation(
        "higher contrast",
        "Grey values moved away from the film's mean, by a factor of 1.4.",
        _contrast(1.4),
    ),
    Degradation(
        "blur",
        "Blurred by a Gaussian, its standard deviation 1 % of the shorter"
        " side.",
        _with_image(_blur),
    ),
    Degradation(
        "noise",
        "Gaussian noise added, its standard deviation 5 % of the grey scale,"
        " its grain 1/256 of the shorter side.",
        _add_noise,
    ),
    Degradation(
        "rotated 5 degrees",
        "Turned counter-clockwise by 5 degrees about its middle, bilinearly;"
        " the corners are black.",
        _with_image(_rotate),
        moves_pixels=True,
    ),
    Degradation(
        "cropped 10 %",
        "Without a margin of 5 % on each side, which enlarges the rest.",
        _crop,
        moves_pixels=True,
    ),
    Degradation(
        "mirrored",
        "Left and right exchanged: the heart is on the other side.",
        _mirror,
        moves_pixels=True,
    ),
)
