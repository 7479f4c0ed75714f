"""Which patient goes to which split: pure functions over keys."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import hashlib
import itertools
import json

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


def assign_splits(
    examples: Iterable[tuple[str, str]],
    fractions: Mapping[str, float],
    *,
    seed: int = 0,
    earlier: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Assigns every patient to one split, stratified by class.

    Patients are ranked by a keyed hash of their name, apart for each set of
    classes they have images of, and dealt out in that order: until the first
    split has its share of the images, and so on; the rest is for training.
    The outcome depends on the seed and the patients, not on the order of files.

    No function of the patients alone both gives each split its share and moves
    nobody when a patient is added: what it gives one patient would have to be
    independent of all others. So an earlier assignment is an argument: its
    patients stay, and the others are dealt out to what is left of each share.

    Args:
        examples: Iterable of `(patient, label)`, one for each image.
        fractions: Dict of split name to its share of the images, without
            `train`, which takes what is left.
        seed: Integer that chooses among the possible assignments.
        earlier: Dict of patient to split, of an earlier assignment.

    Returns:
        Dict of patient to split name.

    Raises:
        ValueError: If a class has fewer patients than there are splits.
    """
    # One set for all patients of the same classes: a million take 200 MB.
    labels: dict[str, frozenset[str]] = {}
    counts: collections.Counter = collections.Counter()
    shared: dict[frozenset[str], frozenset[str]] = {}
    for patient, label in examples:
        classes = labels.get(patient, frozenset()) | {label}
        labels[patient] = shared.setdefault(classes, classes)
        counts[patient] += 1
    strata = collections.defaultdict(list)
    for patient, classes in labels.items():
        strata[tuple(sorted(classes))].append(patient)
    _check_enough_patients(labels, fractions)
    assignment = {
        patient: split
        for patient, split in (earlier or {}).items()
        if patient in labels
    }
    dealt = {}
    for patients in strata.values():
        patients.sort(key=lambda patient: (_keyed_hash(patient, seed), patient))
        dealt.update(_deal(patients, counts, fractions, assignment))
    assignment.update(dealt)
    _complete(assignment, labels, (*fractions, TRAIN), dealt, seed)
    return assignment


def _deal(patients, counts, fractions, assigned):
    """Deals ranked patients out, and leaves one for each split to come."""
    total = sum(counts[patient] for patient in patients)
    taken: collections.Counter = collections.Counter()
    for patient in patients:
        if patient in assigned:
            taken[assigned[patient]] += counts[patient]
    queue = collections.deque(p for p in patients if p not in assigned)
    dealt = {}
    for split, fraction in fractions.items():
        later = list(fractions)[list(fractions).index(split) + 1 :] + [TRAIN]
        reserved = sum(not taken[other] for other in later)
        while len(queue) > reserved:
            share = counts[queue[0]]
            # A patient is taken if that brings the split nearer to its share.
            if taken[split] and taken[split] + share / 2 > fraction * total:
                break
            dealt[queue.popleft()] = split
            taken[split] += share
    dealt.update((patient, TRAIN) for patient in queue)
    return dealt


def _complete(assignment, labels, splits, dealt, seed):
    """Gives splits the classes that they lack, where others can spare them.

    Sets of classes are dealt out apart: of a few patients, of whom one has
    images of both classes, a split may have got nobody. Whoever was not dealt
    out just now stays, and so do all where each split has each class.
    """
    held = collections.Counter(
        (split, label)
        for patient, split in assignment.items()
        for label in labels[patient]
    )
    classes = {label for _, label in held}
    if all(held[place] for place in itertools.product(splits, classes)):
        return
    ranked = sorted(dealt, key=lambda p: (_keyed_hash(p, seed), p))
    for split, patient in itertools.product(splits, ranked):
        source, own = assignment[patient], labels[patient]
        is_wanted = any(not held[split, label] for label in own)
        if is_wanted and all(held[source, label] > 1 for label in own):
            assignment[patient] = split
            held.update((split, label) for label in own)
            held.subtract((source, label) for label in own)


def fingerprint(members: Iterable[tuple[str, ...]]) -> str:
    """Returns a hexadecimal SHA-256 of who, or what, is in which split.

    Args:
        members: Split and names of each, in any order.
    """
    text = json.dumps(sorted(members))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_patient(key: str) -> str:
    """Returns the hash of a patient key by which an assignment is stored."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _check_enough_patients(labels, fractions):
    patients_of = collections.Counter(
        label for classes in labels.values() for label in classes
    )
    needed = len(fractions) + 1
    for label, number in sorted(patients_of.items()):
        if number < needed:
            raise ValueError(
                f"Class {label!r} must have at least {needed} patients to be "
                f"divided into {', '.join([TRAIN, *fractions])}. Received: "
                f"{number} patients. Add images, or give split folders."
            )


def _keyed_hash(patient, seed):
    return hashlib.blake2b(
        patient.encode(), key=str(seed).encode(), digest_size=16
    ).digest()
