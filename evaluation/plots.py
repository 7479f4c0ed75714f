"""Pictures of a run: how the metrics went, what the network was shown."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import math
import os
import pathlib
from typing import Any
from typing import Literal
from typing import TYPE_CHECKING

import numpy as np
from numpy import typing as npt

from pages import charts

if TYPE_CHECKING:
    from matplotlib import axes as axes_lib
    from matplotlib import figure

_PANELS = (("loss", "loss"), ("accuracy", "accuracy"), ("auc", "AUC"))
_CURVES = (("", "train"), ("val_", "validation"))


def plot_curves(
    records: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]
) -> None:
    """Draws loss, accuracy and AUC against the epoch.

    Args:
        records: One an epoch, in order, with `epoch`, `loss`, `accuracy`, `auc`
            and the same with a `val_` prefix; NaN leaves a gap.
        path: Where to write the picture, format by suffix.
    """

    def draw(fig: figure.Figure) -> None:
        for axes, (name, title) in zip(fig.subplots(1, len(_PANELS)), _PANELS):
            draw_metric(axes, records, name)
            axes.set_title(title)

    _save(path, draw, (12, 3.8), layout="constrained")


def draw_metric(
    axes: axes_lib.Axes, records: Sequence[Mapping[str, Any]], name: str
) -> None:
    """Draws a metric of training and validation against the epoch.

    Args:
        axes: Where to draw.
        records: One an epoch, in order, with `epoch`, the metric and the same
            with a `val_` prefix; NaN, or None, leaves a gap.
        name: Of the metric, such as "loss".
    """
    epochs = [record["epoch"] for record in records]
    for index, (prefix, label) in enumerate(_CURVES):
        values = [record[prefix + name] for record in records]
        axes.plot(
            epochs,
            [math.nan if value is None else value for value in values],
            color=charts.SERIES_COLORS[index],
            marker="o",
            markersize=4,
            label=label,
        )
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.grid()
    axes.legend()


def plot_contact_sheet(
    images: npt.ArrayLike,
    titles: Sequence[str],
    path: str | os.PathLike[str],
    *,
    columns: int = 6,
) -> None:
    """Draws images in a grid, each under its title.

    Args:
        images: float or int `[num_images, height, width, channels]` of any
            range; black and white are the extremes of the whole sheet. One
            channel is grey, three are RGB, a fourth is left out.
        titles: One for each image, such as the name of its class.
        path: Where to write the picture, format by suffix.
        columns: Images in a row.
    """
    values = np.asarray(images, dtype=np.float64)
    low, high = values.min(), values.max()
    values = (values - low) / ((high - low) or 1.0)
    columns = min(columns, len(values))
    sheet, corners = _arrange(values, columns)
    width = values.shape[2]

    def draw(fig: figure.Figure) -> None:
        axes = fig.add_axes((0, 0, 1, 1))
        for (top, left), title in zip(corners, titles):
            axes.text(
                left + width / 2,
                top - _margin(width) / 6,
                title,
                fontsize=11,
                horizontalalignment="center",
            )
        axes.imshow(sheet)
        axes.set_axis_off()
        axes.set_title(
            f"Training images as the network sees them ({low:.3g} to"
            f" {high:.3g})",
            y=1.0,
            pad=-16,
        )

    inches = 2.1 * columns
    _save(path, draw, (inches, inches * sheet.shape[0] / sheet.shape[1]))


def _margin(width: int) -> int:
    """Pixels round each image of a sheet; titles lie in the upper margin."""
    return math.ceil(0.12 * width)


def _arrange(
    images: npt.NDArray[np.float64], columns: int
) -> tuple[npt.NDArray[np.float64], list[tuple[int, int]]]:
    """Lays images into one: a set of axes for each draws 20 times slower.

    Args:
        images: `[num_images, height, width, channels]`, 0 to 1.
        columns: Images in a row.

    Returns:
        The sheet, `[height, width, 3]`, and the upper left corner of each
        image on it, `(row, column)`.
    """
    height, width = images.shape[1:3]
    margin = _margin(width)
    cell_height, cell_width = height + margin, width + margin // 3
    rows = math.ceil(len(images) / columns)
    sheet = np.ones((rows * cell_height + margin, columns * cell_width, 3))
    corners = []
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top = row * cell_height + 2 * margin
        left = column * cell_width + margin // 6
        sheet[top : top + height, left : left + width] = image[..., :3]
        corners.append((top, left))
    return sheet, corners


def _save(
    path: str | os.PathLike[str],
    draw: Callable[[figure.Figure], None],
    size: tuple[float, float],
    *,
    layout: Literal["constrained"] | None = None,
) -> None:
    path = pathlib.Path(path)
    path.write_bytes(
        charts.render(
            draw, size, file_format=path.suffix.lstrip("."), layout=layout
        )
    )
