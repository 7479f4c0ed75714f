"""Charts of the report, as pictures that a page can hold in itself."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import TYPE_CHECKING

from evaluation import plots
from pages import charts
from pages import data_urls

if TYPE_CHECKING:
    from matplotlib import axes as axes_lib
    from matplotlib import figure as figure_lib

# Width and height in inches.
_SQUARE = (3.8, 3.5)

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Point(NamedTuple):
    """An operating point: where it lies, its name, whether it was chosen."""

    x: float
    y: float
    name: str
    is_chosen: bool


class Row(NamedTuple):
    """A line of a forest plot; what has no value keeps an empty line."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    is_alarming: bool = False


def draw_roc(
    curves: Mapping[str, Mapping[str, Any]], points: Sequence[Point]
) -> str:
    """Draws sensitivity against false positives, with a band.

    Args:
        curves: Name -> `fpr`, `tpr`, `low` and `high`, lists of one length.
        points: Operating points, at false positive rate and sensitivity.

    Returns:
        `data:` URL of an SVG picture, as of all functions here.
    """

    def draw(axes: axes_lib.Axes) -> None:
        axes.plot((0, 1), (0, 1), color=charts.GREY, linewidth=1)
        _draw_curves(axes, curves, "fpr", "tpr")
        _draw_points(axes, points)
        axes.set_xlabel("1 – specificity")
        axes.set_ylabel("sensitivity")
        _finish_square(axes, "lower right" if points else None)

    return _draw(draw, _SQUARE)


def draw_precision_recall(
    curves: Mapping[str, Mapping[str, Any]], prevalence: float | None
) -> str:
    """Draws precision against recall, with a band, and chance.

    Args:
        curves: Name -> `recall`, `precision`, `low` and `high`.
        prevalence: Share of the positive class: the precision of chance.
    """

    def draw(axes: axes_lib.Axes) -> None:
        if prevalence is not None:
            axes.axhline(prevalence, color=charts.GREY, linewidth=1)
        _draw_curves(axes, curves, "recall", "precision")
        axes.set_xlabel("recall (sensitivity)")
        axes.set_ylabel("precision (PPV)")
        _finish_square(axes, None)

    return _draw(draw, _SQUARE)


def draw_reliability(states: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Draws how often it is so against how probable the model says it is.

    Args:
        states: Name, such as "before" -> bins with `mean_probability`,
            `frequency`, `freq_low` and `freq_high`.
    """

    def draw(axes: axes_lib.Axes) -> None:
        axes.plot((0, 1), (0, 1), color=charts.GREY, linewidth=1)
        for place, (name, bins) in enumerate(states.items()):
            color, line = charts.series_style(place)
            known = [each for each in bins if each["frequency"] is not None]
            x = [each["mean_probability"] for each in known]
            axes.plot(
                x,
                [each["frequency"] for each in known],
                color=color,
                linestyle=line,
                linewidth=1.4,
                marker=_MARKERS[place],
                markersize=4.5,
                label=name,
            )
            axes.vlines(
                x,
                _gaps([each["freq_low"] for each in known]),
                _gaps([each["freq_high"] for each in known]),
                color=color,
                alpha=0.45,
            )
        axes.set_xlabel("probability that the model gives")
        axes.set_ylabel("frequency in the images")
        _finish_square(axes, "upper left" if len(states) > 1 else None)

    return _draw(draw, _SQUARE)


def draw_histogram(
    histogram: Mapping[str, Any], threshold: float | None, xlabel: str
) -> str:
    """Draws how the scores of each class lie.

    Args:
        histogram: `edges`, and `counts` by class.
        threshold: Marked, if there is one.
        xlabel: What the scores are.
    """

    def draw(axes: axes_lib.Axes) -> None:
        for place, counts in enumerate(histogram["counts"].values()):
            total = sum(counts) or 1
            shares = [100 * number / total for number in counts]
            color, line = charts.series_style(place)
            edges = histogram["edges"]
            axes.stairs(shares, edges, fill=True, color=color, alpha=0.18)
            axes.stairs(
                shares, edges, color=color, linestyle=line, linewidth=1.6
            )
        if threshold is not None:
            axes.axvline(threshold, color=charts.INK, linewidth=1)
            axes.annotate(
                f"threshold {threshold:.3f}",
                (threshold, 0.97),
                xytext=(5 if threshold < 0.6 else -5, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="left" if threshold < 0.6 else "right",
                va="top",
            )
        axes.set_xlabel(xlabel)
        axes.set_ylabel("% of the class")
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")

    return _draw(draw, (5.8, 2.6))


def draw_forest(
    rows: Sequence[Row], xlabel: str, reference: float | None = None
) -> str:
    """Draws an estimate and its interval on each line.

    Args:
        rows: From the top.
        xlabel: What is estimated.
        reference: Marked by a dashed line, if there is one.
    """

    def draw(axes: axes_lib.Axes) -> None:
        for place, row in enumerate(rows):
            if row.value is None:
                continue
            color = charts.ALARM if row.is_alarming else charts.INK
            if row.low is not None and row.high is not None:
                ends = (row.low, row.high)
                axes.plot(ends, (place, place), color=color, alpha=0.5)
                axes.plot(ends, (place, place), "|", color=color)
            axes.plot(row.value, place, "o", color=color)
        if reference is not None:
            axes.axvline(
                reference, color=charts.BLUE, linewidth=1, linestyle="dashed"
            )
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(right=max(1.0, axes.get_xlim()[1]) + 0.01)
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel(xlabel)
        axes.grid(axis="x")

    height = 0.6 + 0.27 * len(rows)
    frame = (0.02, 0.45 / height, 0.96, 1 - 0.5 / height)
    # The frame is the plot's; names of any length find room beside it.
    return _draw(draw, (5.0, height), frame=frame, tight=True)


def draw_training(records: Sequence[Mapping[str, Any]], name: str) -> str:
    """Draws a metric of training and validation against the epoch.

    Args:
        records: As `plots.draw_metric` takes them.
        name: Such as "loss".
    """
    return _draw(
        lambda axes: plots.draw_metric(axes, records, name), (3.8, 2.5)
    )


def _draw_curves(
    axes: axes_lib.Axes,
    curves: Mapping[str, Mapping[str, Any]],
    x: str,
    y: str,
) -> None:
    """Draws curves, and the band of one that stands alone."""
    for place, curve in enumerate(curves.values()):
        color, line = charts.series_style(place)
        if len(curves) == 1 and curve["low"]:
            axes.fill_between(
                curve[x],
                _gaps(curve["low"]),
                _gaps(curve["high"]),
                color=color,
                alpha=0.16,
                linewidth=0,
            )
        axes.plot(
            curve[x],
            _gaps(curve[y]),
            color=color,
            linestyle=line,
            linewidth=1.6,
        )


def _draw_points(axes: axes_lib.Axes, points: Sequence[Point]) -> None:
    for place, point in enumerate(points):
        axes.plot(
            point.x,
            point.y,
            _MARKERS[place % len(_MARKERS)],
            color=charts.VERMILION,
            markerfacecolor=charts.VERMILION if point.is_chosen else "white",
            markersize=6,
            linestyle="none",
            label=point.name,
        )


def _finish_square(axes: axes_lib.Axes, legend: str | None) -> None:
    """Sets limits and grid; `legend` is its place, if there is one."""
    axes.set_xlim(-0.015, 1.015)
    axes.set_ylim(-0.015, 1.015)
    axes.grid()
    if legend:
        axes.legend(loc=legend, frameon=False)


def _gaps(values: Sequence[float | None]) -> list[float]:
    """Returns NaN for None: Matplotlib leaves a gap there, and fails here."""
    return [float("nan") if value is None else value for value in values]


def _draw(
    draw: Callable[[axes_lib.Axes], None],
    size: tuple[float, float],
    *,
    frame: tuple[float, float, float, float] = (0.14, 0.17, 0.83, 0.79),
    tight: bool = False,
) -> str:
    """Draws into one frame, so that charts beside each other are in line."""

    def draw_figure(fig: figure_lib.Figure) -> None:
        draw(fig.add_axes(frame))

    picture = charts.render(draw_figure, size, tight=tight)
    return data_urls.encode(picture, "image/svg+xml")
