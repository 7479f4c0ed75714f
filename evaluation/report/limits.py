"""What was not measured, and what no figure of the report can say."""

from __future__ import annotations

from evaluation.report import words

_ALWAYS = (
    "This is no medical device and no clinical study. It must not guide the"
    " treatment of a patient.",
    "Labels are taken as they came with the images. Where they are wrong, so is"
    " every figure here.",
    "Age, sex, scanner, position and illness beside the label are not known"
    " unless a slice names them: how the network does for them was not"
    " measured.",
    "Intervals say what other patients of the same source would change. They do"
    " not say what another hospital would.",
    "A class-activation map shows where a network looked, not why, and not"
    " whether that was right.",
)


def find(results: words.Results) -> list[str]:
    """Returns the limits, those of this evaluation first.

    Args:
        results: The content of `metrics.json`.
    """
    split = results["data"]["split"]
    limits = []
    if split == "validation":
        limits.append(
            "Validation images are those that models and options are chosen by."
            " --split=test --final measures what they cannot."
        )
    if split != "external":
        limits.append(
            "Images from another source were not tried: --images_dir=DIR does."
        )
    for key, text in (
        ("nulls", "Null models were not measured."),
        ("robustness", "Degraded films were not measured."),
        ("shift", "How the images differ from training was not measured."),
        ("slices", "Parts of the set were not measured."),
    ):
        if not results[key]:
            limits.append(text)
    return [*limits, *_ALWAYS]
