"""Prepared dataset -> `report.html` and `report.json`."""

from __future__ import annotations

import json
import math

from etils import epath
import tensorflow_datasets as tfds

from disk import whole_file
from xray_tfds.records import manifest
from xray_tfds.records import storage
from xray_tfds.report import content as content_lib
from xray_tfds.report import page
from xray_tfds.report import reading
from xray_tfds.report import samples as samples_lib
from xray_tfds.report import shapes
from xray_tfds.report.reading import ReportError

DEFAULT_NUM_SAMPLES = 8


def write_report(
    dataset_dir: epath.PathLike, *, num_samples: int = DEFAULT_NUM_SAMPLES
) -> epath.Path:
    """Writes the report of a prepared dataset, or writes it anew.

    Args:
        dataset_dir: Directory of the records, local or remote, with a folder
            `build_report` as the package's docstring describes it.
        num_samples: Sample images of each split and class, 0 for none.

    Returns:
        `epath.Path` of `report.html`; `report.json` lies beside it.

    Raises:
        ReportError: If the directory does not hold what a build leaves.
        StorageError: If TFDS does not open its records.
        ValueError: If `num_samples` is negative.
    """
    if num_samples < 0:
        raise ValueError(
            "`num_samples` must not be negative. Received:"
            f" num_samples={num_samples}"
        )
    dataset_dir = epath.Path(dataset_dir).expanduser()
    folder = dataset_dir / manifest.FOLDER
    facts = reading.read_json(folder / reading.FACTS_FILE, shapes.FACTS)
    tally = reading.tally_files(folder / "files.csv")
    audit = None
    if (folder / reading.AUDIT_FILE).exists():
        audit = reading.read_json(folder / reading.AUDIT_FILE, shapes.AUDIT)
    builder = _builder(dataset_dir)
    num_examples = {
        name: info.num_examples for name, info in builder.info.splits.items()
    }
    content = content_lib.assemble(facts, tally, audit, num_examples)
    samples = samples_lib.read_samples(builder, tally.kept, num_samples)
    path = folder / "report.html"
    whole_file.write_text(path, page.render(content, samples))
    content["samples"] = [
        {
            "split": sample["split"],
            "label": sample["label"],
            "filenames": [name for name, _ in sample["images"]],
        }
        for sample in samples
    ]
    whole_file.write_text(folder / "report.json", _to_json(content))
    return path


def _builder(dataset_dir):
    if not (dataset_dir / "dataset_info.json").exists():
        raise ReportError(
            f"{dataset_dir} holds no prepared dataset. Name the directory that"
            " has dataset_info.json in it."
        )
    try:
        return tfds.builder_from_directory(dataset_dir)
    except Exception as error:
        raise storage.describe_unopened(dataset_dir, error) from error


def _to_json(content):
    text = json.dumps(_plain(content), indent=1, allow_nan=False)
    return text + "\n"


def _plain(value):
    """Leaves out pictures, and numbers that JSON does not know."""
    if isinstance(value, dict):
        return {
            key: _plain(item)
            for key, item in value.items()
            if key != "thumbnail"
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
