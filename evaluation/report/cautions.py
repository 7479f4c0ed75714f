"""What a reader has to know before the figures: each doubt as a sentence."""

from __future__ import annotations

import math

from evaluation.report import words

# Above this AUC a set differs from the training images enough to say so first.
SHIFT_ABOVE = 0.7

# Fewer patients of a class make a validation unreliable: Collins, Ogundimu and
# Altman, Statistics in Medicine 35(2), 2016 ask for 100 with and 100 without.
MIN_PATIENTS = 100

# Conventions: what a reader would want to be told of.
LITTLE_GAIN = 0.02  # in AUC, of the network over a null model
COLLAPSE = 0.1  # of AUC, under a degradation
RATE_COLLAPSE = 0.2  # of sensitivity or specificity
MISCALIBRATED = 0.05
WIDE = 0.1  # interval of AUC
WIDE_RATE = 0.2  # interval of sensitivity or specificity

# An export rounds otherwise than its run, and a threshold with its scores.
ROUNDED_OTHERWISE = 1e-3


def find(results: words.Results) -> list[str]:
    """Returns the doubts, the gravest kind first.

    Args:
        results: The content of `metrics.json`; the keys that depend on this
            list (`cautions`, `verdict`, `claim`) are not read.

    Returns:
        Sentences, none where there is no doubt. A shift of a class comes first.
    """
    parts = (
        _shift,
        _openings,
        _export,
        _overlap,
        _overlap_of_other,
        _missing,
        _few_patients,
        _nulls,
    )
    later = (_robustness, _calibration, _wide)
    return [text for part in (*parts, *later) for text in part(results)]


def shifted(results: words.Results) -> list[words.Fig]:
    """Returns the entries of `shift` above the line."""
    return [
        each
        for each in results["shift"] or ()
        if each["auc"] is not None and each["auc"] > SHIFT_ABOVE
    ]


def strongest_null(results: words.Results) -> words.Fig | None:
    """Returns the null model of the highest AUC that has one."""
    known = [
        each
        for each in results["nulls"] or ()
        if each["auc"] and each["auc"]["value"] is not None
    ]
    return max(known, key=lambda each: each["auc"]["value"], default=None)


def worst_degradation(results: words.Results) -> words.Fig | None:
    """Returns the row of the degradation that is the worst for the AUC."""
    robustness = results["robustness"] or {}
    name = (robustness.get("worst") or {}).get("name")
    rows: list[words.Fig] = robustness.get("rows") or []
    for row in rows:
        if row["name"] == name and row["auc"]["value"] is not None:
            return row
    return None


def find_fallen_rate(results: words.Results) -> str:
    """Returns which rate of the decisions a degradation lowers most, if far.

    The order of the images may hold where they do not.
    """
    is_binary = words.is_binary(results)
    falls = []
    for name in words.RATES if is_binary else ("accuracy",):
        figure = words.find(results["figures"], name)
        for row in (results["robustness"] or {}).get("rows") or ():
            rate = (row.get(name) or {}).get("value")
            if figure is not None and rate is not None:
                falls.append((figure["value"] - rate, name, row["name"], rate))
    fall, name, degradation, rate = max(falls, default=(0.0, "", "", 0.0))
    if fall <= RATE_COLLAPSE:
        return ""
    return (
        f"{'at the same threshold, ' if is_binary else ''}degraded films"
        f" ({degradation}) lower the {name} by {words.number(fall)}, to"
        f" {words.number(rate)}"
    )


def _shift(results: words.Results) -> list[str]:
    return [
        f"Within the class {each['class']} a simple model tells these images"
        f" from those of training with an AUC of {words.number(each['auc'])}"
        f" {words.interval(each)} (flagged above {SHIFT_ABOVE}): they"
        f" {'are' if each['low'] > 0.5 else 'may be'} of another kind, and a"
        " threshold chosen before may not fit them."
        for each in shifted(results)
    ]


def _openings(results: words.Results) -> list[str]:
    ledger = results["ledger"]
    if ledger is None:
        return []
    found = []
    if not ledger["intact"]:
        problem = (ledger["problem"] or "its chain is broken").rstrip(".")
        found.append(
            f"The ledger of this set has been tampered with ({problem}): how"
            " often it was opened is not known."
        )
    if ledger["openings"] > 1:
        found.append(
            f"This set has been opened {ledger['openings']} times, by"
            f" {words.count(ledger['models'], 'model')}: whoever chooses among"
            " models by it reports the luckiest of them."
        )
    return found


def _export(results: words.Results) -> list[str]:
    export = results["model"]["runs"][0].get("export")
    threshold = results["threshold"]
    if not export:
        return []
    found = []
    own = export["threshold"]
    if (
        threshold
        and own is not None
        and not math.isclose(threshold["value"], own, rel_tol=ROUNDED_OTHERWISE)
    ):
        found.append(
            f"The export itself decides from {own:.4g} on, not from"
            f" {threshold['value']:.4g}, for which the figures here are."
        )
    if "calibrate" in results["flags"]:
        calibrate = results["flags"]["calibrate"]
        are = "are not" if calibrate == "none" else "are"
        found.append(
            f"Probabilities {are} calibrated for this report alone, as"
            f" --calibrate={calibrate} says. The export has a temperature of"
            " its own, or none."
        )
    return found


def _overlap(results: words.Results) -> list[str]:
    overlap = results["data"]["overlap"] or {}
    number = results["data"]["num_images"]
    found = []
    if overlap.get("seen"):
        found.append(
            f"The run has seen {overlap['seen']:,} of these {number:,} images,"
            " or copies of them, in training or validation: on them a network"
            " scores better than on new ones."
        )
    if overlap.get("patients"):
        found.append(
            f"{overlap['images']:,} of these {number:,} images are of patients"
            " with the names of patients in training. If these are the same"
            " people, the figures are too good."
        )
    if overlap.get("unknown"):
        found.append(
            f"Of {overlap['unknown']:,} of these {number:,} images nobody knows"
            " whether their patients are in training: no rule tells who they"
            " are, or training names its patients in another way."
        )
    return found


def _overlap_of_other(results: words.Results) -> list[str]:
    """Says what the model that is compared with knows of these images."""
    overlap = (results["comparison"] or {}).get("overlap") or {}
    if not overlap.get("seen") and not overlap.get("images"):
        return []
    return [
        f"The model compared with has seen {overlap['seen']:,} of these images,"
        f" and {overlap['images']:,} are of patients with the names of patients"
        " in its training: the comparison favours it there."
    ]


def _missing(results: words.Results) -> list[str]:
    return [
        f"There is no image of the class {each['name']}: nothing can be said"
        " about it."
        for each in results["data"]["classes"]
        if not each["num_images"]
    ]


def _few_patients(results: words.Results) -> list[str]:
    few = [
        f"{each['num_patients']} of {each['name']}"
        for each in results["data"]["classes"]
        if 0 < each["num_patients"] < MIN_PATIENTS
    ]
    if not few:
        return []
    return [
        f"Few patients: {words.join(few)}. Figures of fewer than {MIN_PATIENTS}"
        " of a class are imprecise."
    ]


def _nulls(results: words.Results) -> list[str]:
    null = strongest_null(results)
    if null is None or not null["difference"]:
        return []
    difference = null["difference"]
    if difference["value"] is None:
        return []
    reached = (
        f"{null['name']} alone reaches an AUC of"
        f" {words.number(null['auc']['value'])}"
    )
    gain = words.with_interval(difference)
    if difference["low"] is not None and difference["low"] <= 0:
        said = "it is not shown that the network is better"
        if difference["high"] < 0:
            said = "the network is worse"
        return [f"The null model {reached}: {said} (difference {gain})."]
    if difference["value"] < LITTLE_GAIN:
        return [
            f"The null model {reached}: the network adds little (difference"
            f" {gain})."
        ]
    return []


def _robustness(results: words.Results) -> list[str]:
    worst, auc = worst_degradation(results), words.model_auc(results)
    if worst is None:
        return []
    fallen = worst["auc"]["value"]
    if auc is not None and auc["value"] - fallen > COLLAPSE:
        return [
            f"Degraded films ({worst['name']}) lower the AUC from"
            f" {words.number(auc['value'])} to {words.number(fallen)}."
        ]
    fallen_rate = find_fallen_rate(results)
    if not fallen_rate:
        return []
    return [f"{fallen_rate[0].upper()}{fallen_rate[1:]}."]


def _calibration(results: words.Results) -> list[str]:
    calibration = results["calibration"]
    if calibration is None:
        return []
    state = calibration["after"] or calibration["before"]
    error = state and state["calibration_error"]
    if not error or error["value"] is None or error["value"] <= MISCALIBRATED:
        return []
    advice = (
        " --calibrate=temperature may mend it."
        if calibration["method"] == "none"
        else ""
    )
    are = "may not be" if error["low"] == 0 else "are not"
    return [
        f"The probabilities {are} calibrated (error"
        f" {words.with_interval(error)}): read them as an order, not as"
        f" frequencies.{advice}"
    ]


def _wide(results: words.Results) -> list[str]:
    wide = [
        f"{words.title(name)} {words.with_interval(figure)}"
        for name, width in (
            ("auc", WIDE),
            ("sensitivity", WIDE_RATE),
            ("specificity", WIDE_RATE),
        )
        if (figure := words.find(results["figures"], name))
        and figure["low"] is not None
        and figure["high"] is not None
        and figure["high"] - figure["low"] > width
    ]
    return [f"Wide intervals: {words.join(wide)}."] if wide else []
