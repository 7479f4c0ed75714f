"""What is decided by: a few facts of every file, as lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xray_tfds.curate import duplicates
from xray_tfds.curate import findings as findings_lib


class Facts:
    """Facts of all files, by index. Equal strings are one object.

    Attributes:
        labels: Names of classes.
        splits: The given splits, or `None`.
        patients: Keys of patients.
        reasons: Why no record can be made; empty for a good file.
        details: The same in more words.
    """

    def __init__(self, examined: findings_lib.Findings) -> None:
        """Takes them from columns."""
        self._columns = examined.columns
        self.patients = list(examined.text("patient"))
        self.reasons = _shared(examined.text("reason"))
        self.details = _shared(examined.text("detail"))
        self.labels = [file.label for file in examined.files]
        self.splits = [file.split for file in examined.files]

    def find_clusters(self, good: Sequence[int]) -> list[duplicates.Cluster]:
        """Returns the clusters of some files, by index of all."""
        if len(good) == len(self.labels):
            good_rows: slice | np.ndarray = slice(None)  # Copies nothing.
        else:
            good_rows = np.array(good, np.int64)
        digests = self._columns["digest"][good_rows]
        pixel_digests = self._columns["pixel_digest"][good_rows]
        known = pixel_digests.any(axis=1, keepdims=True)
        clusters = duplicates.find_clusters(
            digests,
            np.where(known, pixel_digests, digests),
            self._columns["signature"][good_rows],
        )
        return [
            duplicates.Cluster(c.kind, tuple(good[m] for m in c.members))
            for c in clusters
        ]


def _shared(texts):
    """Returns a list in which equal strings are one object."""
    known: dict[str, str] = {}
    return [known.setdefault(text, text) for text in texts]
