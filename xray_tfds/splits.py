"""Which patient goes to which split: pure functions over keys."""

import collections
import hashlib

TRAIN, VALIDATION, TEST = "train", "validation", "test"


def assign_splits(examples, fractions, *, seed=0):
    """Assigns every patient to one split, stratified by class.

    Patients are ranked by a keyed hash of their name, apart for each set of
    classes they have images of, and dealt out in that order: until the first
    split has its share of the images, and so on; the rest is for training.
    The outcome depends on the seed and the patients, not on the order of files.

    Args:
        examples: Iterable of `(patient, label)`, one for each image.
        fractions: Dict of split name to its share of the images, without
            `train`, which takes what is left.
        seed: Integer that chooses among the possible assignments.

    Returns:
        Dict of patient to split name.

    Raises:
        ValueError: If a class has fewer patients than there are splits.
    """
    labels = collections.defaultdict(set)
    counts: collections.Counter = collections.Counter()
    for patient, label in examples:
        labels[patient].add(label)
        counts[patient] += 1
    strata = collections.defaultdict(list)
    for patient, classes in labels.items():
        strata[tuple(sorted(classes))].append(patient)
    _check_enough_patients(labels, fractions)
    assignment = {}
    for patients in strata.values():
        patients.sort(key=lambda patient: (_keyed_hash(patient, seed), patient))
        total = sum(counts[patient] for patient in patients)
        assignment.update(_deal(patients, counts, total, fractions))
    return assignment


def _deal(patients, counts, total, fractions):
    """Deals ranked patients out, and leaves one for each split to come."""
    assignment = {}
    queue = collections.deque(patients)
    for index, (split, fraction) in enumerate(fractions.items()):
        taken = 0
        reserved = len(fractions) - index
        while len(queue) > reserved:
            share = counts[queue[0]]
            # A patient is taken if that brings the split nearer to its share.
            if taken and taken + share / 2 > fraction * total:
                break
            assignment[queue.popleft()] = split
            taken += share
    assignment.update((patient, TRAIN) for patient in queue)
    return assignment


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
