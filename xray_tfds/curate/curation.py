"""Which files are kept, and in which split: decided over all examined files.

Pure: from the `findings.Findings` and the options to a `Curation`, or an error
that lists what has to be put right.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping
import dataclasses
import math
from typing import TYPE_CHECKING

from xray_tfds.curate import disjoint_sets
from xray_tfds.curate import duplicates
from xray_tfds.curate import facts as facts_lib
from xray_tfds.curate import file_lists
from xray_tfds.curate import leaks as leaks_lib
from xray_tfds.curate import split_assignment
from xray_tfds.source import errors
from xray_tfds.source import scan

if TYPE_CHECKING:
    from xray_tfds import config as config_lib
    from xray_tfds.curate import findings

# Reasons for which good files are left out.
DUPLICATE = "duplicate"
CONFLICT = "duplicate with another label"


@dataclasses.dataclass
class Curation:
    """What was decided of each examined file, by index.

    Attributes:
        split: Name of the split; of no meaning where a file is left out.
        reason: Why a file is left out; empty where it is kept.
        detail: The same in more words.
        clusters: The `duplicates.Cluster` of good files.
        conflicts: Which of them have files of several labels, by position.
        leaks: What given splits share.
        assignment: Dict of hashed patient to split, of the patients whose
            split was chosen here; empty where all splits were given.
        num_earlier: How many of these an earlier assignment had there.
        num_moved: How many of these it had in another split.
    """

    split: list[str | None]
    reason: list[str]
    detail: list[str]
    clusters: list[duplicates.Cluster] = dataclasses.field(default_factory=list)
    conflicts: set[int] = dataclasses.field(default_factory=set)
    leaks: list[leaks_lib.Leak] = dataclasses.field(default_factory=list)
    assignment: dict[str, str] = dataclasses.field(default_factory=dict)
    num_earlier: int = 0
    num_moved: int = 0

    def exclude(self, index: int, reason: str, detail: str) -> None:
        """Leaves a file out."""
        self.reason[index], self.detail[index] = reason, detail

    def kept(self) -> list[int]:
        """Returns the indices of the files that are kept."""
        return [i for i, reason in enumerate(self.reason) if not reason]


def curate(
    examined: findings.Findings,
    config: config_lib.XrayConfig,
    earlier: Mapping[str, str] | None = None,
) -> Curation:
    """Decides which files are kept, and in which split.

    Args:
        examined: What is known of all files.
        config: `XrayConfig`.
        earlier: Dict of hashed patient to split, of an earlier build.

    Returns:
        A `Curation`.

    Raises:
        SourceError: If the options say to stop at what was found, or if a
            class has too few files or patients left.
    """
    facts = facts_lib.Facts(examined)
    curation = Curation(
        split=[_given_split(split, config) for split in facts.splits],
        reason=list(facts.reasons),
        detail=list(facts.details),
    )
    _check_bad(examined, facts, config)
    good = [i for i, reason in enumerate(facts.reasons) if not reason]
    curation.clusters = facts.find_clusters(good)
    _check_duplicates(examined, facts, curation, config)
    groups = _group(facts, good, curation.clusters)
    given = set(curation.split)
    if None not in given:
        _settle_leaks(examined, facts, curation, groups, config)
    if config.on_duplicate == "keep_one":
        _leave_out_duplicates(examined, facts, curation)
    if not curation.kept():
        raise scan.SourceError(
            "No files are left: all are bad, or duplicates with two labels, for"
            f" example {examined[0].file.filename}: {curation.detail[0]}. Are "
            "two folders of classes copies of one another?"
        )
    needed: set[str | None] = set()
    if split_assignment.VALIDATION not in given:
        needed.update(_divide(facts, curation, groups, config, earlier))
    _check_classes(facts, curation, config, needed.union(curation.split))
    return curation


def _given_split(split, config):
    if config.validation == "carve" and split == split_assignment.VALIDATION:
        return split_assignment.TRAIN
    return split


def _check_bad(examined, facts, config):
    """Raises if there are bad files and they are not wanted, or too many."""
    bad = [i for i, reason in enumerate(facts.reasons) if reason]
    if bad and config.on_bad == "error":
        raise scan.SourceError(
            f"Files that cannot be used: {len(bad)}\n"
            f"{file_lists.list_bad(examined, bad)}\nReplace or remove them.",
            "Or leave them out with on_bad='quarantine': "
            f"{errors.spell_option('on_bad', 'quarantine')}.",
        )
    totals = collections.Counter(facts.labels)
    counts = collections.Counter(facts.labels[i] for i in bad)
    for label, count in counts.items():
        if count / totals[label] > config.max_bad_fraction:
            of_label = [i for i in bad if facts.labels[i] == label]
            enough = math.ceil(100 * count / totals[label]) / 100
            raise scan.SourceError(
                f"{count} of the {totals[label]} files of {label!r} cannot be"
                f" used, more than max_bad_fraction={config.max_bad_fraction}:"
                f"\n{file_lists.list_bad(examined, of_label)}\n"
                "Replace or remove them.",
                "Or raise `max_bad_fraction`: "
                f"{errors.spell_option('max_bad_fraction', enough)}.",
            )


def _check_duplicates(examined, facts, curation, config):
    """Notes conflicts of labels; raises if duplicates are not wanted."""
    for position, cluster in enumerate(curation.clusters):
        if len({facts.labels[i] for i in cluster.members}) > 1:
            curation.conflicts.add(position)
    if curation.clusters and config.on_duplicate == "error":
        raise scan.SourceError(
            f"Groups of duplicates: {len(curation.clusters)}\n"
            + file_lists.join_lines(
                f"{cluster.kind}: {file_lists.names(examined, cluster.members)}"
                for cluster in curation.clusters
            )
            + "\nRemove them.",
            "Or set on_duplicate='keep_one': "
            f"{errors.spell_option('on_duplicate', 'keep_one')}.",
        )


def _group(facts, good, clusters):
    """Returns index -> name of what must stay in one split.

    Patients who share a film are one group: they are one person, or one film
    is filed under a wrong name.
    """
    sets: disjoint_sets.DisjointSets[str] = disjoint_sets.DisjointSets()
    for cluster in clusters:
        first = facts.patients[cluster.members[0]]
        for index in cluster.members[1:]:
            sets.join(first, facts.patients[index])
    return {i: sets.find(facts.patients[i]) for i in good}


def _settle_leaks(examined, facts, curation, groups, config):
    """Finds groups in several given splits, and does as `on_leak` says."""
    curation.leaks = leaks_lib.find(
        {index: facts.patients[index] for index in groups},
        curation.clusters,
        curation.split,
    )
    if curation.leaks and config.on_leak == "error":
        raise scan.SourceError(
            f"{len(curation.leaks)} patients or duplicates are in more than one"
            " of the given splits:\n"
            + file_lists.join_lines(
                f"{leak.kind} in {' and '.join(leak.splits)}: "
                + file_lists.names(examined, leak.members)
                for leak in curation.leaks
            )
            + "\nRemove them from one.",
            "Or set on_leak='move' to move each to the first of its splits, or "
            "on_leak='allow': "
            f"{errors.spell_option('on_leak', 'move')}.",
        )
    if config.on_leak != "move":
        return
    splits_of = collections.defaultdict(set)
    for index, group in groups.items():
        splits_of[group].add(curation.split[index])
    for index, group in groups.items():
        curation.split[index] = _first(splits_of[group])


def _leave_out_duplicates(examined, facts, curation):
    """Keeps the first of each cluster and split; none where labels differ."""
    labels = facts.labels
    for position, cluster in enumerate(curation.clusters):
        if position in curation.conflicts:
            one = cluster.members[0]
            # Searched once: a cluster may have a hundred thousand members.
            other = next(i for i in cluster.members if labels[i] != labels[one])
            for index in cluster.members:
                shown = other if labels[index] == labels[one] else one
                name = examined.files[shown].filename
                curation.exclude(index, CONFLICT, f"{cluster.kind}: {name}")
            continue
        firsts: dict = {}
        for index in cluster.members:
            first = firsts.setdefault(curation.split[index], index)
            if first != index:
                name = examined.files[first].filename
                curation.exclude(index, DUPLICATE, f"{cluster.kind}: {name}")


def _divide(facts, curation, groups, config, earlier):
    """Divides what no given split decides, by patient and class.

    Returns the splits that the earlier assignment has filled. In a small
    folder, one that gets no image is a caution of the build's.
    """
    fractions = {split_assignment.VALIDATION: config.validation_fraction}
    if facts.splits[0] is None:
        fractions[split_assignment.TEST] = config.test_fraction
    undecided = (None, split_assignment.TRAIN)
    divided = [i for i in curation.kept() if curation.split[i] in undecided]
    open_to = (split_assignment.TRAIN, *fractions)  # No test that is given.
    earlier = {p: s for p, s in (earlier or {}).items() if s in open_to}
    hashes = {
        i: split_assignment.hash_patient(facts.patients[i]) for i in divided
    }
    found = collections.defaultdict(set)
    for index in divided:
        if split := earlier.get(hashes[index]):
            found[groups[index]].add(split)
    assignment = split_assignment.assign_splits(
        ((groups[i], facts.labels[i]) for i in divided),
        fractions,
        seed=config.seed,
        earlier={group: _first(splits) for group, splits in found.items()},
    )
    for index in divided:
        split = assignment[groups[index]]
        curation.split[index] = curation.assignment[hashes[index]] = split
    known = earlier.keys() & curation.assignment.keys()
    curation.num_earlier = len(earlier.items() & curation.assignment.items())
    curation.num_moved = len(known) - curation.num_earlier
    return set(earlier.values())


def _check_classes(facts, curation, config, splits):
    """Raises unless each of some splits has files of each class."""
    counts = collections.Counter(
        (curation.split[i], facts.labels[i]) for i in curation.kept()
    )
    for split in filter(splits.__contains__, split_assignment.SPLITS):
        for label in config.class_names:
            if not counts[split, label]:
                raise scan.SourceError(
                    f"No files of the class {label!r} are left for the split"
                    f" {split}: all are bad, duplicates, moved, or kept where "
                    "earlier records have their patients. Add images.",
                    "Or change `on_bad`, `on_duplicate` or `on_leak`.",
                )


def _first(splits):
    return min(splits, key=split_assignment.SPLITS.index)
