"""The rows of a data frame that Keras's `flow_from_dataframe` takes."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import logging
import os
from typing import Any
from typing import TYPE_CHECKING
import warnings

import numpy as np

from migration import listing as listing_lib
from migration import targets as targets_lib
from pipeline import checks
from pipeline import subsets

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


@dataclasses.dataclass(frozen=True, eq=False)
class Table(listing_lib.Files):
    """What was taken of a data frame.

    Attributes:
        targets: The labels of modes "raw" and "multi_output".
        weights: `[samples]`, or None.
    """

    targets: Any
    weights: Any


def list_dataframe(
    dataframe: pd.DataFrame,
    directory: str | os.PathLike[str] | None,
    columns: Columns,
    *,
    validate_filenames: bool = True,
    subset: subsets.Subset | None = None,
    validation_split: float = 0.0,
) -> Table:
    """Takes rows as Keras does, in their order; its every rule, liked or not.

    Args:
        dataframe: The table; it is not changed.
        directory: What names of files are relative to, but for absolute ones.
        columns: What is where.
        validate_filenames: Whether to leave out rows, with a warning, whose
            file does not exist or is not named like an image.
        subset: None, "training" or "validation".
        validation_split: The share of all rows, the first, that is
            "validation".

    Raises:
        ValueError: If an argument is not as it must be.
        TypeError: If values of a column are not.
    """
    _check_frame(dataframe)
    directory = os.fspath(directory or "")
    if subset is not None:
        checks.check_choice("subset", subset, subsets.SUBSETS)
    _check_columns(dataframe, columns)
    frame = dataframe
    if validate_filenames:
        frame = _drop_missing_files(frame, directory, columns.x_col)
    class_indices = labels = None
    if columns.class_mode in targets_lib.CLASS_MODES:
        names = _list_classes(frame, columns)
        class_indices = {name: index for index, name in enumerate(names)}
        frame, labels = _select_labels(frame, columns, class_indices)
    if subset is not None:
        # Of all rows together, not of each class as of a directory.
        end = int(validation_split * len(frame))
        rows = slice(end) if subset == "validation" else slice(end, None)
        frame, labels = frame.iloc[rows], labels and labels[rows]
    weights = frame[columns.weight_col].values if columns.weight_col else None
    return Table(
        directory=directory,
        filenames=tuple(frame[columns.x_col].tolist()),
        classes=labels,
        class_indices=class_indices,
        subset=subset,
        targets=_take_targets(frame, columns),
        weights=weights,
    )


def _check_frame(dataframe: Any) -> None:
    """Raises TypeError unless this is a frame of pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ValueError(
            "`dataframe` must be a pandas.DataFrame, and pandas is not "
            "installed: pip install 'xray-tfds[dataframe]'"
        ) from error
    if not isinstance(dataframe, pd.DataFrame):
        raise TypeError(
            "`dataframe` must be a pandas.DataFrame: pass pandas.read_csv(PATH)"
            " for a file, frame.to_pandas() for a frame of another library. "
            f"Received: {type(dataframe).__name__}"
        )


def _check_columns(frame: pd.DataFrame, columns: Columns) -> None:
    """Raises an error for a column that is missing or has other values."""
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
    weight_col = columns.weight_col
    if weight_col and not issubclass(frame[weight_col].dtype.type, np.number):
        raise TypeError(
            "`weight_col` must be a column of numbers. Received: "
            f"weight_col={weight_col!r} of {frame[weight_col].dtype}"
        )


def _check_present(frame: pd.DataFrame, columns: Columns) -> None:
    named = {"x_col": [columns.x_col]}
    if columns.class_mode not in ("input", None):
        y_col = columns.y_col
        named["y_col"] = y_col if isinstance(y_col, list) else [y_col]
    if columns.weight_col:
        named["weight_col"] = [columns.weight_col]
    for argument, names in named.items():
        missing = [name for name in names if name not in frame]
        if missing:
            raise ValueError(
                f"`{argument}` must name columns of `dataframe`, which has "
                f"{', '.join(map(str, frame.columns))}. "
                f"Received: {argument}={getattr(columns, argument)!r}"
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


def _drop_missing_files(
    frame: pd.DataFrame, directory: str, x_col: Any
) -> pd.DataFrame:
    """Returns the rows whose file exists and is named like an image."""
    valid = [
        name.lower().endswith(listing_lib.ENDINGS)
        and os.path.isfile(os.path.join(directory, name))
        for name in frame[x_col]
    ]
    num_invalid = valid.count(False)
    if num_invalid:
        first = frame[x_col].iloc[valid.index(False)]
        warnings.warn(
            f"Found {num_invalid} invalid image filename(s) in "
            f"x_col={x_col!r}: these rows are left out. No file, or not named "
            f"like an image: {os.path.join(directory, first)}",
            stacklevel=4,
        )
    return frame[np.array(valid, bool)]


def _list_classes(frame: pd.DataFrame, columns: Columns) -> list[Any]:
    """Returns the names of the classes in the order of their indices."""
    found: set[Any] = set()
    for label in frame[columns.y_col]:
        found.update([label] if isinstance(label, str) else label)
    if not columns.classes:
        return sorted(found)
    names = list(dict.fromkeys(columns.classes))
    missing = [name for name in names if name not in found]
    if missing:
        # Keras prints how many rows it has found, and warns of nothing.
        logging.warning(
            "`classes` names %s, which no row has in y_col=%r. Rows that have "
            "others alone, of %d names, are left out, as in Keras.",
            ", ".join(map(str, missing)),
            columns.y_col,
            len(found.difference(names)),
        )
    return names


def _select_labels(
    frame: pd.DataFrame, columns: Columns, class_indices: dict[Any, int]
) -> tuple[pd.DataFrame, list[int | list[int]]]:
    """Returns the rows that have a known class, and the indices of theirs."""
    labels: list[Any] = []
    for label in frame[columns.y_col]:
        if isinstance(label, str):
            labels.append(class_indices.get(label))
            continue
        known = [class_indices[name] for name in label if name in class_indices]
        # A row without a class stays, unless it is for want of a wanted one.
        labels.append(known if known or not columns.classes else None)
    has_label = np.array([label is not None for label in labels], bool)
    return frame[has_label], [label for label in labels if label is not None]


def _take_targets(frame: pd.DataFrame, columns: Columns) -> Any:
    """Returns labels that are given as they are; None where there are none."""
    if columns.class_mode == "multi_output":
        return [np.array(frame[name].tolist()) for name in columns.y_col]
    if columns.class_mode == "raw":
        return frame[columns.y_col].values
    return None
