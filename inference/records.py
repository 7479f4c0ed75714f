"""The records of a run, and what their build says of each file."""

from __future__ import annotations

from collections.abc import Iterable
import csv
import hashlib
import io
import os
import pathlib
from typing import TypeAlias

from etils import epath
import tensorflow_datasets as tfds

from disk import cells
from inference import runs
import pipeline
from pipeline import data_source
from pipeline import fingerprints
from xray_tfds.records import integrity
from xray_tfds.records import manifest
from xray_tfds.records import storage

# A row of `files.csv`, by column.
Row: TypeAlias = "dict[str, str]"

_RECORDS_FILE = "dataset_info.json"
_DEFAULT_DATA_DIR = os.path.join("data", "records")
_MOST_NAMED = 4


def open_builder(
    run: runs.Run, data_dir: str | pathlib.Path | None = None
) -> tfds.core.DatasetBuilder:
    """Opens the records that a run was trained on; reads no example.

    Args:
        run: The run.
        data_dir: Where they are now, if they were moved: their own directory,
            or one that was given to `train.py` as --data_dir.

    Raises:
        ValueError: If they are not found, not opened, or are others.
    """
    places = list(_places(run, data_dir))
    for place in places:
        if (place / _RECORDS_FILE).is_file():
            break
    else:
        listed = ", ".join(map(str, places[:_MOST_NAMED])) or "no directory"
        raise ValueError(
            f"The records that the run in {run.workdir} was trained on are not "
            f"there. Looked for: {listed}. Add --data_dir=DIR with the "
            "directory where they are now, or prepare them again by the same "
            "command of train.py."
        )
    try:
        builder = tfds.builder_from_directory(place)
        metadata = builder.info.metadata or {}
        full_name = builder.info.full_name
    except Exception as error:
        raise storage.describe_unopened(place, error) from error
    found, expected = (m.get("fingerprint") for m in (metadata, run.dataset))
    if full_name != run.dataset["name"] or found != expected:
        raise ValueError(
            f"The records in {place} ({full_name}, fingerprint "
            f"{str(found)[:12]}) are not those that the run in {run.workdir} "
            f"was trained on ({run.dataset['name']}, fingerprint "
            f"{str(expected)[:12]}). Add --data_dir=DIR with the directory of "
            "those."
        )
    now, then = (m.get("splits_fingerprint") for m in (metadata, run.dataset))
    if now and then and now != then:  # Those of older versions do not say it.
        raise ValueError(
            f"The records in {place} hold other films in their splits than "
            f"those that the run in {run.workdir} was trained on: it may have "
            "learnt from films of their test split. Add --data_dir=DIR with "
            "the directory of its own."
        )
    return builder


def check_fingerprint(
    run: runs.Run,
    builder: tfds.core.DatasetBuilder,
    source: data_source.DataSource,
) -> None:
    """Raises where a split is not the one that a run has read."""
    known = dict(zip(("train", "validation"), run.data_fingerprint.split()))
    expected = known.get(source.name)
    found = pipeline.fingerprint(source)
    if fingerprints.of_splits(builder) and (
        "splits_fingerprint" not in run.dataset
    ):
        # A run of an earlier version does not say what was in which split.
        found = fingerprints.of_records(builder, source.name, with_splits=False)
    if expected not in (None, found):
        raise ValueError(
            f"The split {source.name} in {builder.data_dir} is not the one "
            f"that the run in {run.workdir} was trained with: the records were "
            "built anew. Train again, or add --data_dir=DIR with the directory "
            "of the others."
        )


def find_home(builder: tfds.core.DatasetBuilder) -> pathlib.Path:
    """Returns the directory of the name, above those of options and version.

    Records that were moved out of such directories are at home in their own.

    Args:
        builder: Of the records.
    """
    directory = pathlib.Path(builder.data_dir)
    levels = pathlib.PurePath(builder.info.full_name).parts
    if directory.parts[-len(levels) :] != levels:
        return directory
    return directory.parents[len(levels) - 2]


def read_rows(directory: str | os.PathLike[str]) -> list[Row]:
    """Returns what a build says of each file; nothing if it says nothing.

    Args:
        directory: Of the records.

    Raises:
        ValueError: If the table is damaged, or was changed since.
    """
    path = pathlib.Path(directory, manifest.FOLDER, manifest.FILES_FILE)
    if not path.exists():
        return []
    if change := integrity.find_change(epath.Path(path)):
        raise ValueError(f"{change}. Restore it, or prepare the records again.")
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        listed = [row for row in rows if row["status"] != "ignored"]
        needed = (
            *("filename", "label", "given_split", "split", "patient"),
            "digest",
        )
        for row in listed:
            if any(row[name] is None for name in needed):
                raise ValueError("a row is cut off")
            for name in ("filename", "label", "patient"):
                row[name] = cells.from_cell(row[name])
    except (csv.Error, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: {error}. Restore it, or prepare the records "
            "again."
        ) from error
    return listed


def source_fingerprint(rows: Iterable[Row]) -> str:
    """Returns what identifies a set of films, however it was prepared.

    Args:
        rows: Of its files, in any order.

    Returns:
        64 hexadecimal digits, the SHA-256 of the files' own; empty if one of
        the files has none, or there are none.
    """
    digests = sorted({row["digest"] for row in rows})
    if not digests or not all(digests):
        return ""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _places(
    run: runs.Run, data_dir: str | pathlib.Path | None
) -> Iterable[pathlib.Path]:
    """Yields where the records of a run may be."""
    name = run.dataset["name"]
    # As `xray_tfds.prepare` calls the directory of a folder's records.
    suffix = f"-{str(run.dataset.get('fingerprint'))[:12]}"
    if data_dir is None and run.info.get("records"):
        yield pathlib.Path(run.info["records"])
        return
    flags = run.flags
    root = pathlib.Path(data_dir or flags.get("data_dir") or _DEFAULT_DATA_DIR)
    root = root.expanduser()
    if data_dir is not None:
        yield root
    if "images_dir" in flags:
        yield root / f"{pathlib.Path(flags['images_dir']).name}{suffix}" / name
    yield root / name
    # A folder of images may have another name by now.
    if root.is_dir():
        for path in sorted(root.iterdir()):
            if path.name.endswith(suffix):
                yield path / name
