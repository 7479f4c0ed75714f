"""What a set shares with the training of a run, as far as names and files tell.

Nothing is taken for apart that nobody could have compared: a patient whom no
rule knows, or whose name is hashed here and is not there.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import numpy as np
from numpy import typing as npt

from inference import records
from xray_tfds.source import patients as patients_lib


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Keys of the images of a set that a run knows something of.

    Attributes:
        seen: Of those that its training or validation holds, and where, as a
            sentence.
        shared: Of those whose patient has the name of one in training.
        unknown: Of those whose patient cannot be compared with these.
    """

    seen: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def as_json(
        self, keys: npt.NDArray[np.str_], patients: npt.NDArray[np.str_]
    ) -> dict[str, int]:
        """Returns `overlap` of `metrics.json`.

        Args:
            keys: str `[n]`, of the set.
            patients: str `[n]`.
        """
        shared = np.isin(keys, sorted(self.shared))
        return {
            "seen": len(self.seen),
            "images": len(self.shared),
            "patients": len(np.unique(patients[shared])),
            "unknown": len(self.unknown),
        }


def union(overlaps: Iterable[Overlap]) -> Overlap:
    """Returns what any of several runs knows of a set."""
    seen: dict[str, str] = {}
    shared: set[str] = set()
    unknown: set[str] = set()
    for each in overlaps:
        seen = {**each.seen, **seen}
        shared |= each.shared
        unknown |= each.unknown
    return Overlap(seen, frozenset(shared), frozenset(unknown - shared))


def find(
    keys: npt.NDArray[np.str_],
    patients: npt.NDArray[np.str_],
    rows: Mapping[str, records.Row],
    own_rows: Sequence[records.Row],
    *,
    seen_in: Collection[str],
    same_hash_key: bool = True,
) -> Overlap:
    """Looks a set up in what the build of a run's records has listed.

    Args:
        keys: str `[n]`, of the set.
        patients: str `[n]`.
        rows: By key, what the set's build says of its files.
        own_rows: All rows of the run's records; none where no build of
            `xray_tfds` has made them.
        seen_in: Which of the run's splits it has seen.
        same_hash_key: Whether equal patients have equal hashes.
    """
    known = {row["patient"] for row in own_rows if row["split"] == "train"}
    if not same_hash_key:
        known = {p for p in known if patients_lib.kind_of(p) != "hash"}
    comparable = {"name", "hash"} & set(map(patients_lib.kind_of, known))
    pairs = list(zip(keys.tolist(), patients.tolist()))
    shared = {key for key, patient in pairs if patient in known}
    digests = {
        row["digest"]: f"{row['split']} split ({row['filename']})"
        for row in own_rows
        if row["split"] in seen_in and row["digest"]
    }
    return Overlap(
        seen={
            key: f"The file is in the run's {digests[rows[key]['digest']]}."
            for key, _ in pairs
            if key in rows and rows[key]["digest"] in digests
        },
        shared=frozenset(shared),
        unknown=frozenset(
            key
            for key, patient in pairs
            if key not in shared
            and patients_lib.kind_of(patient) not in comparable
        ),
    )
