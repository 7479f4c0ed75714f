"""What the files of `build_report/` hold, as `disk.json_shapes` has it."""

from __future__ import annotations

from typing import Any

from disk import json_shapes

_MEMBER = {
    **dict.fromkeys(
        ("filename", "split", "label", "patient", "thumbnail"), str
    ),
    "kept": bool,
}
_CELL = {"split": str, "label": str, "images": int, "patients": int}
_RULE = {"rule": str, "files": int, "patients": int, "examples": [str]}
_EXCLUSION = dict.fromkeys(
    ("filename", "split", "label", "reason", "detail", "thumbnail"), str
)

# What both `facts.json` and `report.json` say alike.
_BUILD: dict[str, Any] = {
    "dataset": {
        **dict.fromkeys(("name", "version", "config"), str),
        "class_names": [str],
        "image_shape": [int],
    },
    "source": {"fingerprint": str, "num_files": int, "num_ignored": int},
    "patients": {"total": int, "unmatched": int, "rules": [_RULE]},
    "splits": {"fingerprint": str},
    "leaks": [
        {"kind": str, "splits": [str], "files": [str], "action": str},
    ],
    "cautions": [str],
    "options": {},
    "versions": {},
    **dict.fromkeys(("license", "citation", "homepage"), str),
}

FACTS: dict[str, Any] = {
    **_BUILD,
    "counts": [_CELL],
    "exclusions": [_EXCLUSION],
    "duplicates": [{"kind": str, "conflict": bool, "members": [_MEMBER]}],
}

REPORT: dict[str, Any] = {
    **_BUILD,
    "counts": {"cells": [_CELL]},
    "exclusions": {"total": int, "reasons": [{"reason": str, "files": int}]},
    "duplicates": {"groups": int, "left_out": int},
}

AUDIT: dict[str, Any] = {
    "summary": [str],
    "flag_above": json_shapes.NUMBER,
    "parts": [
        {
            **dict.fromkeys(("group", "name", "verdict", "meaning"), str),
            **dict.fromkeys(("auc", "low", "high"), json_shapes.NUMBER),
            "flagged": bool,
        }
    ],
}
