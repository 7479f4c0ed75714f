"""Charts of the report, as pictures that a page can hold in itself.

Figures are drawn without `pyplot`: no window system, no state shared with a
caller's own figures. Same numbers, same bytes.
"""

import base64
import io

import matplotlib
from matplotlib import figure

# Colours of the classes, told apart by the colour-blind: Okabe and Ito, Color
# Universal Design, 2008. Beyond these, they begin again with another line.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LINES = ("solid", "dashed", "dotted")

_INK = "#3c4650"
_FAINT = "#d5dbe1"
_ALARM = "#b3261e"
# Width and height of a chart that stands beside others, in inches.
_SMALL = (3.8, 2.3)
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    # Text stays text: small, sharp, and found by a search.
    "svg.fonttype": "none",
    # Else the names within the picture are drawn at random.
    "svg.hashsalt": "xray_tfds.report",
    "text.color": _INK,
    # A dollar in a class name is a dollar.
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def style_of(place):
    """Returns colour and line of the class of that number."""
    round_number, color = divmod(place, len(COLORS))
    return COLORS[color], LINES[(place + round_number) % len(LINES)]


def draw_histogram(distribution, labels):
    """Draws the histograms of all classes over each other.

    Args:
        distribution: As in the schema of `report.json`.
        labels: All classes; their order gives each its `style_of`.

    Returns:
        `data:` URL of an SVG picture.
    """
    edges = distribution["edges"]

    def draw(axes):
        for place, label in enumerate(labels):
            if label not in distribution["labels"]:
                continue
            summary = distribution["labels"][label]
            shares = [100 * n / summary["files"] for n in summary["counts"]]
            color, line = style_of(place)
            axes.stairs(shares, edges, fill=True, color=color, alpha=0.18)
            axes.stairs(
                shares, edges, color=color, linestyle=line, linewidth=1.6
            )
        unit = distribution["unit"]
        axes.set_xlabel(distribution["quantity"] + (unit and f" ({unit})"))
        axes.set_ylabel("% of the class")
        axes.set_ylim(bottom=0)
        axes.locator_params(nbins=5)
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)

    return _draw(draw, _SMALL)


def draw_images_per_patient(sizes):
    """Draws how many patients have how many images.

    Args:
        sizes: As `images_per_patient` in the schema of `report.json`.

    Returns:
        `data:` URL of an SVG picture.
    """

    def draw(axes):
        axes.bar(
            [size["images"] for size in sizes],
            [size["patients"] for size in sizes],
            color=_INK,
        )
        # Most patients have one image; those with thirty must be seen as well.
        axes.set_yscale("log")
        most = max(size["patients"] for size in sizes)
        axes.set_ylim(0.7, 1.4 * max(most, 10))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("images of one patient")
        axes.set_ylabel("patients (log scale)")
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)

    return _draw(draw, _SMALL)


def draw_audit(parts, flag_above):
    """Draws AUC and interval of each part of an audit.

    Args:
        parts: Dicts with `name`, `auc`, `low`, `high`, `flagged`; those whose
            `auc` is not known keep an empty line.
        flag_above: AUC above which a part is flagged.

    Returns:
        `data:` URL of an SVG picture.
    """

    def draw(axes):
        known = [
            (place, part)
            for place, part in enumerate(parts)
            if part["auc"] is not None
        ]
        for place, part in known:
            low, high = part["low"], part["high"]
            color = _ALARM if part["flagged"] else _INK
            if low is not None and high is not None:
                axes.plot((low, high), (place, place), color=color, alpha=0.5)
                axes.plot((low, high), (place, place), "|", color=color)
            axes.plot(part["auc"], place, "o", color=color)
        axes.axvline(0.5, color=_INK, linewidth=1)
        axes.axvline(flag_above, color=_ALARM, linewidth=1, linestyle="dashed")
        axes.set_yticks(range(len(parts)), [part["name"] for part in parts])
        axes.set_ylim(len(parts) - 0.4, -0.6)
        ends = (part[key] for _, part in known for key in ("auc", "low"))
        axes.set_xlim(min(0.45, *(end or 1 for end in ends), 1) - 0.02, 1.02)
        axes.set_xlabel(
            f"AUC; line: chance, 0.5; dashed: flagged above {flag_above:g}"
        )
        axes.grid(axis="x", color=_FAINT, linewidth=0.6)

    # The frame is the plot's; names of any length find room beside it.
    return _draw(draw, (5.0, 0.9 + 0.32 * len(parts)), bbox_inches="tight")


def _draw(draw, size, **save_options):
    with matplotlib.rc_context(_STYLE):
        fig = figure.Figure(figsize=size)
        # One frame for all, so that charts beside each other are in line.
        draw(fig.add_axes((0.15, 0.2, 0.8, 0.76)))
        buffer = io.BytesIO()
        fig.savefig(
            buffer, format="svg", metadata={"Date": None}, **save_options
        )
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{content}"
