"""Figures of parts of the images, for whom a model works less well.

A column gives each image a value, and the images of one value are a slice. What
is too small to be said of anybody in particular is not said: a slice of fewer
than `MIN_PATIENTS` patients has no figures, values that one patient alone has
are counted and not named, for they may be that patient's name, and an AUC needs
`MIN_PATIENTS_OF_CLASS` patients of each class.

Numbers are cut at their tertiles among the images that are evaluated, unless
they have few values.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import posixpath
import re
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import figure as figure_lib
from evaluation import figures
from evaluation import scores as scores_lib

# Intervals of fewer are as wide as the scale: Wilson's of 4 of 4 begins at .51.
MIN_PATIENTS = 5

# DeLong's variance is of the ranks within a class; with fewer it is noise.
MIN_PATIENTS_OF_CLASS = 10

# Numbers of at most as many values are taken as they are, such as a stage.
MAX_LEVELS = 6

NOT_STATED = "not stated"

# As the public set names its files: person1_bacteria_2, VIRUS-3-0001.
_KIND = re.compile(r"(?<![a-z])(bacteria|virus)(?![a-z])", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Column:
    """What images are sliced by.

    Attributes:
        name: Of the column.
        values: str `[n]`; "" is in no slice.
        order: The values, in the order of the slices.
        against_all: Whether a slice without negatives is ranked against the
            negatives of all images.
    """

    name: str
    values: npt.NDArray[np.str_]
    order: tuple[str, ...]
    against_all: bool = False


def kinds(keys: Sequence[str]) -> Column | None:
    """Returns the kind of pneumonia that names of files tell.

    Only pneumonia is of a kind, so each kind is ranked against all images
    without pneumonia.

    Args:
        keys: Names of files, as the public data set has them.

    Returns:
        The column; `None` if no name tells a kind.
    """
    found = [_KIND.search(posixpath.basename(key)) for key in keys]
    values = [match[1].lower() if match else "" for match in found]
    column = _categories("kind", values)
    return (
        dataclasses.replace(column, against_all=True) if any(values) else None
    )


def folders(
    keys: Sequence[str], labels: npt.NDArray[np.int64]
) -> Column | None:
    """Returns the folders that files lie in.

    Args:
        keys: Names of files.
        labels: int64 `[n]`, class indices.

    Returns:
        The column; `None` if it is one folder for all, or one for each class.
    """
    column = _categories(
        "folder", [posixpath.dirname(key) or "." for key in keys]
    )
    num_classes = len(np.unique(labels))
    pairs = set(zip(column.values.tolist(), labels.tolist()))
    is_class = len(column.order) == num_classes == len(pairs)
    return None if len(column.order) == 1 or is_class else column


def sizes(
    widths: npt.NDArray[np.float64], heights: npt.NDArray[np.float64]
) -> list[Column]:
    """Returns size and aspect of the original images, in tertiles.

    Args:
        widths: `[n]`, in pixels; NaN where it is not known.
        heights: `[n]`.

    Returns:
        Those columns that have more than one value.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = {
            "megapixels": widths * heights / 1e6,
            "width / height": widths / heights,
        }
    columns = [_tertiles(name, values) for name, values in numbers.items()]
    return [column for column in columns if len(column.order) > 1]


def column_of(name: str, values: Sequence[str]) -> Column:
    """Returns a column of what a table says.

    Args:
        name: Of the column.
        values: Of each image, as text; "" where the table says nothing.

    Returns:
        In tertiles, if all values are numbers and more than `MAX_LEVELS`.
    """
    numbers = [_number(value) for value in values]
    given = {value for value in values if value}
    if len(given) > MAX_LEVELS and all(
        np.isfinite(number) for number, value in zip(numbers, values) if value
    ):
        column = _tertiles(name, np.array(numbers))
    else:
        column = _categories(name, values)
    if all(values):
        return column
    return dataclasses.replace(
        column,
        values=np.where(column.values == "", NOT_STATED, column.values),
        order=tuple(dict.fromkeys((*column.order, NOT_STATED))),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _categories(name: str, values: Sequence[str]) -> Column:
    order = sorted({value for value in values if value}, key=_natural)
    return Column(name, np.array(values, np.str_), tuple(order))


def _natural(value: str) -> tuple[float, str]:
    """Sorts numbers by their size, before other values."""
    number = _number(value)
    return (number if np.isfinite(number) else np.inf), value


def _tertiles(name: str, numbers: npt.NDArray[np.float64]) -> Column:
    known = np.isfinite(numbers)
    if not known.any():
        return Column(name, np.full(len(numbers), ""), ())
    edges = np.unique(
        np.quantile(numbers[known], [1 / 3, 2 / 3], method="lower")
    )
    # What equals the highest number is above nothing: where most do, the line
    # is drawn below it.
    highest = numbers[known].max()
    below = numbers[known & (numbers < highest)]
    edges = edges[edges < highest]
    if len(below) and not len(edges):
        edges = below.max(keepdims=True)
    texts = [_text(edge) for edge in edges]
    labels = (
        [
            f"up to {texts[0]}",
            *(f"{a} to {b}" for a, b in zip(texts, texts[1:])),
            f"above {texts[-1]}",
        ]
        if texts
        else [_text(numbers[known][0])]
    )
    places = np.searchsorted(edges, numbers, side="left")
    values = np.array(labels)[np.where(known, places, 0)]
    return Column(name, np.where(known, values, ""), tuple(labels))


def _text(number: float) -> str:
    # Whole numbers in full: of dates such as 20200131 the last digits tell.
    return f"{number:.0f}" if number.is_integer() else f"{number:.4g}"


def measure(
    columns: Sequence[Column],
    scores: scores_lib.Scores,
    *,
    threshold: float | None,
) -> list[dict[str, Any]]:
    """Returns the figures of each slice.

    Args:
        columns: Of the images, in the order of the scores.
        scores: Of all images.
        threshold: From which probability on class 1 is decided on; `None` with
            more than two classes.

    Returns:
        For each slice `column`, `value`, `num_images`, `num_patients`,
        `figures` (AUC, sensitivity, specificity; with more classes AUC and
        accuracy) and `suppressed`: why there are none, or `None`.
    """
    return [
        row for column in columns for row in _rows(column, scores, threshold)
    ]


def _rows(
    column: Column, scores: scores_lib.Scores, threshold: float | None
) -> list[dict[str, Any]]:
    rows = []
    personal: list[str] = []
    for value in column.order:
        own = column.values == value
        num_patients = len(np.unique(scores.patients[own]))
        if num_patients == 1:
            personal.append(value)
            continue
        row = _row(column, value, own, num_patients)
        if num_patients < MIN_PATIENTS:
            row["suppressed"] = f"Fewer than {MIN_PATIENTS} patients."
        else:
            row["figures"] = [
                figure.as_json()
                for figure in _figures(column, own, scores, threshold)
            ]
        rows.append(row)
    if personal:
        own = np.isin(column.values, personal)
        count = len(personal)
        text = f"{count} value{'s' if count > 1 else ''} of one patient"
        num_patients = len(np.unique(scores.patients[own]))
        row = _row(column, text + " each" * (count > 1), own, num_patients)
        row["suppressed"] = "A value of one patient may tell who it is."
        rows.append(row)
    return rows


def _row(
    column: Column, value: str, own: npt.NDArray[np.bool_], num_patients: int
) -> dict[str, Any]:
    return {
        "column": column.name,
        "value": value,
        "num_images": int(own.sum()),
        "num_patients": num_patients,
        "figures": None,
        "suppressed": None,
    }


def _figures(
    column: Column,
    own: npt.NDArray[np.bool_],
    scores: scores_lib.Scores,
    threshold: float | None,
) -> list[figure_lib.Figure]:
    """Returns the AUC of a slice, and what is decided in it."""
    ranked = own
    negative = scores.labels == 0
    if column.against_all and not (own & negative).any():
        ranked = own | negative
    return [
        _auc(scores.take(ranked)),
        *figures.figures_at(scores.take(own), threshold),
    ]


def _auc(scores: scores_lib.Scores) -> figure_lib.Figure:
    for label, name in enumerate(scores.class_names):
        of_class = np.unique(scores.patients[scores.labels == label])
        if len(of_class) < MIN_PATIENTS_OF_CLASS:
            noun = "patient" if len(of_class) == 1 else "patients"
            return figure_lib.missing(
                "auc",
                f"{len(of_class) or 'No'} {noun} of class {name}; an AUC is"
                f" stated from {MIN_PATIENTS_OF_CLASS} on.",
            )
    return figures.auc_figure(
        scores.labels, scores.probabilities, scores.patients
    )
