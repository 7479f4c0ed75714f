"""What a build doubts out loud."""

import dataclasses
import hashlib
import pathlib

import pytest

from xray_tfds import config as config_lib
from xray_tfds.curate import curation
from xray_tfds.curate import examine
from xray_tfds.curate import findings
from xray_tfds.records import console_summary
from xray_tfds.source import patients
from xray_tfds.source import source_files


def _examined(name, grey_part="", split=None):
    label = name.split("/")[0]
    digest = hashlib.sha256(name.encode()).hexdigest()
    return examine.ExaminedFile(
        file=source_files.SourceFile(
            pathlib.Path(name), name, label, split, digest
        ),
        patient=patients.Patient(name, "rule"),
        num_bytes=1,
        format="DICOM",
        signature=b"",
        grey_part=grey_part,
    )


def _find_cautions(files, decided, config):
    examined = findings.Findings.of(files)
    return console_summary.find_cautions(examined, decided, config)


@pytest.mark.parametrize("partial", [0, 3])
def test_parts_of_the_grey_scale_are_counted_with_an_example(partial):
    part = "0 to 4095 of 0 to 65535"
    files = [
        _examined(f"{label}/{i}.dcm", part if i < partial else "")
        for label in ("normal", "pneumonia")
        for i in range(20)
    ]
    config = config_lib.XrayConfig(on_duplicate="keep_all")
    decided = curation.Curation(
        split=["train"] * 40, reason=[""] * 40, detail=[""] * 40
    )
    cautions = _find_cautions(files, decided, config)
    found = [c for c in cautions if c.startswith("Grey scale")]
    if not partial:
        assert not found
        return
    (caution,) = found
    assert "6 of 40 images" in caution
    assert f"normal/0.dcm ({part}: 6)" in caution


@pytest.mark.parametrize("std, is_told", [(4.9, True), (5, False), (60, False)])
def test_films_of_next_to_no_contrast_are_told(std, is_told):
    """As of a window 16 times as wide as the values of a film."""
    files = [_examined(f"{c}/0.dcm") for c in ("normal", "pneumonia")]
    files[1] = dataclasses.replace(files[1], std=std)
    config = config_lib.XrayConfig(on_duplicate="keep_all")
    decided = curation.Curation(
        split=["train"] * 2, reason=[""] * 2, detail=[""] * 2
    )
    cautions = _find_cautions(files, decided, config)
    found = [c for c in cautions if "1 of 2 images have next to no" in c]
    assert len(found) == is_told
    assert all("pneumonia/0.dcm" in caution for caution in found)


@pytest.mark.parametrize(
    "split, validation, is_told",
    [
        ("validation", "given", True),
        ("validation", "carve", False),
        ("train", "given", False),
    ],
)
def test_small_given_validation_names_the_flags_that_carve_one(
    split, validation, is_told
):
    files = [_examined(f"normal/{i}.png", split=split) for i in range(10)]
    config = config_lib.XrayConfig(validation=validation)
    decided = curation.Curation(
        split=["validation"] * 9 + [split], reason=[""] * 10, detail=[""] * 10
    )
    (caution,) = _find_cautions(files, decided, config)
    number = decided.split.count("validation")
    assert f"has {number} images, too few to choose a model by." in caution
    for flag in ("--config", "--builder_config"):
        told = f"""{flag}='{{"validation": "carve"}}'"""
        assert (told in caution) == is_told


@pytest.mark.parametrize(
    "pattern, rule, is_doubted",
    [
        ("(?P<patient>p[0-9]+)", patients.NO_RULE, True),
        ("(?P<patient>p[0-9]+)", patients.PATTERN_RULE, False),
        # What a table says comes first.
        ("(?P<patient>p[0-9]+)", patients.TABLE_RULE, False),
        ("", patients.NO_RULE, False),
    ],
)
def test_pattern_that_finds_nobody_is_doubted(pattern, rule, is_doubted):
    file = dataclasses.replace(
        _examined("normal/1.png"), patient=patients.Patient("key", rule)
    )
    config = config_lib.XrayConfig(patient_pattern=pattern)
    decided = curation.Curation(split=["train"], reason=[""], detail=[""])
    cautions = _find_cautions([file], decided, config)
    assert is_doubted == any("`patient_pattern` finds" in c for c in cautions)


@pytest.mark.parametrize("place, is_told", [("test", False), ("train", True)])
def test_given_split_that_vanishes_is_told(place, is_told):
    files = [
        _examined("normal/a.dcm", split="train"),
        _examined("normal/b.dcm", split="test"),
    ]
    decided = curation.Curation(
        split=["train", place], reason=["", ""], detail=["", ""]
    )
    cautions = _find_cautions(
        files, decided, config_lib.XrayConfig(on_leak="move")
    )
    assert any("The split test of" in each for each in cautions) == is_told


def test_patients_who_leave_an_earlier_split_are_told():
    files = [_examined(f"normal/{i}.png") for i in range(60)]
    decided = curation.Curation(
        split=["validation"] * 60, reason=[""] * 60, detail=[""] * 60
    )
    config = config_lib.XrayConfig()
    assert not _find_cautions(files, decided, config)
    decided.num_moved = 2
    (caution,) = _find_cautions(files, decided, config)
    assert "leave the split of an earlier build: 2." in caution
