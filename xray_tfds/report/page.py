"""The content of a report -> one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import functools
import json
from typing import Any

from pages import charts as charts_lib
from pages import html
from xray_tfds.report import charts
from xray_tfds.report import content as content_lib

# Most entries of a list on the page; files.csv and report.json have them all.
MAX_EXCLUDED = 24  # of one reason
MAX_GROUPS = 24
MAX_LEAKS = 40
MAX_MEMBERS = 8  # of one group of duplicates, of one leak
MAX_EXAMPLES = 4

# Where an audit does not say above which AUC it flags.
_FLAG_ABOVE = 0.6

# Words for the values of `kind` and `action` in facts.json.
_WORDS = {
    "bytes": "the same bytes",
    "pixels": "the same pixels in other files",
    "near": "nearly the same picture",
    "patient": "one patient",
    "duplicate": "one picture",
    "moved": "moved into one split",
    "allowed": "left as it was, on request",
}


def render(
    content: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]
) -> str:
    """Returns the page.

    Args:
        content: As `content.assemble` returns it.
        samples: As `samples.read_samples` returns them.

    Returns:
        HTML, str. All values that come from outside are escaped; nothing is
        loaded from anywhere, which a content security policy enforces.
    """
    limits = {
        name.lower(): value
        for name, value in globals().items()
        if name.startswith("MAX_")
    }
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            **content,
            **limits,
            samples=samples,
            audit_parts=content_lib.audit_parts(content["audit"]),
            charts=_draw_charts(content),
            styles={
                label: charts_lib.series_style(place)
                for place, label in enumerate(content["counts"]["classes"])
            },
        )
    )


@functools.cache  # Templates are compiled once.
def _environment():
    return html.environment(
        "xray_tfds.report",
        {
            "auc": lambda value: "–" if value is None else f"{value:.3f}",
            "spelt": _spelt,
            "words": lambda value: _WORDS.get(value, value or "not said"),
        },
    )


def _draw_charts(content):
    """Returns the pictures by name; a histogram that says nothing is `None`."""
    labels = content["counts"]["classes"]
    sizes = content["patients"]["images_per_patient"]
    parts = content_lib.audit_parts(content["audit"])
    return {
        "audit": (
            charts.draw_audit(
                parts, content["audit"].get("flag_above") or _FLAG_ABOVE
            )
            if parts
            else None
        ),
        "histograms": {
            each["quantity"]: (
                None
                if _is_constant(each)
                else charts.draw_histogram(each, labels)
            )
            for each in content["distributions"]
        },
        "patients": charts.draw_images_per_patient(sizes) if sizes else None,
    }


def _is_constant(distribution):
    summaries = distribution["labels"].values()
    return min(s["minimum"] for s in summaries) == max(
        s["maximum"] for s in summaries
    )


def _spelt(value):
    """Strings as they are, all else as JSON has it."""
    return value if isinstance(value, str) else json.dumps(value)
