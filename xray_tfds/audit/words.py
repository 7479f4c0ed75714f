"""What the figures of an audit mean, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation import separability

# Above this AUC a part is flagged. A convention: chance is .5, and nothing but
# the lungs should add a tenth to it.
FLAG_ABOVE = 0.6

FLAGGED = "FLAGGED"
UNCLEAR = "unclear"
CLEAR = "clear"
SOURCE_ONLY = "not in records"
NOT_MEASURED = "not measured"
VERDICTS = (FLAGGED, UNCLEAR, CLEAR, SOURCE_ONLY, NOT_MEASURED)

# A wider interval is said to be wide.
_WIDE = 0.2

# Group, or name of a part -> what is to be done where it is flagged.
_REMEDIES = {
    "container": (
        "A network is not shown the container but its traces: compression,"
        " sharpness, the shape before the resizing. Build records with the"
        " option harmonize, and audit these."
    ),
    "bytes per pixel": (
        "Compression differs, or, where the quantisation is the same, texture:"
        " busy films take more bytes. Its traces are in the pixels. Build"
        " records with the option harmonize, and audit these."
    ),
    "aspect": (
        "Resizing to one shape leaves it visible, as distortion, and padding"
        " does, as bars: build records with harmonize=crop, and audit these."
    ),
    "border pixels": (
        "There is little lung: markers, collimators, bars or the exposure"
        " differ. Look at the edges of some films of each class; crop them"
        " before building, for example with harmonize=crop."
    ),
    "histogram": (
        "The exposure or its processing differs, or disease brightens the"
        " film: this figure does not say which. Vary brightness and contrast in"
        " training, and test on films of another source."
    ),
    "8x8 thumbnail": (
        "It sees the lungs as 64 blurred squares, so that a part of this may be"
        " disease. It is the AUC to beat: a network that scores no higher has"
        " shown nothing finer than that."
    ),
    "splits": (
        "The splits are of different sources or were treated differently: a"
        " score on the one says less about the other, and a threshold chosen on"
        " the one may not fit it. Report it with the score, or let the build"
        " divide all images by patient."
    ),
    "source files": (
        "The records do not hold it any more; whether traces are left in them"
        " is what the parts on pixels say."
    ),
}


def judge(group: str, estimate: separability.Estimate | None) -> str:
    """Returns one of `VERDICTS`.

    Flagged is an AUC above the line, unless its interval contains chance: then,
    as where only the interval crosses the line, more patients are needed to
    decide. The lower bound need not be above the line: a false alarm costs a
    look at the images, a miss a worthless model.

    Args:
        group: The part's.
        estimate: A `separability.Estimate`, or `None`.
    """
    if estimate is None:
        return NOT_MEASURED
    if estimate.auc > FLAG_ABOVE and estimate.low > 0.5:
        return SOURCE_ONLY if group == "source files" else FLAGGED
    return UNCLEAR if estimate.high > FLAG_ABOVE else CLEAR


def explain(
    group: str, name: str, estimate: separability.Estimate, sides: Sequence[str]
) -> str:
    """Returns the meaning of a measured part, and what to do about it.

    Args:
        group: The part's group.
        name: The part's name.
        estimate: The `separability.Estimate`.
        sides: Names of what is separated, classes or splits.
    """
    if not estimate.num_folds:
        return "It is the same for all images: chance, by construction."
    share = f"{100 * estimate.auc:.1f} %"
    if len(sides) == 2:
        pair = f"an image of {sides[1]} above one of {sides[0]}"
    else:
        pair = "an image of a class above one of another class"
    text = f"By it alone, a simple model ranks {pair} in {share} of all pairs."
    verdict = judge(group, estimate)
    ends = f"from {estimate.low:.2f} to {estimate.high:.2f}"
    if verdict == UNCLEAR and estimate.low > 0.5:
        return (
            f"{text} That is no chance, and with so few patients all {ends} is"
            f" possible: whether it is above {FLAG_ABOVE} is open."
        )
    if verdict == UNCLEAR:
        return (
            f"{text} That may be chance: with so few patients all {ends} is"
            " possible. Take it for open, not for absent."
        )
    if verdict == CLEAR:
        text += " That is chance, or little more."
    else:
        text += " " + _find_remedy(group, name)
    if estimate.high - estimate.low > _WIDE:
        text += f" The interval is wide: with so few patients, {ends}."
    return text


def _find_remedy(group, name):
    if group == "source files":
        return _REMEDIES[group]
    if group == "container" and "aspect" in name:
        return _REMEDIES["aspect"]
    return _REMEDIES.get(name) or _REMEDIES[group]


def summarize(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the sentences that head the audit."""
    names = {
        verdict: [
            f"{part['name']} ({part['auc']:.3f})"
            for part in parts
            if part["verdict"] == verdict and part["auc"] is not None
        ]
        for verdict in VERDICTS
    }
    sentences = []
    of_label = [part["auc"] for part in parts if part["group"] != "splits"]
    is_known = any(auc is not None for auc in of_label)
    if not is_known:
        sentences.append(
            "What gives the label away could not be measured; each part says"
            " why."
        )
    if names[FLAGGED]:
        sentences.append(
            f"Flagged, with an AUC above {FLAG_ABOVE}: "
            f"{', '.join(names[FLAGGED])}."
        )
    elif is_known:
        sentences.append(
            f"Nothing is flagged: no AUC above {FLAG_ABOVE} that is not also"
            " compatible with chance."
        )
    if names[UNCLEAR]:
        sentences.append(
            f"Not settled with so few patients: {', '.join(names[UNCLEAR])}."
        )
    if names[SOURCE_ONLY]:
        sentences.append(
            "Found in the source files, but not in the records: "
            f"{', '.join(names[SOURCE_ONLY])}."
        )
    return sentences


def render_table(parts: Sequence[Mapping[str, Any]]) -> str:
    """Returns the parts as lines of text, 80 columns wide at most."""
    lines = [f"{'':<42}{'AUC':>7}  {'95 % interval':<15}verdict"]
    group = None
    for part in parts:
        if part["group"] != group:
            group = part["group"]
            lines.append(group)
        figures = f"{'-':>7}  {'-':<15}"
        if part["auc"] is not None:
            ends = f"{part['low']:.3f} to {part['high']:.3f}"
            figures = f"{part['auc']:>7.3f}  {ends:<15}"
        name = part["name"].removeprefix(f"{group}: ")
        lines.append(f"  {name:<40}{figures}{part['verdict']}")
    return "\n".join(lines)
