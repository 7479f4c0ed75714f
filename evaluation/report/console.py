"""What an evaluation prints: its report in a few lines, 80 columns at most."""

from __future__ import annotations

import os
import textwrap

from evaluation.report import cautions
from evaluation.report import words

_WIDTH = 80
_NAME = 36  # columns of a name

_HEADLINE = (
    *("auc", "accuracy", "balanced_accuracy", "sensitivity", "specificity"),
    *("ppv", "npv", "f1", "brier", "calibration_error"),
)


def render(results: words.Results, path: str | os.PathLike[str]) -> str:
    """Returns cautions, verdict and the main figures as lines of text.

    Args:
        results: The content of `metrics.json`, complete.
        path: Where the report is.

    Returns:
        Lines of 80 columns at most, but for the path, which stays whole.
    """
    blocks = [
        _cautions(results),
        [line for text in results["verdict"] for line in _wrap(text)],
        _figures(results),
        _classes(results),
        _thresholds(results),
        _nulls(results),
        _worst(results),
        _comparison(results),
    ]
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    return f"{text}\n\nReport: {os.fspath(path)}"


def _wrap(text: str, indent: str = "") -> list[str]:
    """Returns lines; the first begins without the indent."""
    return textwrap.wrap(text, _WIDTH, subsequent_indent=indent)


def _cautions(results: words.Results) -> list[str]:
    if not results["cautions"]:
        return []
    lines = [
        line
        for caution in results["cautions"]
        for line in _wrap(f"  - {caution}", "    ")
    ]
    return ["Read this first:", *lines]


def _figures(results: words.Results) -> list[str]:
    lines = [f"{'':<{_NAME}}{'value':>7}  95 % interval"]
    for name in _HEADLINE:
        figure = words.find(results["figures"], name)
        if figure is not None:
            lines.append(f"{words.title(name):<{_NAME}}{_estimate(figure)}")
    return lines


def _classes(results: words.Results) -> list[str]:
    """Returns the AUC of each of more than two classes."""
    if not results["per_class"]:
        return []
    lines = [f"{'each class against the rest':<{_NAME}}{'AUC':>7}"]
    for each in results["per_class"]:
        auc = words.find(each["figures"], "auc")
        lines.append(f"{_shorten(each['class']):<{_NAME}}{_estimate(auc)}")
    return lines


def _estimate(figure: words.Fig | None) -> str:
    if figure is None or figure["value"] is None:
        return f"{'–':>7}"
    text = f"{words.number(figure['value']):>7}  {words.interval(figure)}"
    return text.rstrip()


def _thresholds(results: words.Results) -> list[str]:
    threshold = results["threshold"]
    if threshold is None:
        return []
    lines = [
        f"{'threshold':<20}{'value':>7}  {'sensitivity':<23} specificity",
    ]
    for row in threshold["table"]:
        rates = [words.with_interval(row[name]) for name in words.RATES]
        name = row["rule"] + (" *" if row["is_chosen"] else "")
        lines.append(
            f"{name:<20}{words.number(row['value']):>7}  {rates[0]:<23}"
            f" {rates[1]}".rstrip()
        )
    where = {"fixed": "fixed beforehand"}.get(
        threshold["chosen_on"], f"chosen on {threshold['chosen_on']}"
    )
    return [*lines, f"* used; {where}"]


def _nulls(results: words.Results) -> list[str]:
    if not results["nulls"]:
        return []
    lines = [f"{'null model':<{_NAME}}{'AUC':>7}  what the network adds"]
    for each in results["nulls"]:
        auc = words.number(each["auc"]["value"]) if each["auc"] else "–"
        adds = words.with_interval(each["difference"])
        lines.append(f"{_shorten(each['name']):<{_NAME}}{auc:>7}  {adds}")
    return lines


def _worst(results: words.Results) -> list[str]:
    worst = cautions.worst_degradation(results)
    if worst is None:
        return []
    name = _shorten(f"worst degradation: {worst['name']}")
    return [f"{name:<{_NAME}}{_estimate(worst['auc'])}  (AUC)"]


def _comparison(results: words.Results) -> list[str]:
    comparison = results["comparison"]
    if comparison is None:
        return []
    difference = words.with_interval(comparison["auc_difference"])
    mcnemar = comparison["mcnemar"]
    return [
        f"Against {comparison['other']}:",
        *_wrap(
            f"  AUC differs by {difference}, DeLong's p"
            f" {words.p_value(comparison['p_value'])}; right alone:"
            f" {words.count(mcnemar['only_this'], 'image')} by this model,"
            f" {mcnemar['only_other']:,} by the other; one is right more often"
            f" in {words.count(mcnemar['num_patients'], 'patient')}, p"
            f" {words.p_value(mcnemar['p_value'])} ({mcnemar['test']})",
            "  ",
        ),
    ]


def _shorten(name: str) -> str:
    return name if len(name) < _NAME else name[: _NAME - 2] + "…"
