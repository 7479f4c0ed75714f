"""What is decided by: a few facts of every file, as lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xray_tfds.curate import duplicates
from xray_tfds.curate import examine
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

    def __init__(self, examined: Sequence[examine.ExaminedFile]) -> None:
        """Takes them from columns, which is faster, or from objects."""
        self._examined = examined
        if isinstance(examined, findings_lib.Findings):
            files = examined.files
            self.patients = list(examined.text("patient"))
            self.reasons = _shared(examined.text("reason"))
            self.details = _shared(examined.text("detail"))
        else:
            files = [each.file for each in examined]
            self.patients = [each.patient.key for each in examined]
            self.reasons = [each.reason for each in examined]
            self.details = [each.detail for each in examined]
        self.labels = [file.label for file in files]
        self.splits = [file.split for file in files]

    def find_clusters(self, good: Sequence[int]) -> list[duplicates.Cluster]:
        """Returns the clusters of some files, by index of all."""
        if isinstance(self._examined, findings_lib.Findings):
            columns = self._examined.columns
            if len(good) == len(self.labels):
                good_rows: slice | np.ndarray = slice(None)  # Copies nothing.
            else:
                good_rows = np.array(good, np.int64)
            digests = columns["digest"][good_rows]
            pixel_digests = columns["pixel_digest"][good_rows]
            known = pixel_digests.any(axis=1, keepdims=True)
            clusters = duplicates.find_clusters(
                digests,
                np.where(known, pixel_digests, digests),
                columns["signature"][good_rows],
            )
        else:
            files = [self._examined[i] for i in good]
            clusters = duplicates.find_clusters(
                [each.file.digest for each in files],
                [each.pixel_digest or each.file.digest for each in files],
                [each.signature for each in files],
            )
        return [
            duplicates.Cluster(c.kind, tuple(good[m] for m in c.members))
            for c in clusters
        ]


def _shared(texts):
    """Returns a list in which equal strings are one object."""
    known: dict[str, str] = {}
    return [known.setdefault(text, text) for text in texts]
