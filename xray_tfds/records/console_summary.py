"""What a build says on the screen: counts, exclusions and doubts."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xray_tfds.records import manifest
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients

if TYPE_CHECKING:
    from xray_tfds import config as config_lib
    from xray_tfds.curate import curation as curation_lib
    from xray_tfds.curate import findings as findings_lib
    from xray_tfds.source import source_files

# A validation split below this is too small to choose anything by: the 95 %
# interval of an AUC of .95 on 25 + 25 images is about .11 wide (Hanley and
# McNeil 1982).
_MIN_VALIDATION_IMAGES = 50

# Standard deviation of the grey values of a record below which next to nothing
# is to be seen. The flattest of 300 public films have 38.
_MIN_CONTRAST = 5

# What mends that where the folder has a validation split of its own.
_OPTION = """{"validation": "carve"}"""
_CARVE = (
    " Carve a larger one out of the training images, by patient: "
    f"--config='{_OPTION}' for tfds build, --builder_config='{_OPTION}' for"
    " train.py."
)


def find_cautions(
    examined: findings_lib.Findings,
    curation: curation_lib.Curation,
    config: config_lib.XrayConfig,
) -> list[str]:
    """Returns sentences about what makes figures on this dataset doubtful."""
    kept = curation.kept()
    cautions = []
    if curation.leaks:
        leak = curation.leaks[0]
        example = examined.files[leak.members[0]].filename
        done = (
            "were moved to the first of their splits"
            if config.on_leak == "move"
            else "are in two of the given splits. What the model scores on the"
            " second is better than what it will do for new patients"
        )
        cautions.append(
            f"Patients or duplicates in two splits: {len(curation.leaks)}, for"
            f" example {example}. They {done}."
        )
    if curation.conflicts:
        cautions.append(
            f"Groups of duplicates with two labels: {len(curation.conflicts)}."
            " At least one file of each is labelled wrongly."
        )
    if curation.num_moved:
        cautions.append(
            f"Patients who leave the split of an earlier build: "
            f"{curation.num_moved}. Each shares a film with one of another"
            " split. What the earlier records were tested on may now be"
            " trained on."
        )
    chosen = [examined.owned[index] for index in kept]
    if config.patient_pattern:
        cautions += _doubt_pattern(chosen, config.patient_pattern)
    cautions += patient_doubts.find_doubts(chosen)
    cautions += _doubt_grey_scales(examined, kept)
    cautions += _doubt_contrast(examined, kept)
    given = {file.split for file in examined.files if file.split}
    for split in sorted(given - {curation.split[i] for i in kept}):
        cautions.append(
            f"The split {split} of the folder has no image left: all were left"
            " out, or moved to other splits."
        )
    is_given = config.validation == "given" and "validation" in given
    number = sum(curation.split[i] == "validation" for i in kept)
    if number < _MIN_VALIDATION_IMAGES:
        cautions.append(
            f"The validation split has {number} images, too few to choose a"
            f" model by.{_CARVE if is_given else ''}"
        )
    return cautions


def _doubt_pattern(kept, pattern):
    """Returns a sentence if it is of use for no file without a table's row."""
    rules = {each.patient.rule for each in kept}
    if patients.PATTERN_RULE in rules or rules <= {patients.TABLE_RULE}:
        return []
    return [
        "`patient_pattern` finds a patient in the name of no file. "
        f"Received: patient_pattern={pattern}"
    ]


def _doubt_grey_scales(examined, kept):
    """Returns a sentence if films use a part of the grey scale they declare."""
    grey_parts = examined.text("grey_part")
    found = [(grey_parts[i], i) for i in kept if grey_parts[i]]
    if not found:
        return []
    parts = collections.Counter(part for part, _ in found)
    counts = ", ".join(
        f"{part}: {number}" for part, number in sorted(parts.items())
    )
    return [
        f"Grey scale: {len(found)} of {len(kept)} images use a part of the"
        " range that their files declare, for example"
        f" {examined.files[found[0][1]].filename} ({counts})."
        " Each was scaled by that part. Where the parts differ, so does the"
        " brightness: check that they come from detectors of as many bits."
    ]


def _doubt_contrast(examined, kept):
    """Returns a sentence if there are films without contrast."""
    stds = examined.columns["std"]
    flat = [i for i in kept if 0 < stds[i] < _MIN_CONTRAST]
    if not flat:
        return []
    return [
        f"{len(flat)} of {len(kept)} images have next to no contrast (a"
        f" standard deviation below {_MIN_CONTRAST} of 255), for example"
        f" {examined.files[flat[0]].filename}. Look at them: a window that is"
        " not theirs, or single values far above all others, make a film"
        " nearly black or grey.",
    ]


def show(
    source: source_files.Source,
    examined: findings_lib.Findings,
    curation: curation_lib.Curation,
    cautions: Sequence[str],
) -> None:
    """Prints the summary of a build."""
    by_split = collections.defaultdict(list)
    for row in manifest.count(examined.owned, curation):
        by_split[row["split"]].append(row)
    for split, rows in by_split.items():
        counts = ", ".join(f"{row['images']} {row['label']}" for row in rows)
        people = {
            examined.owned[i].patient.key
            for i in curation.kept()
            if curation.split[i] == split
        }
        print(f"{split:>10}: {counts}, of {len(people)} patients")
    if curation.num_earlier:
        print(
            f"{curation.num_earlier} patients stay in the splits of an earlier"
            " build."
        )
    unnamed = sum(
        examined.owned[i].patient.rule == patients.NO_RULE
        for i in curation.kept()
    )
    if unnamed:
        print(
            f"Of {unnamed} of {len(examined)} files no rule knows the patient:"
            " each of these is taken for a patient of its own."
        )
    if source.ignored:
        reasons = collections.Counter(item.reason for item in source.ignored)
        print(f"Not in the dataset: {len(source.ignored)}, see files.csv")
        for reason, number in sorted(reasons.items()):
            example = next(i for i in source.ignored if i.reason == reason)
            print(f"{number:>10} {reason}: {example.filename}")
    _show_exclusions(examined, curation)
    for caution in cautions:
        print(f"CAUTION: {caution}")


def _show_exclusions(examined, curation):
    reasons: collections.Counter = collections.Counter()
    for file, reason in zip(examined.files, curation.reason):
        if reason:
            reasons[reason, file.label] += 1
    if not reasons:
        return
    print(f"Files left out: {reasons.total()} of {len(examined)}")
    for (reason, label), number in sorted(reasons.items()):
        print(f"{number:>10} {label}: {reason}")
