"""Which files show the same film: equal bytes, equal pixels, or nearly so.

`perceptual_hash` says what nearly is; here is the search among many films.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import hashlib
from typing import Literal
from typing import TYPE_CHECKING

import numpy as np

from xray_tfds.curate import disjoint_sets
from xray_tfds.curate import perceptual_hash

if TYPE_CHECKING:
    from PIL import Image

# Memory of the search: distances between two blocks of films, and signatures
# of the pairs that are verified at once.
_BLOCK_SIZE = 1024
_PAIRS_AT_ONCE = 8192

# The first principal components of the coarse part by which films are
# compared at first, and of how many films they are computed.
_NUM_COMPONENTS = 32
_MAX_SAMPLE = 4096

# Blocks are cut along the first two only: across more, they would be too long
# to be far from each other.
_NUM_CUT = 2

# Those who look for duplicates need no other module.
signature = perceptual_hash.signature
SIGNATURE_SIZE = perceptual_hash.SIGNATURE_SIZE


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Files that show one film.

    Attributes:
        kind: "bytes" if all files are equal, "pixels" if all decode to the
            same pixels, otherwise "near".
        members: Indices of the files, ascending, two or more.
    """

    kind: Literal["bytes", "pixels", "near"]
    members: tuple[int, ...]


def pixel_digest(image: Image.Image) -> str:
    """Returns the SHA-256 of mode, size and pixels, as hexadecimal digits.

    Args:
        image: Decoded `PIL.Image.Image`. One with a palette is digested by the
            colours that it shows.
    """
    mode = image.mode
    if mode in ("P", "PA"):
        image = image.convert("RGBA")
    digest = hashlib.sha256(f"{mode} {image.width}x{image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def find_near_pairs(signatures: np.ndarray) -> np.ndarray:
    """Finds all pairs of films that are near-duplicates.

    The search is exact, whatever the number of films. Distances between
    projections never exceed those between the points themselves, so that pairs
    are excluded by the leading principal components of their coarse parts:
    first whole blocks of neighbouring films, then one by one, in a matrix
    product. Few are left to be compared in full: 59 of the 13.7 million pairs
    of 5,232 real films. Memory is proportional to the films and the pairs
    found, time to the square of the films: 0.1 seconds of a core for 5,232 and
    40 for 200,000.

    Args:
        signatures: uint8 `[n, SIGNATURE_SIZE]`, a row for each film.

    Returns:
        int64 `[m, 2]`: row numbers, each pair and all pairs ascending.

    Raises:
        ValueError: If `signatures` has another shape or type.
    """
    signatures = np.asarray(signatures)
    if (
        signatures.ndim != 2
        or signatures.shape[1] != SIGNATURE_SIZE
        or signatures.dtype != np.uint8
    ):
        raise ValueError(
            f"`signatures` must be uint8 [n, {SIGNATURE_SIZE}]. Received:"
            f" {signatures.dtype} {list(signatures.shape)}"
        )
    pairs = np.concatenate(
        [np.empty((0, 2), np.int64), *_generate_near_pairs(signatures)]
    )
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def find_clusters(
    byte_digests: Sequence[str],
    pixel_digests: Sequence[str],
    signatures: Sequence[bytes],
) -> list[Cluster]:
    """Groups the files that show one film.

    Nearness is made transitive: a copy of a copy belongs to the cluster.

    Args:
        byte_digests: List of strings, one for each file: of its content.
        pixel_digests: List of strings: `pixel_digest` of each.
        signatures: List of bytes: `signature` of each.

    Returns:
        List of `Cluster`, by their first members; files alone are left out.

    Raises:
        ValueError: If the lists differ in length.
    """
    if not len(byte_digests) == len(pixel_digests) == len(signatures):
        raise ValueError(
            "`byte_digests`, `pixel_digests` and `signatures` must have one"
            f" element for each file. Received: {len(byte_digests)},"
            f" {len(pixel_digests)} and {len(signatures)} elements"
        )
    sets: disjoint_sets.DisjointSets[int] = disjoint_sets.DisjointSets()
    flat = bytes(SIGNATURE_SIZE)
    firsts: dict = {}
    for keys in (byte_digests, pixel_digests, signatures):
        firsts = {}
        for index, key in enumerate(keys):
            if key != flat:
                sets.join(index, firsts.setdefault(key, index))
    # What is left in `firsts` is one file of each signature that is not flat:
    # a thousand copies of a film are not compared with each other.
    rows = list(firsts.values())
    distinct = np.frombuffer(b"".join(firsts), np.uint8)
    for pairs in _generate_near_pairs(distinct.reshape(-1, SIGNATURE_SIZE)):
        for first, second in pairs.tolist():
            sets.join(rows[first], rows[second])
    members: dict[int, list[int]] = {}
    for index in range(len(signatures)):
        members.setdefault(sets.find(index), []).append(index)
    return [
        Cluster(_kind(group, byte_digests, pixel_digests), tuple(group))
        for group in members.values()
        if len(group) > 1
    ]


def _kind(members, byte_digests, pixel_digests):
    if len({byte_digests[index] for index in members}) == 1:
        return "bytes"
    if len({pixel_digests[index] for index in members}) == 1:
        return "pixels"
    return "near"


def _generate_near_pairs(signatures):
    """Yields int64 `[m, 2]`, the near pairs of two blocks of films."""
    rows = np.flatnonzero(signatures.any(axis=1))
    if len(rows) < 2:
        return
    points = _principal_components(signatures, rows)
    # |a - b|^2 = 2 (1 - cosine), and a little for rounding.
    limit = 2 * perceptual_hash.MAX_COARSE_DISTANCE + 1e-4
    blocks = _blocks(points, np.arange(len(points)))
    lowest = np.stack([points[block].min(axis=0) for block in blocks])
    highest = np.stack([points[block].max(axis=0) for block in blocks])
    for i, block in enumerate(blocks):
        gaps = np.maximum(lowest[i:] - highest[i], lowest[i] - highest[i:])
        near = (np.maximum(gaps, 0) ** 2).sum(axis=1) <= limit
        for ahead in np.flatnonzero(near).tolist():
            other = blocks[i + ahead]
            first, second = _close(points[block], points[other], limit)
            if not ahead:
                first, second = first[first < second], second[first < second]
            candidates = np.stack([rows[block[first]], rows[other[second]]])
            yield from _verify(signatures, np.sort(candidates.T, axis=1))


def _principal_components(signatures, rows):
    """Returns the coarse parts' leading components, float32 `[n, 32]`."""
    step = -(-len(rows) // _MAX_SAMPLE)
    sample = perceptual_hash.coarse(signatures[rows[::step]])
    mean = sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample, rowvar=False, ddof=0))
    axes = axes[:, : -1 - _NUM_COMPONENTS : -1].astype(np.float32)
    return np.concatenate(
        [
            (
                perceptual_hash.coarse(
                    signatures[rows[start : start + _PAIRS_AT_ONCE]]
                )
                - mean
            )
            @ axes
            for start in range(0, len(rows), _PAIRS_AT_ONCE)
        ]
    )


def _blocks(points, indices):
    """Cuts the points in half, again and again; returns lists of indices."""
    if len(indices) <= _BLOCK_SIZE:
        return [indices]
    axis = np.ptp(points[indices, :_NUM_CUT], axis=0).argmax()
    middle = len(indices) // 2
    order = np.argpartition(points[indices, axis], middle)
    return _blocks(points, indices[order[:middle]]) + _blocks(
        points, indices[order[middle:]]
    )


def _close(points, others, limit):
    """Returns the indices of pairs within a distance, two int64 `[m]`.

    Args:
        points: float32 `[m, d]`.
        others: float32 `[n, d]`.
        limit: Greatest square of the distance.
    """
    # |a - b|^2 <= limit as one matrix product: a b >= (a a + b b - limit) / 2.
    halves = ((points**2).sum(axis=1, keepdims=True) - limit) / 2
    points = np.concatenate([points, halves, np.ones_like(halves)], axis=1)
    halves = (others**2).sum(axis=1, keepdims=True) / 2
    others = np.concatenate([others, -np.ones_like(halves), -halves], axis=1)
    close = points @ others.T >= 0
    if not close.any():  # As good as always, and five times as fast.
        return np.empty((2, 0), np.int64)
    return np.nonzero(close)


def _verify(signatures, pairs):
    """Yields those of the pairs whose full signatures are near."""
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        part = pairs[start : start + _PAIRS_AT_ONCE]
        near = (
            perceptual_hash.distances(
                signatures[part[:, 0]], signatures[part[:, 1]]
            )
            <= 1
        )
        if near.any():
            yield part[near]
