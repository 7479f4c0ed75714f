"""The bar chart of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pages import charts
from xray_tfds.audit import words

_COLORS = {
    words.FLAGGED: charts.VERMILION,
    words.UNCLEAR: charts.ORANGE,
    words.CLEAR: charts.GREEN,
    words.SOURCE_ONLY: charts.GREY,
}


def draw(audit: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a PNG with a bar and a whisker for each part.

    Args:
        audit: What `run_audit` returns.
    """
    return charts.render(
        lambda fig: _draw(fig, audit),
        (9, 1.6 + 0.32 * len(audit["parts"])),
        file_format="png",
        layout="constrained",
        dpi=110,
        tight=True,
    )


def _draw(fig, audit):
    parts = audit["parts"]
    axes = fig.subplots()
    for row, part in enumerate(parts):
        if part["auc"] is None:
            axes.text(0.505, row, "not measured", va="center", color=charts.INK)
        else:
            _draw_bar(axes, row, part)
    axes.axvline(0.5, color=charts.INK, linewidth=1)
    line = audit["flag_above"]
    axes.axvline(line, color=charts.INK, linewidth=1, linestyle="--")
    axes.set_yticks(
        range(len(parts)),
        [part["name"] for part in parts],
    )
    axes.set_ylim(len(parts) - 0.4, -0.6)
    lows = [part["low"] for part in parts if part["low"] is not None]
    axes.set_xlim(min([0.45, *lows]) - 0.02, 1.08)
    axes.set_xlabel(
        f"AUC, with its {100 * audit['confidence']:.0f} % interval; "
        f"0.5 is chance, above {line} (dashed) is flagged"
    )
    counts = audit["counts"]
    axes.set_title(
        "What predicts the label without a look at the lungs\n"
        f"{counts['images']:,} images of {counts['patients']:,} patients",
        fontsize=11,
    )
    _draw_legend(fig, parts)


def _draw_bar(axes, row, part):
    """From chance to the AUC; the figure stands at the right end."""
    auc = part["auc"]
    axes.barh(
        row, auc - 0.5, left=0.5, height=0.6, color=_COLORS[part["verdict"]]
    )
    axes.errorbar(
        auc,
        row,
        xerr=[[auc - part["low"]], [part["high"] - auc]],
        color=charts.INK,
        linewidth=1,
        capsize=3,
    )
    axes.text(1.01, row, f"{auc:.3f}", va="center", fontsize=9)


def _draw_legend(fig, parts):
    from matplotlib import patches

    found = {part["verdict"] for part in parts}
    handles = [
        patches.Patch(color=color, label=verdict)
        for verdict, color in _COLORS.items()
        if verdict in found
    ]
    if handles:
        fig.legend(
            handles=handles,
            loc="outside lower center",
            ncols=len(handles),
            frameon=False,
        )
