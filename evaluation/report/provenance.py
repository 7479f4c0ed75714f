"""What the report of a build says about the images, whatever it left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXTS = ("license", "citation", "homepage")


def summarize(provenance: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns what the page shows of a build; None where there is no build.

    Args:
        provenance: Content of the build's `report.json` or `facts.json`.

    Returns:
        A dict with these keys, `None` where the build does not say:
        `num_files` and `num_ignored` of the source, `source_fingerprint`,
        `split_fingerprint`, `cells` (list of `split`, `label`, `images`,
        `patients`), `num_excluded` with `reasons` (list of `reason`, `files`),
        `num_duplicates` with `num_left_out`, `num_leaks`, `rules` by which
        patients were known, `options` and `versions` of the build, `license`,
        `citation`, `homepage`.
    """
    if not provenance:
        return None
    source = _dict(provenance.get("source"))
    counts = provenance.get("counts")
    exclusions = _dict(provenance.get("exclusions"))
    duplicates = _dict(provenance.get("duplicates"))
    leaks = provenance.get("leaks")
    return {
        "num_files": source.get("num_files"),
        "num_ignored": source.get("num_ignored"),
        "source_fingerprint": source.get("fingerprint"),
        "split_fingerprint": _dict(provenance.get("splits")).get("fingerprint"),
        # `facts.json` has the list, `report.json` more about it.
        "cells": counts if isinstance(counts, list) else _cells(counts),
        "num_excluded": exclusions.get("total"),
        "reasons": exclusions.get("reasons") or [],
        "num_duplicates": duplicates.get("groups"),
        "num_left_out": duplicates.get("left_out"),
        "num_leaks": len(leaks) if isinstance(leaks, list) else None,
        "rules": _dict(provenance.get("patients")).get("rules") or [],
        "options": _dict(provenance.get("options")),
        "versions": _dict(provenance.get("versions")),
        **{name: provenance.get(name) for name in _TEXTS},
    }


def _cells(counts: Any) -> list[Any]:
    return _dict(counts).get("cells") or []


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
