"""The assignment of patients to splits."""

import collections

import pytest

from xray_tfds.curate import split_assignment

_FRACTIONS = {"validation": 0.1, "test": 0.1}


def _examples(sizes, label):
    """One example for each image of patients with so many images."""
    return [
        (f"{label}{patient}", label)
        for patient, size in enumerate(sizes)
        for _ in range(size)
    ]


def _counts(examples, assignment):
    return collections.Counter(
        (label, assignment[patient]) for patient, label in examples
    )


def test_assign_splits_is_stratified_within_one_patient():
    examples = _examples([1] * 50 + [5] * 20, "a") + _examples(
        [1, 2, 3] * 90, "b"
    )
    counts = _counts(
        examples, split_assignment.assign_splits(examples, _FRACTIONS)
    )
    for label, total, largest in (("a", 150, 5), ("b", 540, 3)):
        for split, fraction in _FRACTIONS.items():
            assert abs(counts[label, split] - fraction * total) <= largest
        assert counts[label, "train"] >= 0.75 * total


def test_assign_splits_does_not_depend_on_order_but_on_seed():
    examples = _examples([1] * 100, "a")
    first = split_assignment.assign_splits(examples, _FRACTIONS)
    assert split_assignment.assign_splits(examples[::-1], _FRACTIONS) == first
    assert split_assignment.assign_splits(examples, _FRACTIONS, seed=1) != first


@pytest.mark.parametrize(
    "sizes", [[1, 1, 1], [100, 1, 1], [1, 1, 100]], ids=str
)
def test_assign_splits_of_three_patients_gives_each_split_one(sizes):
    examples = _examples(sizes, "a")
    for seed in range(10):
        assignment = split_assignment.assign_splits(
            examples, _FRACTIONS, seed=seed
        )
        assert set(assignment.values()) == {"train", "validation", "test"}


def test_assign_splits_with_too_few_patients_names_the_class():
    examples = _examples([9], "a") + _examples([1] * 9, "b")
    with pytest.raises(ValueError, match="'a' must have at least 3 patients"):
        split_assignment.assign_splits(examples, _FRACTIONS)


def test_assign_splits_keeps_a_patient_of_two_classes_together():
    examples = _examples([1] * 30, "a") + _examples([1] * 30, "b")
    examples += [("both", "a"), ("both", "b")]
    assert (
        split_assignment.assign_splits(examples, _FRACTIONS)["both"] == "train"
    )


_FEW = [("a", "n"), ("b", "n"), ("c", "p"), ("d", "p"), ("x", "n"), ("x", "p")]


def _classes(examples, assignment):
    found = collections.defaultdict(set)
    for patient, label in examples:
        found[assignment[patient]].add(label)
    return dict(found)


@pytest.mark.parametrize("seed", range(20))
def test_patient_of_both_classes_goes_where_nobody_else_is(seed):
    assignment = split_assignment.assign_splits(_FEW, _FRACTIONS, seed=seed)
    assert len(_classes(_FEW, assignment)) == 3
    assert all(c == {"n", "p"} for c in _classes(_FEW, assignment).values())
    # By the patients, not by the order in which they come.
    turned = split_assignment.assign_splits(_FEW[::-1], _FRACTIONS, seed=seed)
    assert turned == assignment
    # Who was there before stays, whatever is missing.
    earlier = {"x": "train"}
    kept = split_assignment.assign_splits(
        _FEW, _FRACTIONS, seed=seed, earlier=earlier
    )
    assert kept["x"] == "train"


def test_splits_of_all_classes_are_dealt_out_as_ever():
    examples = [(f"p{i}", "np"[i % 2]) for i in range(40)]
    examples += [(f"b{i}", label) for i in range(6) for label in "np"]
    assignment = split_assignment.assign_splits(examples, _FRACTIONS)
    # Of the version that dealt out each set of classes, and no more.
    assert split_assignment.fingerprint(assignment.items()) == (
        "12c12eeafba1f5303a3132284e77519cc6ac39d23f3a8a2cf577bb0e6080adf4"
    )
