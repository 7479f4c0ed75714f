"""One palette, one style of charts, and figures as bytes."""

from __future__ import annotations

from collections.abc import Callable
import io
from typing import Any
from typing import Literal
from typing import NamedTuple
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib import figure as figure_lib

# Colours that the colour-blind distinguish: Okabe and Ito, Color
# Universal Design, 2008 (https://jfly.uni-koeln.de/color/).
BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#cc79a7"
ORANGE = "#e69f00"
SKY = "#56b4e9"
GREY = "#999999"

# Those of classes and other series, in order; beyond these, they begin again
# with another line.
SERIES_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
SERIES_LINES = ("solid", "dashed", "dotted")

INK = "#3c4650"
FAINT = "#d5dbe1"
ALARM = "#b3261e"

_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    # Text stays text: small, sharp, and found by a search.
    "svg.fonttype": "none",
    # Else the names within the picture are drawn at random.
    "svg.hashsalt": "pages",
    "text.color": INK,
    # A dollar in a class name is a dollar.
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


class SeriesStyle(NamedTuple):
    """How a series is drawn: a colour, and a line as CSS and Matplotlib say."""

    color: str
    line: str


def series_style(index: int) -> SeriesStyle:
    """Returns the style of the series of that number, from 0."""
    round_number, color = divmod(index, len(SERIES_COLORS))
    return SeriesStyle(
        SERIES_COLORS[color],
        SERIES_LINES[(index + round_number) % len(SERIES_LINES)],
    )


def render(
    draw: Callable[[figure_lib.Figure], None],
    size: tuple[float, float],
    *,
    file_format: str = "svg",
    layout: Literal["constrained"] | None = None,
    dpi: int = 100,
    tight: bool = False,
) -> bytes:
    """Returns a picture that a function draws.

    Args:
        draw: Draws into the figure it is given, which has no axes yet.
        size: Width and height in inches.
        file_format: One that Matplotlib writes, such as "svg" or "png".
        layout: "constrained" lets Matplotlib find room for titles and labels.
        dpi: Pixels per inch, where there are pixels.
        tight: Whether the picture is cut, or grows, to what was drawn.

    Returns:
        The bytes of the file.
    """
    from pages import plotting

    options: dict[str, Any] = {"bbox_inches": "tight"} if tight else {}
    if file_format == "svg":
        options["metadata"] = {"Date": None}
    with plotting.matplotlib.rc_context():
        # Not what a `matplotlibrc` says: with `text.usetex`, each label needs
        # LaTeX, and with `savefig.transparent` a page has no paper.
        plotting.matplotlib.rcdefaults()
        plotting.matplotlib.rcParams.update(_STYLE)
        fig = plotting.figure.Figure(figsize=size, layout=layout)
        draw(fig)
        buffer = io.BytesIO()
        fig.savefig(buffer, format=file_format, dpi=dpi, **options)
    return buffer.getvalue()
