"""What the report doubts of its own accord: the build cannot know it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xray_tfds.report import reading


def find(
    counts: Mapping[str, Any],
    audit_parts: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    tally: reading.Tally,
    num_examples: Mapping[str, int],
) -> list[str]:
    """Returns sentences about absences, contradictions, and the audit's flags.

    Args:
        counts: As in the schema of `report.json`.
        audit_parts: As `content.audit_parts` returns them.
        facts: Content of `facts.json`.
        tally: Of `files.csv`.
        num_examples: Split -> number of examples that its records hold.
    """
    cautions = [
        f'The split "{cell["split"]}" has no image of class "{cell["label"]}":'
        " nothing can be learnt or measured about that class there."
        for cell in counts["cells"]
        if not cell["images"]
    ]
    said = {
        (count.get("split"), count.get("label")): count.get("images")
        for count in facts.get("counts") or []
        if count.get("images")
    }
    if said and said != dict(tally.kept):
        cautions.append(
            "facts.json and files.csv disagree about the number of images:"
            " one of them was changed after the build. Build again."
        )
    for total in counts["totals"][:-1]:
        held = num_examples.get(total["split"], 0)
        if held != total["images"]:
            cautions.append(
                f'The records of the split "{total["split"]}" hold {held:,}'
                f" examples, and the build kept {total['images']:,} files."
                " Build again."
            )
    return cautions + _flagged(audit_parts)


def _flagged(audit_parts):
    flagged = ", ".join(
        f"{part['name']} (AUC {part['auc']:.2f})"
        for part in audit_parts
        if part["flagged"] and part["auc"] is not None
    )
    if not flagged:
        return []
    return [
        f"The audit flags {flagged}. What that means, and what to do, stands"
        " under Audit."
    ]
