"""What is kept and where: patients, duplicates and leaks over all files."""

import hashlib
import re

from PIL import Image
import numpy as np
import pytest

from xray_tfds import config as config_lib
from xray_tfds.curate import curation
from xray_tfds.curate import duplicates
from xray_tfds.curate import examine
from xray_tfds.curate import facts as facts_lib
from xray_tfds.curate import findings
from xray_tfds.curate import split_assignment
from xray_tfds.source import patients
from xray_tfds.source import scan
from xray_tfds.source import source_files


def _examined(name, *, split=None, patient=None, film=None, reason=""):
    """An examined file; equal `film`s are byte-identical."""
    label = name.split("/")[0]
    digest = hashlib.sha256((film or name).encode()).hexdigest()
    generator = np.random.default_rng(int(digest, 16))
    pixels = generator.integers(0, 256, (8, 8), np.uint8)
    image = Image.fromarray(pixels).resize((64, 64))
    return examine.ExaminedFile(
        file=source_files.SourceFile(name, name, label, split, digest),
        patient=patients.Patient(patient or name, "names"),
        num_bytes=1,
        reason=reason,
        format="" if reason else "PNG",
        pixel_digest=digest,
        signature=duplicates.signature(image),
    )


def _flat(per_class=20):
    return [
        _examined(f"{label}/{i}.png")
        for label in ("normal", "pneumonia")
        for i in range(per_class)
    ]


def _given(*extra):
    """Files of given splits, and some more."""
    return [
        _examined(f"{label}/{split}{i}.png", split=split)
        for split in ("train", "validation", "test")
        for label in ("normal", "pneumonia")
        for i in range(3)
    ] + list(extra)


def _curate(examined, earlier=None, **options):
    config = config_lib.XrayConfig(**options)
    return curation.curate(findings.Findings.of(examined), config, earlier)


def test_one_of_each_group_of_duplicates_is_kept():
    examined = _flat() + [
        _examined("normal/copy.png", film="normal/3.png"),
        _examined("normal/other copy.png", film="normal/3.png"),
    ]
    result = _curate(examined)
    assert [i for i, reason in enumerate(result.reason) if reason] == [40, 41]
    assert result.reason[40] == curation.DUPLICATE
    assert result.detail[40] == "bytes: normal/3.png"
    assert result.clusters == [duplicates.Cluster("bytes", (3, 40, 41))]


def test_duplicates_that_are_kept_stay_in_one_split_with_all_their_patients():
    pairs = [(f"normal/{i}.png", f"normal/c{i}.png") for i in range(20)]
    examined = _flat()
    for original, copy in pairs:
        examined.append(_examined(copy, film=original, patient=f"p{copy}"))
        examined.append(_examined(copy + "2.png", patient=f"p{copy}"))
    result = _curate(examined, on_duplicate="keep_all")
    assert result.kept() == list(range(len(examined)))
    by_name = {f.file.filename: i for i, f in enumerate(examined)}
    for original, copy in pairs:
        together = {
            result.split[by_name[name]]
            for name in (original, copy, copy + "2.png")
        }
        assert len(together) == 1


def test_duplicates_of_two_labels_are_all_left_out_and_noted():
    examined = _flat() + [_examined("pneumonia/x.png", film="normal/0.png")]
    result = _curate(examined)
    assert result.conflicts == {0}
    assert result.reason[0] == result.reason[40] == curation.CONFLICT
    told = ["bytes: pneumonia/x.png", "bytes: normal/0.png"]
    assert result.detail[::40] == told
    assert _curate(examined, on_duplicate="keep_all").conflicts == {0}


def test_duplicates_are_an_error_where_asked_for():
    examined = _flat() + [_examined("normal/x.png", film="normal/0.png")]
    with pytest.raises(scan.SourceError, match="bytes: normal/0.*normal/x"):
        _curate(examined, on_duplicate="error")


@pytest.mark.parametrize(
    "shared, kind", [("patient", "patient"), ("film", "duplicate")]
)
def test_leak_between_given_splits(shared, kind):
    leak = {"split": "train", shared: "normal/test0.png"}
    examined = _given(_examined("normal/leak.png", **leak))
    told = rf"{kind} in train and test: .*leak\.png"
    with pytest.raises(scan.SourceError, match=told):
        _curate(examined)
    moved = _curate(examined, on_leak="move", on_duplicate="keep_all")
    test0 = [f.file.filename for f in examined].index("normal/test0.png")
    assert moved.split[test0] == moved.split[-1] == "train"
    assert [leak.kind for leak in moved.leaks] == [kind]
    allowed = _curate(examined, on_leak="allow")
    assert allowed.split[test0] == "test" and allowed.split[-1] == "train"
    assert not allowed.reason[test0] and not allowed.reason[-1]


def test_bad_files_are_left_out_up_to_a_share_of_their_class():
    examined = _flat(19) + [_examined("normal/bad.png", reason="empty")]
    result = _curate(examined)
    assert result.reason[-1] == "empty" and result.kept() == list(range(38))
    with pytest.raises(scan.SourceError, match="bad.png: empty"):
        _curate(examined, on_bad="error")
    examined.append(_examined("normal/bad2.png", reason="truncated"))
    with pytest.raises(scan.SourceError, match="2 of the 21 files"):
        _curate(examined)
    assert _curate(examined, max_bad_fraction=0.1).reason[-1] == "truncated"


def test_fraction_of_bad_files_that_is_advised_is_enough():
    config = config_lib.XrayConfig()
    good, bad = _examined("a/0.png"), _examined("a/1.png", reason="empty")
    for total in range(1, 201):
        for count in {1, 29 * total // 100, 57 * total // 100, total} - {0}:
            files = [bad] * count + [good] * (total - count)
            facts = facts_lib.Facts(findings.Findings.of(files))
            config.max_bad_fraction = 0
            with pytest.raises(scan.SourceError) as info:
                curation._check_bad(files, facts, config)
            advised = re.search(r": ([\d.]+)}", info.value.remedy)[1]
            config.max_bad_fraction = float(advised)
            curation._check_bad(files, facts, config)


@pytest.mark.parametrize(
    "option, extra",
    [
        ({"on_bad": "error"}, {"reason": "empty"}),
        ({"max_bad_fraction": 0}, {"reason": "empty"}),
        ({"on_duplicate": "error"}, {"film": "normal/train0.png"}),
        ({"on_leak": "error"}, {"patient": "normal/test0.png"}),
    ],
)
def test_flags_are_the_remedy_and_no_part_of_the_problem(option, extra):
    examined = _given(_examined("normal/x.png", split="train", **extra))
    with pytest.raises(scan.SourceError) as info:
        _curate(examined, **option)
    (name,) = option
    assert f'--builder_config=\'{{"{name}": ' in info.value.remedy
    assert "--" not in info.value.problem
    assert "emove them" in info.value.problem


def test_earlier_test_split_holds_nobody_whom_the_folder_trains_on():
    flat = _flat(40)
    earlier = _curate(flat).assignment
    given = [
        _examined(e.file.filename, split="test" if i % 2 else "train")
        for i, e in enumerate(flat)
    ]
    result = _curate(given, earlier)
    for file, split in zip(given, result.split):
        assert (split == "test") == (file.file.split == "test")
    stayed = {
        patient: split
        for patient, split in earlier.items()
        if split != "test" and patient in result.assignment
    }
    assert stayed.items() <= result.assignment.items()
    assert result.num_earlier == len(stayed) > 20


def test_class_that_loses_all_its_files_is_named():
    examined = [
        f
        for f in _given()
        if (f.file.split, f.file.label) != ("test", "normal")
    ]
    examined.append(_examined("normal/x.png", split="test", patient="p"))
    examined.append(_examined("normal/y.png", split="train", patient="p"))
    with pytest.raises(scan.SourceError, match="'normal' .* split test"):
        _curate(examined, on_leak="move")


def test_earlier_assignment_is_kept_and_new_patients_fill_the_shares():
    first = _curate(_flat(20), validation_fraction=0.2, test_fraction=0.2)
    second = _curate(
        _flat(40), first.assignment, validation_fraction=0.2, test_fraction=0.2
    )
    assert first.assignment.items() <= second.assignment.items()
    assert second.num_earlier == 40
    for label in range(2):
        of_class = second.split[label * 40 : label * 40 + 40]
        assert abs(of_class.count("validation") - 8) <= 1
        assert abs(of_class.count("test") - 8) <= 1


def test_patients_whom_a_new_film_brings_together_are_counted_as_moved():
    first = _curate(_flat()).assignment
    names = [f.file.filename for f in _flat()]
    hashed = {n: split_assignment.hash_patient(n) for n in names}
    of_split = {first[patient]: name for name, patient in hashed.items()}
    added = [
        _examined(f"{name}.png", film=name, patient="new")
        for name in (of_split["train"], of_split["test"])
    ]
    result = _curate(_flat() + added, first, on_duplicate="keep_all")
    assert result.assignment[hashed[of_split["test"]]] == "train"
    assert (result.num_earlier, result.num_moved) == (39, 1)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_split_all_of_whose_patients_are_gone_is_named(split):
    first = _curate(_flat())
    left = [f for f, s in zip(_flat(), first.split) if s != split]
    with pytest.raises(scan.SourceError, match=f"left for the split {split}"):
        _curate(left, first.assignment)


def test_small_folder_may_have_had_no_validation():
    # Three patients of each class, one of both, who was left in training once.
    owners = zip(_flat(5), "aabbeecccd")
    films = [_examined(f.file.filename, patient=owner) for f, owner in owners]
    now = _curate(films).assignment
    old = {p: "test" if s == "test" else "train" for p, s in now.items()}
    assert {*_curate(films, old).split} == {"train", "test"} < {*now.values()}


def test_result_does_not_depend_on_the_order_of_the_files():
    one, other = _curate(_flat()), _curate(_flat()[::-1])
    assert one.split == other.split[::-1]


def _official():
    """As the public data set as most have it: 2 images for validation."""
    return [
        _examined(f"{label}/{split}{i}.png", split=split)
        for split, number in (("train", 20), ("validation", 1), ("test", 3))
        for label in ("normal", "pneumonia")
        for i in range(number)
    ]


def test_validation_is_carved_out_of_train_and_the_given_one():
    examined = _official() + [
        # A patient and a film in both, which is a leak where both stay.
        _examined(
            "normal/v.png", split="validation", patient="normal/train0.png"
        ),
        _examined(
            "pneumonia/w.png", split="validation", film="pneumonia/train1.png"
        ),
    ]
    with pytest.raises(scan.SourceError, match="more than one of the given"):
        _curate(examined)
    decided = _curate(examined, validation="carve")
    assert not decided.leaks
    splits_of = {}
    for index in decided.kept():
        splits_of.setdefault(examined[index].patient.key, set()).add(
            decided.split[index]
        )
    assert all(len(splits) == 1 for splits in splits_of.values())
    kept = [decided.split[i] for i in decided.kept()]
    assert kept.count("test") == 6
    assert kept.count("validation") in range(4, 7)
    assert (
        len(kept) == len(examined) - 1
    )  # But for the film that is there twice.
    # They are dealt out like any others: with another seed, to train.
    given = [i for i, e in enumerate(examined) if e.file.split == "validation"]
    assert "train" in {decided.split[i] for i in given}


def test_carving_finds_leaks_into_test_all_the_same():
    examined = _official() + [
        _examined(
            "normal/v.png", split="validation", patient="normal/test0.png"
        )
    ]
    with pytest.raises(scan.SourceError, match="train and test"):
        _curate(examined, validation="carve")
