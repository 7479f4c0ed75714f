"""The model card: Markdown with metadata, in Hugging Face's structure.

https://huggingface.co/docs/hub/model-cards; the sections are those of Mitchell
and others, Model Cards for Model Reporting, FAT* 2019, arXiv 1810.03993.
"""

from __future__ import annotations

import functools
import json
import pathlib
import re
from typing import Any
from typing import TYPE_CHECKING

from evaluation.report import limits
from evaluation.report import provenance
from evaluation.report import words
from pages import html

if TYPE_CHECKING:
    import jinja2

# Figure -> its identifier at https://huggingface.co/metrics, where it has one.
_METRICS = {
    "auc": "roc_auc",
    "average_precision": "average_precision",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "sensitivity": "recall",
    "specificity": "specificity",
    "ppv": "precision",
    "f1": "f1",
    "matthews": "matthews_correlation",
    "brier": "brier_score",
}

# What Markdown or HTML reads as more than text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def render(results: words.Results) -> str:
    """Returns the card.

    Args:
        results: The content of `metrics.json`, complete.

    Returns:
        Markdown with a block of YAML at its head. What comes from outside is
        escaped: a class name makes neither a link nor a table.
    """
    runs = results["model"]["runs"]
    return (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            results=results,
            name=pathlib.PurePath(runs[0]["workdir"]).name or "model",
            names=words.class_names(results),
            metrics=_metrics(results),
            build=provenance.summarize(results["provenance"]),
            limits=limits.find(results),
            whose_probabilities=words.whose_probabilities(results),
            settings=words.settings(results),
            model_name=words.model_name(results),
        )
    )


def _metrics(results: words.Results) -> list[dict[str, Any]]:
    """Returns the entries of `model-index` that have a value."""
    return [
        {
            "type": _METRICS[figure["name"]],
            "value": figure["value"],
            "name": f"{words.title(figure['name'])}"
            f" {words.interval(figure)}".rstrip(),
        }
        for figure in results["figures"]
        if figure["name"] in _METRICS and figure["value"] is not None
    ]


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    # Of MarkupSafe, which Jinja brings.
    markup = jinja2.utils.markupsafe.Markup
    return html.environment(
        "evaluation.report",
        {
            # The text is escaped as Markdown needs it, not as HTML does.
            "md": lambda value: markup(_escape(value)),
            "plain": lambda value: markup(" ".join(value.split())),
            "yaml": lambda value: markup(_yaml(value)),
            "number": words.number,
            "title": words.title,
            "with_interval": lambda each: markup(words.with_interval(each)),
        },
    )


def _escape(value: object) -> str:
    """Returns text as one line of Markdown that reads as it is."""
    text = value if isinstance(value, str) else json.dumps(value)
    line = " ".join(text.split()).replace("&", "&amp;")
    return _SPECIAL.sub(r"\\\1", line)


def _yaml(value: object) -> str:
    """Returns a scalar: JSON's strings are YAML's, once all is printable."""
    if isinstance(value, str):
        value = "".join(c if c.isprintable() else " " for c in value)
    return json.dumps(value, ensure_ascii=False)
