"""Facts and files of a build -> the content of its report."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any
from typing import TYPE_CHECKING

from xray_tfds.curate import split_assignment
from xray_tfds.report import cautions
from xray_tfds.report import distributions

if TYPE_CHECKING:
    from xray_tfds.report import reading

SCHEMA = 1

_NUM_LARGEST = 10
_RULE_KEYS = ("rule", "files", "patients")
_FACTS = ("source", "splits", "options", "versions")
_DATASET_KEYS = ("name", "version", "config", "class_names", "image_shape")
_PART_KEYS = ("group", "auc", "low", "high", "flagged", "verdict", "meaning")
_MEMBER_KEYS = ("filename", "split", "label", "patient", "kept", "thumbnail")


def assemble(
    facts: Mapping[str, Any],
    tally: reading.Tally,
    audit: Mapping[str, Any] | None,
    num_examples: Mapping[str, int],
) -> dict[str, Any]:
    """Returns the content of `report.json` but for its samples, and pictures.

    Args:
        facts: Content of `facts.json`; keys may be missing.
        tally: `reading.Tally` of `files.csv`.
        audit: Content of `audit.json`, or `None`.
        num_examples: Split -> number of examples that its records hold.

    Returns:
        A JSON-compatible dict; its schema stands in the package's docstring,
        and excluded files and members of duplicates have a `thumbnail` besides.
    """
    dataset = facts.get("dataset") or {}
    found = {split for split, _ in tally.kept} | set(num_examples)
    splits = _ordered(split_assignment.SPLITS, found)
    labels = _ordered(
        dataset.get("class_names") or (),
        {label for _, label in tally.kept}
        | {row["label"] for row in tally.excluded},
        keep_known=True,
    )
    source = facts.get("source") or {}
    content = {
        "schema": SCHEMA,
        "dataset": _pick(dataset, _DATASET_KEYS),
        "counts": {
            **_counts(tally, splits, labels),
            "source_files": source.get("num_files", tally.num_rows),
            "ignored_files": source.get("num_ignored"),
        },
        "patients": _patients(facts.get("patients") or {}, tally),
        "exclusions": _exclusions(tally, labels, facts.get("exclusions") or []),
        "ignored": tally.ignored,
        "duplicates": _duplicates(facts.get("duplicates")),
        "leaks": _leaks(facts.get("leaks")),
        "distributions": distributions.summarize(tally.values, labels),
        "containers": _containers(tally),
        "audit": audit,
        **{key: facts.get(key) or {} for key in _FACTS},
        **_pick(facts, ("license", "citation", "homepage")),
    }
    own = cautions.find(
        content["counts"], audit_parts(audit), facts, tally, num_examples
    )
    content["cautions"] = [*(facts.get("cautions") or []), *own]
    return content


def audit_parts(audit: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the parts of an audit, each with all keys that the page shows.

    Args:
        audit: Content of `audit.json`, or `None`.
    """
    return [
        {
            **_pick(part, _PART_KEYS),
            "name": _full_name(part.get("group"), part.get("name") or ""),
        }
        for part in (audit or {}).get("parts") or []
    ]


def _pick(entry, keys):
    """Returns some values of a dict; `None` where it has none."""
    return {key: entry.get(key) for key in keys}


def _full_name(group, name):
    """Says the group before the name, once also if the name does so itself."""
    return f"{group}: " + name.removeprefix(f"{group}: ") if group else name


def _ordered(known, found, *, keep_known=False):
    """Known names in their order, then the others by name."""
    first = [name for name in known if keep_known or name in found]
    return first + sorted(found - set(first))


def _counts(tally, splits, labels):
    people = collections.defaultdict(set)
    for patient, split, label in tally.people:
        for place in ((split, label), (split, None), (None, None)):
            people[place].add(patient)
    cells, totals = [], []
    for split in splits:
        images = sum(tally.kept[split, label] for label in labels)
        totals.append(
            {
                "split": split,
                "images": images,
                "patients": len(people[split, None]),
            }
        )
        cells += [
            {
                "split": split,
                "label": label,
                "images": tally.kept[split, label],
                "patients": len(people[split, label]),
                "share": tally.kept[split, label] / images if images else 0.0,
            }
            for label in labels
        ]
    totals.append(
        {
            "split": None,
            "images": tally.kept.total(),
            "patients": len(people[None, None]),
        }
    )
    return {
        "splits": splits,
        "classes": labels,
        "cells": cells,
        "totals": totals,
    }


def _patients(given, tally):
    images: collections.Counter = collections.Counter()
    for (patient, _, _), number in tally.people.items():
        images[patient] += number
    most_first = sorted(images.items(), key=lambda item: (-item[1], item[0]))
    largest = dict(most_first[:_NUM_LARGEST])
    places: dict = collections.defaultdict(lambda: (set(), set()))
    for patient, split, label in tally.people:
        if patient in largest:
            places[patient][0].add(split)
            places[patient][1].add(label)
    sizes = collections.Counter(images.values())
    return {
        "total": len(images),
        "unmatched": given.get("unmatched"),
        "rules": [
            {**_pick(rule, _RULE_KEYS), "examples": rule.get("examples") or []}
            for rule in given.get("rules") or []
        ],
        "largest": [
            {
                "patient": patient,
                "images": number,
                "splits": sorted(places[patient][0]),
                "labels": sorted(places[patient][1]),
            }
            for patient, number in largest.items()
        ],
        "images_per_patient": [
            {"images": size, "patients": sizes[size]} for size in sorted(sizes)
        ],
    }


def _exclusions(tally, labels, pictured):
    """Counts and lists the excluded; `files.csv` has all of them."""
    pictures = {
        (entry.get("split") or None, entry.get("filename")): entry
        for entry in pictured
    }
    counts = collections.Counter(
        (row["reason"], row["label"]) for row in tally.excluded
    )
    totals = collections.Counter(row["reason"] for row in tally.excluded)
    reasons = sorted(totals, key=lambda reason: (-totals[reason], reason))
    order = {reason: place for place, reason in enumerate(reasons)}
    return {
        "total": len(tally.excluded),
        "reasons": [
            {
                "reason": reason,
                "files": totals[reason],
                "labels": {label: counts[reason, label] for label in labels},
            }
            for reason in reasons
        ],
        "files": [
            {
                **row,
                "thumbnail": pictures.get(
                    (row["split"], row["filename"]), {}
                ).get("thumbnail"),
            }
            for row in sorted(
                tally.excluded,
                key=lambda row: (order[row["reason"]], row["filename"]),
            )
        ],
    }


def _duplicates(groups):
    """Conflicts come first, then the largest groups; `None` stays `None`."""
    if groups is None:
        return None
    groups = [
        {
            "kind": group.get("kind"),
            "conflict": bool(group.get("conflict")),
            "members": [
                _pick(member, _MEMBER_KEYS)
                for member in group.get("members") or []
            ],
        }
        for group in groups
    ]
    groups.sort(
        key=lambda group: (not group["conflict"], -len(group["members"]))
    )
    members = [member for group in groups for member in group["members"]]
    return {
        "groups": len(groups),
        "files": len(members),
        "left_out": sum(member["kept"] is False for member in members),
        "conflicts": sum(group["conflict"] for group in groups),
        "kinds": dict(collections.Counter(group["kind"] for group in groups)),
        "list": groups,
    }


def _leaks(leaks):
    if leaks is None:
        return None
    return [
        {
            **_pick(leak, ("kind", "action")),
            "splits": leak.get("splits") or [],
            "files": leak.get("files") or [],
        }
        for leak in leaks
    ]


def _containers(tally):
    rows: dict = collections.defaultdict(dict)
    for (format_name, mode, label), number in tally.containers.items():
        rows[format_name, mode][label] = number
    return [
        {"format": format_name, "mode": mode, "labels": numbers}
        for (format_name, mode), numbers in sorted(
            rows.items(), key=lambda item: -sum(item[1].values())
        )
    ]
