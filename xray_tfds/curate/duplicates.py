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
import threadpoolctl

from xray_tfds import parallel
from xray_tfds.curate import disjoint_sets
from xray_tfds.curate import equal_rows
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

# Blocks are cut along the first four only: across more, they would be too long
# to be far from each other. Films are held against the boxes of blocks along
# the first eight. Of the pairs of 800,000 films (means of two real ones), 9 %
# are left for the matrix product; with cuts along two, 18 %.
_NUM_CUT = 4
_NUM_BOX = 8

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
    first whole blocks of neighbouring films, then films far from a block, then
    one by one, in a matrix product. Few are left to be compared in full: 59 of
    the 13.7 million pairs of 5,232 real films. Memory is proportional to the
    films and the pairs found; `benchmarks/decision.py` measures the time.

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
            f"`signatures` must be uint8 [n, {SIGNATURE_SIZE}]."
            f" Received: {signatures.dtype} {list(signatures.shape)}"
        )
    rows = np.flatnonzero(signatures.any(axis=1))
    pairs = np.concatenate(
        [np.empty((0, 2), np.int64), *_generate_near_pairs(signatures, rows)]
    )
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def find_clusters(
    byte_digests: Sequence[str] | np.ndarray,
    pixel_digests: Sequence[str] | np.ndarray,
    signatures: Sequence[bytes] | np.ndarray,
) -> list[Cluster]:
    """Groups the files that show one film.

    Nearness is made transitive: a copy of a copy belongs to the cluster.

    Args:
        byte_digests: List of strings, one for each file: of its content; or
            uint8 `[n, 32]`.
        pixel_digests: Likewise: `pixel_digest` of each.
        signatures: List of bytes: `signature` of each; or uint8
            `[n, SIGNATURE_SIZE]`.

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
    joined: set[int] = set()

    def join(firsts: np.ndarray, seconds: np.ndarray) -> None:
        for first, second in zip(firsts.tolist(), seconds.tolist()):
            sets.join(first, second)
            joined.update((first, second))

    for keys in (byte_digests, pixel_digests):
        firsts = equal_rows.first_equal(keys)
        copies = np.flatnonzero(firsts != np.arange(len(firsts)))
        join(firsts[copies], copies)
    rows = _to_rows(signatures)
    structured = np.flatnonzero(rows.any(axis=1))
    firsts = structured[
        equal_rows.first_equal(equal_rows.hash_rows(rows, structured))
    ]
    is_copy = firsts != structured
    join(firsts[is_copy], structured[is_copy])
    # A thousand copies of a film are not compared with each other.
    for pairs in _generate_near_pairs(rows, structured[~is_copy]):
        join(pairs[:, 0], pairs[:, 1])
    members: dict[int, list[int]] = {}
    for index in sorted(joined):
        members.setdefault(sets.find(index), []).append(index)
    return [
        Cluster(_kind(group, byte_digests, pixel_digests), tuple(group))
        for _, group in sorted(members.items())
    ]


def _to_rows(signatures):
    """Returns uint8 `[n, SIGNATURE_SIZE]` of a list of bytes, or as it is."""
    if isinstance(signatures, np.ndarray):
        return signatures
    data = np.frombuffer(b"".join(signatures), np.uint8)
    return data.reshape(-1, SIGNATURE_SIZE)


def _kind(members, byte_digests, pixel_digests):
    if _all_equal(byte_digests, members):
        return "bytes"
    return "pixels" if _all_equal(pixel_digests, members) else "near"


def _all_equal(keys, members):
    if isinstance(keys, np.ndarray):
        return bool((keys[list(members)] == keys[members[0]]).all())
    return len({keys[index] for index in members}) == 1


def _generate_near_pairs(signatures, rows):
    """Yields int64 `[m, 2]`, the near pairs with one film in a block.

    Args:
        signatures: uint8 `[n, SIGNATURE_SIZE]`.
        rows: Which of them are compared, int64 `[m]`; none is flat.
    """
    if len(rows) < 2:
        return
    points = _principal_components(signatures, rows)
    # |a - b|^2 = 2 (1 - cosine), and a little for rounding.
    limit = 2 * perceptual_hash.MAX_COARSE_DISTANCE + 1e-4
    blocks = _blocks(points, np.arange(len(points)))
    boxes = [(points[b].min(axis=0), points[b].max(axis=0)) for b in blocks]
    lowest, highest = map(np.stack, zip(*boxes))

    def compare(i):
        """Returns the near pairs of a block with itself and later ones."""
        block = blocks[i]
        gaps = np.maximum(lowest[i:] - highest[i], lowest[i] - highest[i:])
        near = (np.maximum(gaps, 0) ** 2).sum(axis=1) <= limit
        found = [np.empty((0, 2), np.int64)]
        for j in (i + np.flatnonzero(near)).tolist():
            # Only those near to the other's box can be near to what is in it.
            mine = block[_near_box(points[block], boxes[j], limit)]
            others = blocks[j][_near_box(points[blocks[j]], boxes[i], limit)]
            first, second = _close(points[mine], points[others], limit)
            first, second = mine[first], others[second]
            if j == i:
                once = first < second
                first, second = first[once], second[once]
            pairs = np.sort(np.stack([rows[first], rows[second]]).T, axis=1)
            found += _verify(signatures, pairs)
        return np.concatenate(found)

    # A product is too small for the threads of BLAS; blocks are not for ours.
    with threadpoolctl.threadpool_limits(1, "blas"):
        for pairs in parallel.ordered_map(compare, range(len(blocks))):
            if len(pairs):
                yield pairs


def _near_box(points, box, limit):
    """Returns whether each of the points is within a distance of a box."""
    lowest, highest = (side[:_NUM_BOX] for side in box)
    points = points[:, :_NUM_BOX]
    gaps = np.maximum(lowest - points, points - highest)
    np.maximum(gaps, 0, out=gaps)
    return np.einsum("ij,ij->i", gaps, gaps) <= limit


def _principal_components(signatures, rows):
    """Returns the coarse parts' leading components, float32 `[n, 32]`."""
    step = -(-len(rows) // _MAX_SAMPLE)
    sample = perceptual_hash.coarse(signatures[rows[::step]])
    mean = sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample, rowvar=False, ddof=0))
    axes = axes[:, : -1 - _NUM_COMPONENTS : -1].astype(np.float32)
    points = np.empty((len(rows), _NUM_COMPONENTS), np.float32)
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        coarse = perceptual_hash.coarse(signatures[rows[part]])
        points[part] = (coarse - mean) @ axes
    return points


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
