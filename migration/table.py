"""The rows of a data frame that Keras's `flow_from_dataframe` takes."""

from __future__ import annotations

import dataclasses
import logging
import os
from typing import Any
from typing import TYPE_CHECKING
import warnings

import numpy as np

from migration import columns as columns_lib
from migration import listing as listing_lib
from migration import targets as targets_lib
from pipeline import checks
from pipeline import subsets

if TYPE_CHECKING:
    import pandas as pd


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
    columns: columns_lib.Columns,
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
    columns_lib.check(dataframe, columns)
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
    return Table(
        directory=directory,
        filenames=tuple(frame[columns.x_col].tolist()),
        classes=labels,
        class_indices=class_indices,
        subset=subset,
        targets=_take_targets(frame, columns),
        weights=_take_weights(frame, columns),
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


def _list_classes(
    frame: pd.DataFrame, columns: columns_lib.Columns
) -> list[Any]:
    """Returns the names of the classes in the order of their indices."""
    found: set[Any] = set()
    for row, label in frame[columns.y_col].items():
        own = [label] if isinstance(label, str) else label
        try:
            found.update(own)
        except TypeError as error:
            received = f"{label!r} in row {row!r}"
            raise _no_names(columns, received) from error
    if not columns.classes:
        try:
            return sorted(found)
        except TypeError as error:
            kinds = sorted({type(name).__name__ for name in found})
            raise _no_names(columns, ", ".join(kinds)) from error
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


def _no_names(columns: columns_lib.Columns, received: str) -> TypeError:
    return TypeError(
        "`y_col` must hold names of classes that can be sorted, or lists of "
        f"them. Received: {received} of y_col={columns.y_col!r}"
    )


def _select_labels(
    frame: pd.DataFrame,
    columns: columns_lib.Columns,
    class_indices: dict[Any, int],
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


def _take_weights(frame: pd.DataFrame, columns: columns_lib.Columns) -> Any:
    """Returns the weights; None if there are none. Warns of NaN."""
    if not columns.weight_col:
        return None
    weights = frame[columns.weight_col]
    if weights.hasnans and columns.class_mode is not None:
        row = weights.index[weights.isna()][0]
        warnings.warn(
            f"weight_col={columns.weight_col!r} has no number in row {row!r}. "
            "As in Keras the row is not left out, and makes the loss NaN: use "
            "fillna, or dropna.",
            stacklevel=4,
        )
    return weights.values


def _take_targets(frame: pd.DataFrame, columns: columns_lib.Columns) -> Any:
    """Returns labels that are given as they are; None where there are none."""
    if columns.class_mode == "multi_output":
        return [np.array(frame[name].tolist()) for name in columns.y_col]
    if columns.class_mode == "raw":
        return frame[columns.y_col].values
    return None
