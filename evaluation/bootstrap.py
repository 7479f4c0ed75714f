"""Resampling of patients: what a figure would be with other patients.

The images of a patient are drawn together: they are not independent, and an
interval that takes them for it is too narrow (arXiv 2603.28320).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import typing as npt

NUM_ROUNDS = 2000

# Of one chunk of weights.
_MAX_BYTES = 2**26


def weight_chunks(
    patients: npt.NDArray[np.str_],
    *,
    num_rounds: int = NUM_ROUNDS,
    seed: int = 0,
) -> Iterator[npt.NDArray[np.float64]]:
    """Draws as many patients as there are, with replacement, in each round.

    Args:
        patients: `[n]`, whose each example is.
        num_rounds: How often to draw.
        seed: Of the draws, which depend on nothing else but the patients.

    Yields:
        `[rounds, n]`, how often each example is in each round; all chunks
        together have `num_rounds` rounds.
    """
    names, clusters = np.unique(patients, return_inverse=True)
    generator = np.random.default_rng(seed)
    shares = np.full(len(names), 1 / len(names))
    rounds = max(1, _MAX_BYTES // (8 * len(patients)))
    for begin in range(0, num_rounds, rounds):
        size = min(rounds, num_rounds - begin)
        draws = generator.multinomial(len(names), shares, size=size)
        yield draws[:, clusters].astype(np.float64)
