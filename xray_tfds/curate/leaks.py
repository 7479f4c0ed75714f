"""What given splits share: patients, and copies of a film."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import TYPE_CHECKING

from xray_tfds.curate import split_assignment

if TYPE_CHECKING:
    from xray_tfds.curate import duplicates


@dataclasses.dataclass(frozen=True)
class Leak:
    """A "patient", or a "duplicate", in more than one of the given splits."""

    kind: str
    members: tuple[int, ...]
    splits: tuple[str, ...]


def find(
    patients: Mapping[int, str],
    clusters: Sequence[duplicates.Cluster],
    splits: Sequence[str | None],
) -> list[Leak]:
    """Returns what is in several splits, patients first.

    Args:
        patients: Index of a file -> key of its patient.
        clusters: Groups of the same files that show one film.
        splits: The split of each file, by index.
    """
    first_split: dict[str, str | None] = {}
    of_patient: dict[str, list[int]] = {}
    for index, key in patients.items():
        if first_split.setdefault(key, splits[index]) != splits[index]:
            of_patient[key] = []
    for index, key in patients.items():
        if key in of_patient:
            of_patient[key].append(index)
    ordered_keys = dict.fromkeys(
        k for k in patients.values() if k in of_patient
    )
    kinds = [("patient", tuple(of_patient[key])) for key in ordered_keys]
    kinds += [("duplicate", each.members) for each in clusters]
    leaks = []
    for kind, members in kinds:
        found = {splits[i] for i in members}
        if len(found) > 1:
            ordered = (s for s in split_assignment.SPLITS if s in found)
            leaks.append(Leak(kind, members, tuple(ordered)))
    return leaks
