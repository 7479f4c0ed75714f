"""The content of `metrics.json` -> one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
import functools
import json
from typing import Any
from typing import TYPE_CHECKING

from evaluation.report import cautions
from evaluation.report import charts
from evaluation.report import limits
from evaluation.report import provenance
from evaluation.report import words
from pages import charts as charts_lib
from pages import html

if TYPE_CHECKING:
    import jinja2

# Most entries of a list on the page; scores.csv and metrics.json have them all.
MAX_CASES = 50  # of one cell of the confusion matrix
MAX_EXCLUDED = 24
MAX_OPENINGS = 12

_SECTIONS = (
    ("Results", "results"),
    ("Curves", "curves"),
    ("Calibration", "calibration"),
    ("Confusion", "confusion"),
    ("Nulls", "nulls"),
    ("Robustness", "robustness"),
    ("Slices", "slices"),
    ("Comparison", "comparison"),
    ("Images", "cases"),
    ("Training", "training"),
    ("Data", "data"),
    ("Set-up", "setup"),
    ("Limits", "limits"),
    ("CLAIM", "claim"),
)
# Those that are left out where the results do not hold them.
_OPTIONAL = ("comparison", "training")


def render(results: words.Results) -> str:
    """Returns the page.

    Args:
        results: The content of `metrics.json`, complete: what could not be
            measured is None.

    Returns:
        HTML. All values that come from outside are escaped; nothing is loaded
        from anywhere, which a content security policy enforces.
    """
    names = words.class_names(results)
    template = _environment().get_template("evaluation.html.j2")
    return template.render(
        results=results,
        names=names,
        binary=words.is_binary(results),
        sections=[
            (name, anchor)
            for name, anchor in _SECTIONS
            if anchor not in _OPTIONAL or results[anchor]
        ],
        build=provenance.summarize(results["provenance"]),
        charts=_draw_charts(results),
        styles={
            name: charts_lib.series_style(place)
            for place, name in enumerate(names)
        },
        methods=_methods(results),
        cells=_cells(results),
        limits=limits.find(results),
        whose_probabilities=words.whose_probabilities(results),
        shift_above=cautions.SHIFT_ABOVE,
        max_cases=MAX_CASES,
        max_excluded=MAX_EXCLUDED,
        max_openings=MAX_OPENINGS,
    )


@functools.cache  # Templates are compiled once.
def _environment() -> jinja2.Environment:
    return html.environment(
        "evaluation.report",
        {
            "number": words.number,
            "p_value": words.p_value,
            "title": words.title,
            "meaning": words.meaning,
            "mark": lambda method: words.METHODS[method][0],
            "method": lambda method: words.METHODS[method][1],
            "spelt": _spelt,
        },
    )


def _spelt(value: object) -> str:
    """Strings as they are, all else as JSON has it."""
    return value if isinstance(value, str) else json.dumps(value)


def _methods(results: words.Results) -> list[str]:
    """Returns the methods of the intervals on the page."""
    used = {figure["method"] for figure in words.walk(results)} - {"none"}
    return [name for name in words.METHODS if name in used]


def _cells(results: words.Results) -> list[dict[str, Any]]:
    """Returns the cells of the confusion matrix that hold cases, wrong first.

    Returns:
        Dicts with `anchor`, `label`, `decision`, `is_error`, `count` and
        `cases`, a list of `key`, `probability` (None where it is not known)
        and `anchor` of its image on the page, if it is shown.
    """
    confusion = results["confusion"]
    if confusion is None:
        return []
    names, pictures = words.class_names(results), _pictures(results)
    cells = []
    for true, row in enumerate(confusion["counts"]):
        for decided, number in enumerate(row):
            given = confusion["cases"].get(f"{true},{decided}") or []
            cases = [
                dict(case) if isinstance(case, Mapping) else {"key": case}
                for case in given
            ]
            for case in cases:
                case.setdefault("probability", None)
                case["anchor"] = pictures.get(case["key"])
            cells.append(
                {
                    "anchor": f"cell-{true}-{decided}",
                    "label": names[true],
                    "decision": names[decided],
                    "is_error": true != decided,
                    "count": number,
                    "cases": cases,
                }
            )
    cells = [cell for cell in cells if cell["count"]]
    return sorted(cells, key=lambda cell: not cell["is_error"])


def _pictures(results: words.Results) -> dict[str, str]:
    """Returns the anchors of cases that are shown as images, by key."""
    shown = results["cases"] or {}
    return {
        case["key"]: f"{kind}-{place}"
        for kind in ("hits", "errors")
        for place, case in enumerate(shown.get(kind) or ())
    }


def _draw_charts(results: words.Results) -> dict[str, str | None]:
    """Returns the pictures by name; None where there is nothing to draw."""
    training, histogram = results["training"], results["histogram"]
    threshold = results["threshold"]
    axis = "probability of the class itself"
    if words.is_binary(results):
        axis = f"probability of {words.class_names(results)[1]}"
    return {
        **_draw_curves(results),
        "reliability": _draw_reliability(results["calibration"]),
        "histogram": histogram
        and charts.draw_histogram(
            histogram, threshold["value"] if threshold else None, axis
        ),
        **_draw_forests(results),
        "loss": charts.draw_training(training, "loss") if training else None,
        "training_auc": (
            charts.draw_training(training, "auc") if training else None
        ),
    }


def _draw_curves(results: words.Results) -> dict[str, str | None]:
    curves = results["curves"]
    if not curves:
        return {"roc": None, "precision_recall": None}
    prevalence = (results["prevalence"] or {}).get("observed")
    if results["per_class"] is None:
        curves = {words.class_names(results)[-1]: curves}
    else:
        prevalence = None  # Another one for each class.
    roc, precision_recall = (
        # Without those of a class that has no image.
        {name: each[kind] for name, each in curves.items() if each[kind]}
        for kind in ("roc", "precision_recall")
    )
    return {
        "roc": (
            charts.draw_roc(roc, _points(results["threshold"])) if roc else None
        ),
        "precision_recall": (
            charts.draw_precision_recall(precision_recall, prevalence)
            if precision_recall
            else None
        ),
    }


def _points(threshold: Mapping[str, Any] | None) -> list[charts.Point]:
    """Returns the rules' points, the chosen one last and so on top."""
    rows = sorted(
        threshold["table"] if threshold else (),
        key=lambda row: row["is_chosen"],
    )
    return [
        charts.Point(
            1 - row["specificity"]["value"],
            row["sensitivity"]["value"],
            f"{row['rule']} (chosen)" if row["is_chosen"] else row["rule"],
            row["is_chosen"],
        )
        for row in rows
        if row["specificity"]["value"] is not None
        and row["sensitivity"]["value"] is not None
    ]


def _draw_reliability(calibration: Mapping[str, Any] | None) -> str | None:
    if not calibration or not calibration["before"]:
        return None
    after = calibration["after"]
    states = {"as the network says" if after else "": calibration["before"]}
    if after:
        states["after temperature scaling"] = after
    return charts.draw_reliability(
        {name: state["bins"] for name, state in states.items()}
    )


def _draw_forests(results: words.Results) -> dict[str, str | None]:
    auc = words.model_auc(results)
    reference = auc["value"] if auc else None
    own = [_row("the network", auc)] if auc else []
    nulls = [_row(each["name"], each["auc"]) for each in results["nulls"] or ()]
    robustness = results["robustness"] or {}
    degraded = [
        _row(row["name"], row["auc"], row["name"] == _worst(robustness))
        for row in robustness.get("rows") or ()
    ]
    slices = [
        _row(f"{each['column']}: {each['value']}", figure)
        for each in results["slices"] or ()
        if (figure := words.find(each["figures"], "auc"))
    ]
    return {
        name: (
            charts.draw_forest(rows, "AUC, with its 95 % interval", reference)
            if any(row.value is not None for row in rows)
            else None
        )
        for name, rows in (
            ("nulls", own + nulls if nulls else []),
            ("robustness", degraded),
            ("slices", slices),
        )
    }


def _worst(robustness: Mapping[str, Any]) -> str | None:
    return (robustness.get("worst") or {}).get("name")


def _row(
    name: str, figure: words.Fig | None, is_alarming: bool = False
) -> charts.Row:
    if figure is None:
        return charts.Row(name, None, None, None)
    ends = (figure["value"], figure["low"], figure["high"])
    return charts.Row(name, *ends, is_alarming)
