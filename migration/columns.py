"""Which columns of a data frame hold what, and checks of them."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import TYPE_CHECKING
import warnings

import numpy as np

from migration import targets as targets_lib

if TYPE_CHECKING:
    import pandas as pd

ALLOWED_CLASS_MODES: tuple[targets_lib.ClassMode, ...] = (
    *("binary", "categorical", "input", "multi_output", "raw", "sparse"),
    None,
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns hold what, and how they are read.

    Attributes:
        x_col: Names of files.
        y_col: Labels; a list of columns for "multi_output".
        weight_col: Weights; None for none.
        class_mode: What the labels are.
        classes: Names of classes in the order of their indices; None for all
            that there are, sorted.
    """

    x_col: Any
    y_col: Any
    weight_col: Any
    class_mode: targets_lib.ClassMode
    classes: Sequence[Any] | None


def check(frame: pd.DataFrame, columns: Columns) -> None:
    """Checks the columns of a frame.

    Raises:
        ValueError: If one is missing, or an argument is none of its choices.
        TypeError: If an argument or a value is of another type.
    """
    mode, y_col = columns.class_mode, columns.y_col
    if mode not in ALLOWED_CLASS_MODES:
        raise ValueError(
            f"`class_mode` must be one of {ALLOWED_CLASS_MODES}. "
            f"Received: class_mode={mode!r}"
        )
    if mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            "`y_col` must be a list of columns for class_mode='multi_output'. "
            f"Received: y_col={y_col!r}"
        )
    _check_present(frame, columns)
    _check_values(frame, "x_col", columns.x_col, (str,), "")
    if mode in targets_lib.CLASS_MODES:
        types = (str, list, tuple) if mode == "categorical" else (str,)
        _check_values(frame, "y_col", y_col, types, f" for class_mode={mode!r}")
    if mode == "binary":
        _check_two_classes(frame, columns)
    if columns.classes and mode not in targets_lib.CLASS_MODES:
        warnings.warn(
            f"`classes` is not used with class_mode={mode!r}.", stacklevel=4
        )
    _check_weights(frame, columns.weight_col)


def _check_weights(frame: pd.DataFrame, weight_col: Any) -> None:
    if weight_col:
        kind = frame[weight_col].dtype
        if not issubclass(kind.type, np.number):
            raise TypeError(
                "`weight_col` must be a column of numbers. Received: "
                f"weight_col={weight_col!r} of {kind}"
            )
    elif weight_col is not None:
        warnings.warn(
            "`weight_col` is not used, as in Keras, to which such a name is "
            f"none: rename the column. Received: weight_col={weight_col!r}",
            stacklevel=5,
        )


def _check_present(frame: pd.DataFrame, columns: Columns) -> None:
    named = {"x_col": [columns.x_col]}
    if columns.class_mode not in ("input", None):
        y_col = columns.y_col
        takes_several = columns.class_mode not in targets_lib.CLASS_MODES
        several = takes_several and isinstance(y_col, list)
        named["y_col"] = y_col if several else [y_col]
    if columns.weight_col:
        named["weight_col"] = [columns.weight_col]
    for argument, names in named.items():
        received = f"Received: {argument}={getattr(columns, argument)!r}"
        if not all(isinstance(name, Hashable) for name in names):
            raise TypeError(f"`{argument}` must name one column. {received}")
        if not all(name in frame for name in names):
            raise ValueError(
                f"`{argument}` must name columns of `dataframe`, which has "
                f"{', '.join(map(str, frame.columns)) or 'none'}. {received}"
            )
        # Of "raw" Keras takes them all.
        is_raw = argument == "y_col" and columns.class_mode == "raw"
        if not is_raw and any(frame[name].ndim > 1 for name in names):
            raise TypeError(
                f"`{argument}` must name columns that are there once: rename "
                f"the others of {', '.join(map(str, frame.columns))}. "
                f"{received}"
            )


def _check_values(
    frame: pd.DataFrame,
    argument: str,
    column: Any,
    types: tuple[type, ...],
    when: str,
) -> None:
    for row, value in frame[column].items():
        if not isinstance(value, types):
            names = " or ".join(kind.__name__ for kind in types)
            raise TypeError(
                f"`{argument}` must be a column of {names} alone{when}: use "
                f"frame[{column!r}].astype(str) for numbers, dropna for "
                f"missing values. Received: {value!r} in row {row!r}"
            )


def _check_two_classes(frame: pd.DataFrame, columns: Columns) -> None:
    names = set(columns.classes or frame[columns.y_col])
    if len(names) != 2:
        raise ValueError(
            "`class_mode` must not be 'binary' unless there are two classes. "
            f"Received: {', '.join(sorted(map(str, names)))}"
        )
