"""Three sentences: what a model reaches, how sure, what speaks against it."""

from __future__ import annotations

from evaluation.report import cautions
from evaluation.report import words

# Conventions: what is not worth a word of the verdict, in AUC. The first is the
# line above which the audit of a build flags a part.
_CHANCE = 0.6
_SMALL_FALL = 0.01


def sentences(results: words.Results) -> list[str]:
    """Returns what it reaches, how sure that is, and what speaks against it.

    Args:
        results: The content of `metrics.json`; the keys `cautions`, `verdict`
            and `claim` are not read.

    Returns:
        Exactly three sentences.
    """
    return [_reaches(results), _how_sure(results), _against(results)]


def _reaches(results: words.Results) -> str:
    data, auc = results["data"], words.model_auc(results)
    model = words.model_name(results)
    subject = model[0].upper() + model[1:]
    images = (
        f"{words.count(data['num_images'], data['split'] + ' image')} of"
        f" {words.count(data['num_patients'], 'patient')}"
    )
    names = words.class_names(results)
    if auc is None:
        text = f"{subject} was tried on {images}, of which no AUC can be had"
    elif words.is_binary(results):
        text = (
            f"{subject} tells {names[1]} from {names[0]} with an AUC of"
            f" {words.with_interval(auc)} on {images}"
        )
    else:
        text = (
            f"{subject} tells {words.join(names)} apart with a mean AUC of"
            f" {words.with_interval(auc)} on {images}"
        )
    return text + _at_threshold(results) + "."


def _at_threshold(results: words.Results) -> str:
    figures, threshold = results["figures"], results["threshold"]
    if threshold is None:
        accuracy = words.find(figures, "accuracy")
        return (
            f", and {_percent(accuracy)} of its decisions are right (accuracy"
            f" {words.with_interval(accuracy)})"
            if accuracy
            else ""
        )
    negative, positive = words.class_names(results)
    rates = [
        f"{verb} {_percent(figure)} of the {name} images"
        f" ({title} {words.with_interval(figure)})"
        for title, verb, name in (
            ("sensitivity", "finds", positive),
            ("specificity", "clears", negative),
        )
        if (figure := words.find(figures, title))
    ]
    if not rates:
        return ""
    return (
        f"; at the threshold {words.number(threshold['value'])} it"
        f" {words.join(rates)}"
    )


def _percent(figure: words.Fig) -> str:
    # With a space that breaks no line.
    return f"{100 * figure['value']:.1f}\u00a0%"


def _headline(results: words.Results) -> tuple[str, ...]:
    if words.is_binary(results):
        return ("auc", "sensitivity", "specificity")
    return ("auc", "accuracy")


def _how_sure(results: words.Results) -> str:
    lows = [
        f"{words.title(name)} {words.number(figure['low'])}"
        for name in _headline(results)
        if (figure := words.find(results["figures"], name))
        and figure["low"] is not None
    ]
    patients = [
        f"{each['num_patients']:,} {each['name']}"
        for each in results["data"]["classes"]
    ]
    known = f"With {words.join(patients)} patients, "
    if lows:
        known += f"the data allow figures as low as {words.join(lows)}"
    else:
        known += "no interval can be given"
    return f"{known}, and {_independence(results)}."


def _independence(results: words.Results) -> str:
    """Says how far the images were out of the model's reach."""
    split, ledger = results["data"]["split"], results["ledger"]
    if split == "validation":
        chosen = words.chosen_on_validation(results)
        if not chosen:
            return (
                "nothing was chosen on these images, unless the options of the"
                " run, or when it ended, were"
            )
        verb = "were" if len(chosen) > 1 else "was"
        return (
            f"since the {words.join(chosen)} {verb} chosen on these very"
            " images, expect less of new ones"
        )
    kind = "test" if split == "test" else "external"
    if ledger is None:
        return f"how often these {kind} images were used before is not recorded"
    if not ledger["intact"]:
        return (
            f"the ledger of these {kind} images does not hold, so that nobody"
            " knows how often they were opened"
        )
    times = "once" if ledger["openings"] == 1 else f"{ledger['openings']} times"
    return (
        f"these {kind} images have been opened {times}, by"
        f" {words.count(ledger['models'], 'model')}"
    )


def _against(results: words.Results) -> str:
    reasons = [
        f"the {each['class']} images can be told from those of training (AUC"
        f" {words.number(each['auc'])} {words.interval(each)})"
        for each in cautions.shifted(results)
    ]
    overlap = results["data"]["overlap"] or {}
    if seen := overlap.get("seen"):
        reasons.append(
            f"the run has seen {words.count(seen, 'image')} of this set before"
        )
    if shared := overlap.get("images"):
        reasons.append(
            f"{words.count(shared, 'image')} may be of patients in training,"
            " whose names they have"
        )
    reasons += _null(results) + _degradation(results)
    if results["data"]["split"] != "external":
        reasons.append("no images from another source were tried")
    if reasons:
        *first, last = [f"because {reason}" for reason in reasons]
        told = "; ".join([*first, f"and {last}"]) if first else last
        return f"Doubt remains {told}."
    if results["nulls"] and results["robustness"]:
        return (
            "Nothing that was measured speaks against it: no null model does"
            " much better than chance, and no degradation lowers the AUC by"
            f" more than {_SMALL_FALL}."
        )
    return (
        "What speaks against it is not known: null models and degraded films"
        " were not both measured."
    )


def _null(results: words.Results) -> list[str]:
    """Says how far a null model comes, if that is further than chance."""
    null = cautions.strongest_null(results)
    if null is None or null["auc"]["value"] <= _CHANCE:
        return []
    text = (
        f"the null model {null['name']} alone reaches an AUC of"
        f" {words.number(null['auc']['value'])}"
    )
    difference = null["difference"]
    if difference and difference["value"] is not None:
        text += f" (the network adds {words.with_interval(difference)})"
    return [text]


def _degradation(results: words.Results) -> list[str]:
    """Says how far degradations lower the AUC, and a rate where that holds."""
    worst, auc = cautions.worst_degradation(results), words.model_auc(results)
    if worst is None or auc is None:
        return []
    reasons = []
    fall = auc["value"] - worst["auc"]["value"]
    if fall > _SMALL_FALL:
        reasons.append(
            f"degraded films ({worst['name']}) lower the AUC to"
            f" {words.number(worst['auc']['value'])}"
        )
    if fall <= cautions.COLLAPSE:
        # Else it follows from that, as in the cautions.
        reasons += filter(None, [cautions.find_fallen_rate(results)])
    return reasons
