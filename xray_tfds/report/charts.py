"""Charts of the report, as pictures that a page can hold in itself."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from pages import charts
from pages import data_urls

if TYPE_CHECKING:
    from matplotlib import axes as axes_lib

# Width and height of a chart that stands beside others, in inches.
_SMALL = (3.8, 2.3)


def draw_histogram(
    distribution: Mapping[str, Any], labels: Sequence[str]
) -> str:
    """Draws the histograms of all classes over each other.

    Args:
        distribution: As in the schema of `report.json`.
        labels: All classes; their order gives each its style.

    Returns:
        `data:` URL of an SVG picture.
    """
    edges = distribution["edges"]

    def draw(axes: axes_lib.Axes) -> None:
        for place, label in enumerate(labels):
            if label not in distribution["labels"]:
                continue
            summary = distribution["labels"][label]
            shares = [100 * n / summary["files"] for n in summary["counts"]]
            color, line = charts.series_style(place)
            axes.stairs(shares, edges, fill=True, color=color, alpha=0.18)
            axes.stairs(
                shares, edges, color=color, linestyle=line, linewidth=1.6
            )
        unit = distribution["unit"]
        axes.set_xlabel(distribution["quantity"] + (unit and f" ({unit})"))
        axes.set_ylabel("% of the class")
        axes.set_ylim(bottom=0)
        axes.locator_params(nbins=5)
        axes.grid(axis="y")

    return _draw(draw, _SMALL)


def draw_images_per_patient(sizes: Sequence[Mapping[str, int]]) -> str:
    """Draws how many patients have how many images.

    Args:
        sizes: As `images_per_patient` in the schema of `report.json`.

    Returns:
        `data:` URL of an SVG picture.
    """

    def draw(axes: axes_lib.Axes) -> None:
        axes.bar(
            [size["images"] for size in sizes],
            [size["patients"] for size in sizes],
            color=charts.INK,
        )
        # Most patients have one image; those with thirty must be seen as well.
        axes.set_yscale("log")
        most = max(size["patients"] for size in sizes)
        axes.set_ylim(0.7, 1.4 * max(most, 10))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("images of one patient")
        axes.set_ylabel("patients (log scale)")
        axes.grid(axis="y")

    return _draw(draw, _SMALL)


def draw_audit(parts: Sequence[Mapping[str, Any]], flag_above: float) -> str:
    """Draws AUC and interval of each part of an audit.

    Args:
        parts: Dicts with `name`, `auc`, `low`, `high`, `flagged`; those whose
            `auc` is not known keep an empty line.
        flag_above: AUC above which a part is flagged.

    Returns:
        `data:` URL of an SVG picture.
    """

    def draw(axes: axes_lib.Axes) -> None:
        known = [
            (place, part)
            for place, part in enumerate(parts)
            if part["auc"] is not None
        ]
        for place, part in known:
            low, high = part["low"], part["high"]
            color = charts.ALARM if part["flagged"] else charts.INK
            if low is not None and high is not None:
                axes.plot((low, high), (place, place), color=color, alpha=0.5)
                axes.plot((low, high), (place, place), "|", color=color)
            axes.plot(part["auc"], place, "o", color=color)
        axes.axvline(0.5, color=charts.INK, linewidth=1)
        axes.axvline(
            flag_above, color=charts.ALARM, linewidth=1, linestyle="dashed"
        )
        axes.set_yticks(range(len(parts)), [part["name"] for part in parts])
        axes.set_ylim(len(parts) - 0.4, -0.6)
        ends = (part[key] for _, part in known for key in ("auc", "low"))
        axes.set_xlim(min(0.45, *(end or 1 for end in ends), 1) - 0.02, 1.02)
        axes.set_xlabel(
            f"AUC; line: chance, 0.5; dashed: flagged above {flag_above:g}"
        )
        axes.grid(axis="x")

    # The frame is the plot's; names of any length find room beside it.
    return _draw(draw, (5.0, 0.9 + 0.32 * len(parts)), tight=True)


def _draw(draw, size, *, tight=False):
    # One frame for all, so that charts beside each other are in line.
    picture = charts.render(
        lambda fig: draw(fig.add_axes((0.15, 0.2, 0.8, 0.76))),
        size,
        tight=tight,
    )
    return data_urls.encode(picture, "image/svg+xml")
