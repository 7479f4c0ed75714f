"""A perceptual hash of films, and how far two films are from each other.

A film of a chest looks like any other, and a hash of 64 bits confuses patients.
This one has 470 numbers, which say how the grey levels are ranked over a film,
in large structures and in small ones; two films are near-duplicates if both
agree.

Distances are in units of the limit, so that 1 and less is near. On 5,232 real
films at 224x224 pixels, 1,500 of them copied in each way
(`benchmarks/duplicates.py`):

| copies by                                          | found   | farthest |
|----------------------------------------------------|---------|----------|
| JPEG quality 30 to 95                              | 100 %   | 0.32     |
| scale .25 to 2, also by side                       | 100 %   | 0.31     |
| scale .25 without a filter                         | 100 %   | 0.81     |
| gamma .8 to 1.25, contrast .8 to 1.2               | 100 %   | 0.48     |
| brightness -10 to 10 %                             | 99.87 % | 1.25     |
| all at once, by chance                             | 100 %   | 0.87     |
| all at once, each at its worst                     | 99.13 % | 2.06     |
| other hands, from the originals (900 films)        | 100 %   | 0.43     |

The nearest two different films are at 1.56, the nearest mirror image of a film
at 2.53. What is missed has lost much of its grey levels to clipping. The number
of different pairs rises tenfold from 1.95 to 2.36: extrapolated to 1, one false
pair among 100,000 such films, and five among 200,000.

Not near are other films of a patient, mirrored and turned films, and equal
structures under other noise. Near are images that differ in their tones only,
such as two linear ramps: nothing else tells a film from its copy with another
gamma.
"""

from __future__ import annotations

from PIL import Image
import numpy as np

# Side of the thumbnail: what a copy of 56x56 pixels with JPEG quality 30 still
# shows, the worst that should be recognised.
_SIDE = 32

# The discrete cosines that are kept have a radial frequency, in half periods
# over the film's side, below the first; the coarse and the fine part overlap.
# Of twenty-five pairs of bands tried, this one leaves the widest gap between
# copies and different films; every single band leaves a narrower one.
_MAX_FREQUENCY = 24
_COARSE_BELOW = 12
_FINE_FROM = 8

# A film whose thumbnail has fewer grey levels between its darkest and its
# brightest pixel shows rounding and noise; it is near to no other.
_MIN_RANGE = 16

# Films are near if 1 - cosine is at most this, in both parts; the module's
# docstring has what was measured.
MAX_COARSE_DISTANCE = 0.02
MAX_FINE_DISTANCE = 0.15


def _cosines():
    """Returns the rows of the orthonormal DCT-II, float32 `[24, 32]`."""
    frequency = np.arange(_MAX_FREQUENCY)[:, np.newaxis]
    rows = np.cos(np.pi * frequency * np.arange(1, 2 * _SIDE, 2) / (2 * _SIDE))
    rows *= np.sqrt(2 / _SIDE)
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


_COSINES = _cosines()
_RADII = np.hypot(*np.mgrid[:_MAX_FREQUENCY, :_MAX_FREQUENCY]).ravel()
_KEPT = np.flatnonzero((_RADII > 0) & (_RADII < _MAX_FREQUENCY))
_FREQUENCIES = _RADII[_KEPT].astype(np.float32)
_COARSE = np.flatnonzero(_FREQUENCIES < _COARSE_BELOW)
_FINE = np.flatnonzero(_FREQUENCIES >= _FINE_FROM)

# Bytes of a signature.
SIGNATURE_SIZE = len(_KEPT)


def signature(image: Image.Image) -> bytes:
    """Returns the perceptual hash of a film.

    The film is shrunk to 32x32 grey pixels, which recompression and resizing
    hardly change; each pixel is replaced by its rank among them, which undoes
    gamma, brightness and contrast; what is kept are the ranks' discrete
    cosines below a radial frequency, multiplied by that frequency, because
    the spectrum of a film falls off with it.

    Args:
        image: Decoded `PIL.Image.Image` with 8 bits a channel. Transparency is
            ignored.

    Returns:
        `SIGNATURE_SIZE` bytes: the weighted cosines as int8, in units of 1/127
        of the largest. All 0, which is near to nothing, if the film is flat.

    Raises:
        ValueError: If the image has more than 8 bits a channel.
    """
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            "`image` must have 8 bits a channel; convert it first. Received:"
            f" image.mode={image.mode}"
        )
    if image.mode != "L":
        image = image.convert("L")
    # PIL's antialiased triangle filter, behind a faster box filter for films
    # of more than twice the size.
    thumbnail = image.resize(
        (_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    pixels = np.frombuffer(thumbnail.tobytes(), np.uint8)
    if np.ptp(pixels) < _MIN_RANGE:
        return bytes(SIGNATURE_SIZE)
    counts = np.bincount(pixels, minlength=256)
    # Equal pixels share the mean of their ranks.
    ranks = (2 * np.cumsum(counts) - counts).astype(np.float32)
    ranked = ranks.take(pixels).reshape(_SIDE, _SIDE)
    cosines = _COSINES @ ranked @ _COSINES.T
    cosines = cosines.ravel().take(_KEPT) * _FREQUENCIES
    cosines *= 127 / np.abs(cosines).max()
    return np.rint(cosines).astype(np.int8).tobytes()


def distances(signatures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns how far films are from others, in units of the limits.

    Args:
        signatures: uint8 `[m, SIGNATURE_SIZE]`.
        others: uint8 `[m, SIGNATURE_SIZE]`, compared row by row.

    Returns:
        float32 `[m]`: at most 1 for near-duplicates, infinite for flat films.
    """
    farther = np.maximum(
        _one_minus_cosine(coarse, signatures, others) / MAX_COARSE_DISTANCE,
        _one_minus_cosine(fine, signatures, others) / MAX_FINE_DISTANCE,
    )
    structured = signatures.any(axis=1) & others.any(axis=1)
    return np.where(structured, farther, np.float32(np.inf))


def _one_minus_cosine(part, signatures, others):
    return 1 - np.einsum("ij,ij->i", part(signatures), part(others))


def coarse(signatures: np.ndarray) -> np.ndarray:
    """Returns the large structures of films.

    Args:
        signatures: uint8 `[n, SIGNATURE_SIZE]`.

    Returns:
        float32 `[n, 120]`: unit vectors, 0 for flat films.
    """
    # Half of the weight is taken back: the largest structures are the safest.
    return _unit(signatures, _COARSE, np.sqrt(_FREQUENCIES[_COARSE]))


def fine(signatures: np.ndarray) -> np.ndarray:
    """Returns the small structures of films.

    Args:
        signatures: uint8 `[n, SIGNATURE_SIZE]`.

    Returns:
        float32 `[n, 415]`: unit vectors, 0 for flat films.
    """
    return _unit(signatures, _FINE, np.float32(1))


def _unit(signatures, columns, divisors):
    values = signatures.view(np.int8)[:, columns] / divisors
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.maximum(norms, 1e-6)
