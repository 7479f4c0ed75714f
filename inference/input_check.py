"""Whether a file is what a network can say something about.

A network that knows films says something of any picture. What is flagged is
scored all the same: a flag says what to think of the score.

| flag | when |
|---|---|
| colour | red, green and blue differ, by 8 grey values in the mean |
| aspect | it is more than 3.2 times as wide as high, or twice as high as wide |
| too small | a side has fewer pixels than the network is shown |
| near constant | grey values have a standard deviation below 5 |
| inverted | in 8x8 pixels it correlates with the mean film below -.25 |
| layout | likewise from -.25 to .25 |
| unfamiliar | the network's features are further from those of its training
  images than those of 99 of 100 validation images (`feature_distance`) |

The last three need a `reference.Reference`. What shares are flagged of films,
inverted films, photographs and noise: `benchmarks/input_check.py`.
"""

from __future__ import annotations

import numpy as np
from numpy import typing as npt

from evaluation import feature_distance
from inference import reference as reference_lib
from xray_tfds.decode import quality

FLAGS = (
    *("colour", "aspect", "too small", "near constant"),
    *("inverted", "layout", "unfamiliar"),
)

# A film that was saved in colour has none; a photograph has 30 to 80. Where
# someone drew on a film, it is a small share of it.
_LEAST_COLOUR = 8.0
_SAMPLED_SIDE = 64

# Width by height. Of 1,566 films of the public set the narrowest has .84, the
# widest 3.18.
_ASPECTS = (0.5, 3.2)

# The flattest of the same has 24.
_LEAST_DEVIATION = 5.0
_EVERY = 3

# With the mean film, films correlate by .42 and more, inverted ones by -.42 and
# less, parts of photographs by -.52 to .31, noise by -.38 to .36.
_CORRELATION = 0.25


def check_film(
    decoded: quality.Decoded, pixels: npt.NDArray[np.uint8]
) -> tuple[str, ...]:
    """Returns which of `FLAGS` a film gets by itself.

    Args:
        decoded: The film.
        pixels: uint8 `[height, width, channels]`, as the network is shown it.
    """
    width, height = decoded.width, decoded.height
    found = {
        "colour": _colour(decoded) >= _LEAST_COLOUR,
        "aspect": not _ASPECTS[0] <= width / height <= _ASPECTS[1],
        "too small": width < pixels.shape[1] or height < pixels.shape[0],
        "near constant": _deviation(pixels) < _LEAST_DEVIATION,
    }
    return tuple(name for name, is_so in found.items() if is_so)


def check_familiar(
    reference: reference_lib.Reference,
    images: npt.NDArray[np.uint8],
    features: npt.NDArray[np.float64] | None,
) -> list[tuple[str, ...]]:
    """Returns which of `FLAGS` films get beside those of the training.

    Args:
        reference: What those look like.
        images: uint8 `[n, height, width, channels]`, as the network is shown
            them.
        features: float64 `[n, num_features]`, of the network's last layer; None
            of one that does not show them.
    """
    is_far = np.zeros(len(images), np.bool_)
    if features is not None:
        distances = feature_distance.measure(reference.classes, features)
        is_far = ~(distances <= reference.most_distant)
    return [
        (*_layout(reference, pixels), *(["unfamiliar"] if far else []))
        for pixels, far in zip(images, is_far)
    ]


def _layout(
    reference: reference_lib.Reference, pixels: npt.NDArray[np.uint8]
) -> tuple[str, ...]:
    correlation = _correlate(
        reference_lib.thumbnail_of(pixels), reference.thumbnail
    )
    if correlation < -_CORRELATION:
        return ("inverted",)
    return ("layout",) if correlation < _CORRELATION else ()


def _colour(decoded: quality.Decoded) -> float:
    """Returns the mean of the largest difference between colours, 0 to 255."""
    image = decoded.image
    if image.mode in ("1", "L", "LA"):
        return 0.0
    width, height = image.size
    side = _SAMPLED_SIDE
    # Some pixels suffice, and averages of neighbours would have less colour.
    sampled = image.resize((min(width, side), min(height, side)), 0)
    colours = np.asarray(sampled.convert("RGB"), np.float64)
    return float(np.ptp(colours, axis=-1).mean())


def _deviation(pixels: npt.NDArray[np.uint8]) -> float:
    """Returns the standard deviation of some pixels, in a tenth of the time."""
    return float(pixels[::_EVERY, ::_EVERY].std())


def _correlate(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> float:
    """Returns the correlation; 0 if one of both is constant."""
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / scale if scale else 0.0
