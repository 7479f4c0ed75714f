"""`flow_from_dataframe`, with the arguments of Keras and batches of ours."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import os
from typing import Any
from typing import TYPE_CHECKING
import warnings

from migration import arguments
from migration import columns as columns_lib
from migration import decoding as decoding_lib
from migration import iterator
from migration import listing as listing_lib
from migration import table as table_lib
from migration import targets as targets_lib
import pipeline
from pipeline import subsets

if TYPE_CHECKING:
    import pandas as pd

# Arguments that Keras no longer heeds -> what to do instead.
_DEPRECATED = {
    "has_ext": "name files in the table as they are named on disk",
    "sort": "with shuffle=False batches are in the order of the table",
    "drop_duplicates": "call dataframe.drop_duplicates()",
}

_NO_CLASSES = "with this `class_mode` there are no classes"


class DataFrameFlow(iterator.FileFlow):
    """What `flow_from_dataframe` returns.

    Attributes:
        table: The rows that were taken.
        labels: What batches are labelled with: `classes`, or the values of the
            columns for "raw" and "multi_output".
    """

    allowed_class_modes = set(columns_lib.ALLOWED_CLASS_MODES)
    missing = {
        **dict.fromkeys(("classes", "class_indices", "labels"), _NO_CLASSES),
        "num_classes": "use len(flow.class_indices)",
        "get_classes": "use flow.classes",
    }

    def __init__(
        self,
        generator: Any,
        table: table_lib.Table,
        decoding: decoding_lib.Decoding,
        class_mode: targets_lib.ClassMode,
        options: Mapping[str, Any],
    ) -> None:
        """Decodes the files, if they fit into memory.

        Args:
            generator: What the user passed.
            table: The rows.
            decoding: How to decode their files.
            class_mode: What the labels are.
            options: For `pipeline.make_train_dataset`.
        """
        labels = table.targets
        if table.classes is not None:
            labels = table.classes if table.labels is None else table.labels
        targets = targets_lib.Targets(
            class_mode,
            arguments.as_config(generator).dtype,
            labels=labels,
            num_classes=len(table.class_indices or ()),
            weights=table.weights,
        )
        super().__init__(generator, table, decoding, targets, options)
        self.table = table
        if table.targets is not None:
            self.labels = table.targets
        if table.classes is not None:
            self.classes = self.labels = table.classes
            self.class_indices = table.class_indices
        self._close()


def flow_from_dataframe(
    generator: pipeline.AugmentConfig | Any,
    dataframe: pd.DataFrame,
    directory: str | os.PathLike[str] | None = None,
    x_col: Any = "filename",
    y_col: Any = "class",
    weight_col: Any = None,
    target_size: tuple[int, int] = (256, 256),
    color_mode: str = "rgb",
    classes: Sequence[Any] | None = None,
    class_mode: targets_lib.ClassMode = "categorical",
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int | None = None,
    save_to_dir: str | None = None,
    save_prefix: str = "",
    save_format: str = "png",
    subset: subsets.Subset | None = None,
    interpolation: str = "nearest",
    validate_filenames: bool = True,
    **dataset_options: Any,
) -> DataFrameFlow:
    """Does what Keras's `generator.flow_from_dataframe(...)` does.

    Rows, their order, labels, weights, decoding and resizing are Keras's; so is
    the distribution of batches. The rest is as of `flow_from_directory`.

        table = pd.read_csv("Data_Entry_2017.csv")
        table["finding"] = table["Finding Labels"].str.split("|")
        flow = migration.flow_from_dataframe(
            config, table, "DIR/images", x_col="Image Index", y_col="finding")

    Args:
        generator: `pipeline.AugmentConfig`, or a live `ImageDataGenerator`,
            fitted or not.
        dataframe: `pandas.DataFrame`, one row for each image; not changed.
        directory: What names of files are relative to; None where they are
            absolute, or relative to where the program runs.
        x_col: Column of the names of files.
        y_col: Column of the labels; for "multi_output" a list of columns, for
            "raw" one or a list.
        weight_col: Column of numbers, the weights of the examples.
        target_size: `(height, width)` in pixels.
        color_mode: "grayscale", "rgb" or "rgba".
        classes: Names of the classes in the order of their indices. Rows with
            none of them are left out; by default all that there are, sorted.
        class_mode: "categorical", of a name or a list of names in each row;
            "binary" or "sparse", of one name; "raw", of anything;
            "multi_output", of several columns; "input" or None, without labels.
        batch_size: Images in a batch.
        shuffle: Whether each epoch has a fresh order; else that of the rows.
        seed: Any; None draws one.
        save_to_dir: None or empty; others are refused.
        save_prefix: Unused, as in Keras without `save_to_dir`.
        save_format: Likewise.
        subset: "training" or "validation": the first rows, as many as
            `validation_split` says, are "validation", whatever their class.
        interpolation: Filter for resizing, as in `keras.utils.load_img`.
        validate_filenames: Whether to leave out rows, with a warning, whose
            file does not exist or is not named like an image.
        **dataset_options: For `pipeline.make_train_dataset`.

    Raises:
        ValueError: If an argument or a file is not as it must be.
        TypeError: If values of a column are not.
    """
    del save_prefix, save_format
    arguments.check_not_saved(save_to_dir)
    class_mode = _warn_of_deprecated(class_mode, dataset_options)
    options = arguments.make_options(batch_size, shuffle, seed, dataset_options)
    decoding = decoding_lib.Decoding(
        target_size, color_mode, interpolation, keep_aspect_ratio=False
    )
    classes = listing_lib.as_names(classes)
    validation_split = arguments.as_config(generator).validation_split
    table = table_lib.list_dataframe(
        dataframe,
        directory,
        columns_lib.Columns(x_col, y_col, weight_col, class_mode, classes),
        validate_filenames=validate_filenames,
        subset=subset,
        validation_split=validation_split or 0,
    )
    if not table.samples:
        raise ValueError(
            f"`dataframe` must have rows to take. Of {len(dataframe)} none is "
            f"left: their files are looked for in {table.directory or '.'}. "
            f"Received: classes={classes}, subset={subset!r}, "
            f"validation_split={validation_split}"
        )
    return DataFrameFlow(generator, table, decoding, class_mode, options)


def _warn_of_deprecated(
    class_mode: Any, options: dict[str, Any]
) -> targets_lib.ClassMode:
    """Returns the mode of today, and removes options that are no more."""
    for name in _DEPRECATED.keys() & options.keys():
        del options[name]
        warnings.warn(
            f"`{name}` is deprecated and not used: {_DEPRECATED[name]}.",
            DeprecationWarning,
            stacklevel=3,
        )
    if class_mode != "other":
        return class_mode
    warnings.warn(
        "class_mode='other' is deprecated: use class_mode='raw'.",
        DeprecationWarning,
        stacklevel=3,
    )
    return "raw"
