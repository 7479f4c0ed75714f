"""Containers that a table describes, without the files."""

from __future__ import annotations

from collections.abc import Sequence
import csv
import io

from etils import epath

from disk import cells
from xray_tfds.audit import features
from xray_tfds.audit import samples

COLUMNS = (
    *("label", "patient", "bytes", "width", "height", "mode"),
    "luma_quantisation_sum",
)


def read_metadata_csv(path: epath.PathLike) -> samples.Samples:
    """Reads `--metadata_csv`.

    Args:
        path: CSV with `COLUMNS` and any others; any path that `etils.epath`
            understands. Without a patient, a row is a patient of its own.

    Returns:
        `samples.Samples`; the classes are the labels in alphabetical order.

    Raises:
        ValueError: If the table is missing or not as it must be.
    """
    found = []
    for line, values in _read_rows("metadata_csv", path, COLUMNS):
        numbers = [
            _number(path, line, values, name)
            for name in ("bytes", "width", "height", "luma_quantisation_sum")
        ]
        container = features.describe_container(
            *numbers[:3], luma_sum=numbers[3]
        )
        patient = values["patient"] or f"line:{line}"
        measurement = features.Measurement(container, values["mode"])
        found.append(samples.Sample(values["label"], patient, "", measurement))
    class_names = sorted({sample.label for sample in found})
    if len(class_names) < 2 or "" in class_names:
        raise ValueError(
            "`metadata_csv` must give two or more labels, and one in each row."
            f" Received: {path} with {len(class_names)} labels"
            + (", one of them empty" if "" in class_names else "")
        )
    return samples.collect(class_names, found)


def read_source_files(
    path: epath.PathLike, class_names: Sequence[str]
) -> samples.Samples:
    """Reads which containers the kept files of a build had.

    Args:
        path: `build_report/files.csv` of a prepared dataset.
        class_names: Names of the classes.

    Returns:
        `samples.Samples`; quantisation is not known, and 0.

    Raises:
        ValueError: If the table is not as it must be.
    """
    needed = (
        *("status", "label", "patient", "split", "format", "mode"),
        *("num_bytes", "width", "height"),
    )
    found = []
    for line, values in _read_rows("files.csv", path, needed):
        if values["status"] != "kept":
            continue
        numbers = [
            _number(path, line, values, name)
            for name in ("num_bytes", "width", "height")
        ]
        measurement = features.Measurement(
            features.describe_container(*numbers),
            f"{values['format']} {values['mode']}",
        )
        patient = values["patient"] or f"line:{line}"
        found.append(
            samples.Sample(
                cells.from_cell(values["label"]),
                patient,
                values["split"],
                measurement,
            )
        )
    return samples.collect(class_names, found)


def _read_rows(name, path, needed):
    """Yields pairs of line number and row, a dict of column to value."""
    file = epath.Path(path).expanduser()
    if not file.is_file():
        raise ValueError(
            f"`{name}` must be an existing file. Received: {name}={path}"
        )
    text = cells.decode_table(file.read_bytes(), option=name, path=path)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = reader.fieldnames or ()
        missing = [column for column in needed if column not in columns]
        if missing:
            cells.check_separator(columns, option=name, path=path)
            raise ValueError(
                f"`{name}` must have the columns {', '.join(needed)}. "
                f"Received: {path} without {', '.join(missing)}"
            )
        for values in reader:
            yield reader.line_num, {key: values[key] or "" for key in needed}
    except csv.Error as error:
        raise ValueError(
            f"`{name}` must be a table of comma-separated values. Received: "
            f"{path} with line {reader.line_num + 1}: {error}"
        ) from error


def _number(path, line, values, column):
    """Returns a cell as a float; only quantisation sums may be 0 or empty."""
    text = values[column]
    optional = column == "luma_quantisation_sum"
    try:
        number = float(text or "0")
    except ValueError:
        number = -1.0
    if not (0 < number < float("inf") or (optional and number == 0)):
        raise ValueError(
            f"`{column}` must be a positive number. Received: "
            f"line {line} of {path}, which has none there"
        )
    return number
