"""What the build left in `build_report/`, read in one pass."""

from __future__ import annotations

import array
import collections
import csv
import dataclasses
import json
import math
from typing import Any
from typing import TYPE_CHECKING

from disk import cells
from disk import json_shapes

if TYPE_CHECKING:
    from etils import epath

# Distributions are drawn of these. Bytes a pixel come first: on the public
# data set they alone give the label away (AUC .999).
QUANTITIES = (
    ("bytes a pixel", ""),
    ("width", "pixels"),
    ("height", "pixels"),
    ("width / height", ""),
    ("mean grey value", "0 to 255"),
    ("standard deviation of grey values", "0 to 255"),
)

FACTS_FILE, AUDIT_FILE = "facts.json", "audit.json"

_NEEDED_COLUMNS = ("filename", "split", "label", "patient", "status")


class ReportError(ValueError):
    """A dataset directory of which no report can be written."""


@dataclasses.dataclass
class Tally:
    """What is counted in `files.csv`; nothing that grows with pixels.

    Attributes:
        kept: `(split, label)` -> number of kept files.
        people: `(patient, split, label)` -> number of kept files.
        containers: `(format, mode, label)` -> number of kept files.
        values: `(quantity, label)` -> `array.array` of float32, one for each
            kept file of which it is known.
        excluded: Rows of excluded files, with the keys `filename`, `split`
            (that given by a folder), `label`, `reason` and `detail`.
        ignored: Rows of what is no file of the dataset, with the keys
            `filename` and `reason`.
        num_rows: Number of all other rows.
    """

    kept: collections.Counter
    people: collections.Counter
    containers: collections.Counter
    values: dict
    excluded: list
    ignored: list = dataclasses.field(default_factory=list)
    num_rows: int = 0


def read_json(path: epath.Path, shape: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of a JSON file.

    Args:
        path: Of the file, in the folder of the report.
        shape: What it must look like, one of `shapes`.

    Raises:
        ReportError: If the file is missing or is not as it was written.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ReportError(
            f"{path.parent} holds no {path.name}. Name a dataset directory,"
            " such as data/tfds/xray_tfds/grayscale_256x256_bilinear/1.0.0;"
            " records of an older version have to be built again"
            " (`tfds build xray_tfds --overwrite`)."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{path} is not valid JSON ({error}). {_remedy(path)}"
        ) from error
    if not isinstance(content, dict):
        raise ReportError(
            f"{path} must hold a JSON object. {_remedy(path)} Received:"
            f" {type(content).__name__}"
        )
    try:
        json_shapes.check(content, shape)
    except ValueError as error:
        raise ReportError(
            f"{path} is damaged or of another version: {error}. {_remedy(path)}"
        ) from error
    return content


def _remedy(path: epath.Path) -> str:
    """Returns what to do where a file is not as it was written."""
    if path.name == AUDIT_FILE:
        return f"Audit again: python -m xray_tfds.audit {path.parent.parent}"
    return "Build again with --overwrite."


def tally_files(path: epath.Path) -> Tally:
    """Counts the rows of a `files.csv`.

    Args:
        path: `epath.Path` of the file, UTF-8.

    Returns:
        `Tally`.

    Raises:
        ReportError: If the file is missing or lacks a column.
    """
    tally = Tally(
        kept=collections.Counter(),
        people=collections.Counter(),
        containers=collections.Counter(),
        values=collections.defaultdict(lambda: array.array("f")),
        excluded=[],
    )
    if not path.exists():
        raise ReportError(
            f"{path.parent} holds no {path.name}: build again with --overwrite."
        )
    with path.open("rb") as file:
        # Lines, not a text wrapper: also TensorFlow's remote files have them.
        rows = csv.DictReader(
            line.decode("utf-8", "surrogateescape") for line in file
        )
        missing = set(_NEEDED_COLUMNS) - set(rows.fieldnames or ())
        if missing:
            raise ReportError(
                f"{path} lacks the columns {', '.join(sorted(missing))}: build"
                " again with --overwrite."
            )
        try:
            for row in rows:
                _count(tally, row)
        except csv.Error as error:
            raise ReportError(
                f"{path} cannot be read near line {rows.line_num} ({error}):"
                " build again with --overwrite."
            ) from error
    return tally


def _count(tally, row):
    filename = cells.from_cell(row["filename"])
    if row["status"] == "ignored":
        reason = row.get("reason") or "not said"
        tally.ignored.append({"filename": filename, "reason": reason})
        return
    tally.num_rows += 1
    label = cells.from_cell(row["label"])
    if row["status"] != "kept":
        given = row.get("given_split") or row["split"]
        entry = {"filename": filename, "split": given or None}
        entry["label"] = label
        entry["reason"] = row.get("reason") or "not said"
        entry["detail"] = cells.from_cell(row.get("detail") or "")
        tally.excluded.append(entry)
        return
    tally.kept[row["split"], label] += 1
    patient = cells.from_cell(row["patient"])
    tally.people[patient, row["split"], label] += 1
    tally.containers[row.get("format"), row.get("mode"), label] += 1
    for (quantity, _), value in zip(QUANTITIES, _measure(row)):
        if math.isfinite(value):
            tally.values[quantity, label].append(value)


def _measure(row):
    """Returns the values of `QUANTITIES`; NaN where one is not known."""
    width, height, num_bytes, mean, std = (
        _number(row.get(name))
        for name in ("width", "height", "num_bytes", "mean", "std")
    )
    pixels = width * height if width * height > 0 else math.nan
    aspect = width / height if height > 0 else math.nan
    return num_bytes / pixels, width, height, aspect, mean, std


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan
