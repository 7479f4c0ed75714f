"""What a build says on the screen: counts, exclusions and doubts."""

import collections

from xray_tfds.records import manifest
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients

# A validation split below this is too small to choose anything by: the 95 %
# interval of an AUC of .95 on 25 + 25 images is about .11 wide (Hanley and
# McNeil 1982).
_MIN_VALIDATION_IMAGES = 50


def find_cautions(findings, curation, config):
    """Returns sentences about what makes figures on this dataset doubtful."""
    kept = curation.kept()
    cautions = []
    if curation.leaks:
        leak = curation.leaks[0]
        example = findings[leak.members[0]].file.filename
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
    cautions += patient_doubts.find_doubts(findings[i] for i in kept)
    number = sum(curation.split[i] == "validation" for i in kept)
    if number < _MIN_VALIDATION_IMAGES:
        cautions.append(
            f"The validation split has {number} images, too few to choose a"
            " model by."
        )
    return cautions


def show(source, findings, curation, cautions):
    """Prints the summary of a build."""
    by_split = collections.defaultdict(list)
    for row in manifest.count(findings, curation):
        by_split[row["split"]].append(row)
    for split, rows in by_split.items():
        counts = ", ".join(f"{row['images']} {row['label']}" for row in rows)
        people = {
            findings[i].patient.key
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
        findings[i].patient.rule == patients.NO_RULE for i in curation.kept()
    )
    if unnamed:
        print(
            f"Of {unnamed} of {len(findings)} files no rule knows the patient:"
            " each of these is taken for a patient of its own."
        )
    if source.ignored:
        reasons = collections.Counter(item.reason for item in source.ignored)
        print(f"Not in the dataset: {len(source.ignored)}, see files.csv")
        for reason, number in sorted(reasons.items()):
            example = next(i for i in source.ignored if i.reason == reason)
            print(f"{number:>10} {reason}: {example.filename}")
    _show_exclusions(findings, curation)
    for caution in cautions:
        print(f"CAUTION: {caution}")


def _show_exclusions(findings, curation):
    reasons: collections.Counter = collections.Counter()
    for finding, reason in zip(findings, curation.reason):
        if reason:
            reasons[reason, finding.file.label] += 1
    if not reasons:
        return
    print(f"Files left out: {reasons.total()} of {len(findings)}")
    for (reason, label), number in sorted(reasons.items()):
        print(f"{number:>10} {label}: {reason}")
