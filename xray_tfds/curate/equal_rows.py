"""Which of many rows, or keys, are equal: by sorting, without objects."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Sequence
import hashlib

import numpy as np

_HASH_SIZE = 16


def hash_rows(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns uint8 `[m, 16]`, equal for equal rows among those chosen."""
    hashes = bytearray()
    for index in chosen.tolist():
        row = hashlib.blake2b(rows[index].tobytes(), digest_size=_HASH_SIZE)
        hashes += row.digest()
    return np.frombuffer(hashes, np.uint8).reshape(-1, _HASH_SIZE)


def first_equal(keys: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """Returns int64 `[n]`: where each key stands for the first time.

    Args:
        keys: Sequence of what can be hashed, or uint8 `[n, 8 * k]`.
    """
    if not isinstance(keys, np.ndarray):
        known: dict[Hashable, int] = {}
        return np.array(
            [known.setdefault(key, i) for i, key in enumerate(keys)], np.int64
        )
    words = np.ascontiguousarray(keys).view(np.uint64)
    order = np.lexsort(words.T)  # Stable: the first of equals comes first.
    sorted_words = words[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (sorted_words[1:] != sorted_words[:-1]).any(axis=1)
    firsts = np.empty(len(order), np.int64)
    firsts[order] = order[is_new][np.cumsum(is_new) - 1]
    return firsts
