"""A labelled folder that a run never saw: the external test.

It is prepared with the options of the run's own records, so that its films are
decoded, resized and judged as theirs were. Whether the run has never seen them
is not believed but looked up: copies of its films, by bytes or by a perceptual
hash, are named.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import pathlib
from typing import Any

from PIL import Image
from etils import epath
import numpy as np
from numpy import typing as npt
import tensorflow_datasets as tfds

from inference import examples as examples_lib
from inference import overlap as overlap_lib
from inference import records
from inference import runs
from pipeline import data_source
import xray_tfds
from xray_tfds.curate import duplicates
from xray_tfds.curate import examine
from xray_tfds.records import earlier
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib

_SPLITS = ("train", "validation", "test")

_SIGN_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class _Folder:
    """All records of a folder, whatever splits they are in."""

    builder: tfds.core.DatasetBuilder
    sources: tuple[data_source.DataSource, ...]
    keys: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    labels: npt.NDArray[np.int64]
    rows: dict[str, records.Row]
    fingerprint: str


def open_folder(
    run: runs.Run,
    images_dir: str | pathlib.Path,
    *,
    data_dir: str | pathlib.Path | None = None,
    records_dir: str | pathlib.Path | None = None,
) -> examples_lib.Examples:
    """Prepares a labelled folder as a run's records were, as one set.

    Args:
        run: The run.
        images_dir: Folder of class folders, with or without folders of splits
            above them, of this machine or of a bucket.
        data_dir: Where its records are kept; None for beside those of the run.
        records_dir: Where those of the run are now, as `data_dir` for
            `records.open_builder`.

    Raises:
        ValueError: If the folder cannot be prepared so, or the run's own
            records are not there.
    """
    source_dir = files_lib.to_path(images_dir).expanduser()
    own = records.open_builder(run, records_dir)
    if data_dir is None:
        data_dir = records.find_home(own).parent
        # <data_dir>/<folder>-<fingerprint>/<name>, as `xray_tfds.prepare` has
        # it; `tfds build` has no level between them.
        suffix = f"-{str(run.dataset.get('fingerprint'))[:12]}"
        if data_dir.name.endswith(suffix):
            data_dir = data_dir.parent
    folder = _prepare(run, source_dir, data_dir)
    own_rows = records.read_rows(own.data_dir)
    return examples_lib.Examples(
        name=pathlib.Path(source_dir).resolve().name,
        keys=folder.keys,
        patients=folder.patients,
        labels=folder.labels,
        class_names=run.class_names,
        sources=folder.sources,
        rows=folder.rows,
        fingerprint=folder.fingerprint,
        directory=str(folder.builder.data_dir),
        images_dir=str(source_dir),
        overlap=_find_overlap(run, own, own_rows, folder),
        tested_images=_count_tested(folder, own_rows),
    )


def is_ours(run: runs.Run) -> bool:
    """Whether the records of a run were prepared by `xray_tfds`."""
    return "harmonize" in run.dataset


def builder_options(run: runs.Run) -> dict[str, Any]:
    """Returns the options that the records of a run were prepared with.

    Raises:
        ValueError: If another program prepared them.
    """
    fields = {field.name for field in dataclasses.fields(xray_tfds.XrayConfig)}
    found = {k: v for k, v in run.dataset.items() if k in fields - {"name"}}
    if not is_ours(run):
        raise ValueError(
            f"The images of the run in {run.workdir} were not prepared by "
            "xray_tfds, so that others cannot be prepared as they were. "
            f"Received: dataset={run.dataset['name']}"
        )
    # Of the run's own table only the digest is known, and none of its rows is
    # about other files.
    return {**found, "patients_csv": "", "on_leak": "allow"}


def _prepare(
    run: runs.Run, images_dir: epath.Path, data_dir: str | pathlib.Path
) -> _Folder:
    options = builder_options(run)
    if files_lib.is_local(images_dir) and not images_dir.is_dir():
        raise ValueError(
            "`images_dir` must be an existing directory. Received: "
            f"images_dir={images_dir}"
        )
    try:
        builder = xray_tfds.prepare(images_dir, data_dir, **options)
    except ImportError as error:
        # A library for files of the folder, which it names.
        raise ValueError(str(error)) from error
    except errors.SourceError as error:
        # The options are the run's: of the builder's flags none is one here.
        is_named = "class_names" in error.remedy
        remedy = " Name its folders like the run's classes." if is_named else ""
        raise ValueError(
            "`images_dir` must be a folder that can be prepared as the run's "
            f"own images were, with its classes {', '.join(run.class_names)}: "
            f"{error.problem}{remedy}"
        ) from error
    splits = [name for name in _SPLITS if name in builder.info.splits]
    sources = [examples_lib.open_source(run, builder, name) for name in splits]
    columns = [examples_lib.read_columns(source) for source in sources]
    rows = records.read_rows(builder.data_dir)
    by_key: dict[str, records.Row] = {}
    keys: list[str] = []
    for split, column in zip(splits, columns):
        own = [row for row in rows if row["split"] == split]
        given = {row["given_split"] for row in own}
        names = examples_lib.unique_keys(column.filenames)
        # Splits that the folder itself has may have equal names.
        prefix = "" if given == {""} else f"{split}/"
        keys += [prefix + name for name in names]
        found = examples_lib.rows_by_key(names, own)
        by_key.update({prefix + name: row for name, row in found.items()})
    return _Folder(
        builder=builder,
        sources=tuple(sources),
        keys=np.array(keys, np.str_),
        patients=np.array([p for c in columns for p in c.patients], np.str_),
        labels=np.concatenate([column.labels for column in columns]),
        rows=by_key,
        # Of all its files: what is left out depends on the run.
        fingerprint=records.source_fingerprint(
            row for row in rows if row["digest"]
        ),
    )


def _find_overlap(
    run: runs.Run,
    own: tfds.core.DatasetBuilder,
    own_rows: Sequence[records.Row],
    folder: _Folder,
) -> overlap_lib.Overlap:
    """Returns what a folder shares with a run, copies of films included."""
    found = overlap_lib.find(
        folder.keys,
        folder.patients,
        folder.rows,
        own_rows,
        seen_in=examples_lib.SEEN,
        same_hash_key=earlier.read_hash_key(own.data_dir)
        == earlier.read_hash_key(folder.builder.data_dir),
    )
    if not examine.shows_film(xray_tfds.XrayConfig(**builder_options(run))):
        return found
    near = {
        key: f"The film is nearly that of {of} in the run's records."
        for key, of in _find_near(run, own, folder).items()
    }
    return dataclasses.replace(found, seen={**near, **found.seen})


def _find_near(
    run: runs.Run, own: tfds.core.DatasetBuilder, folder: _Folder
) -> dict[str, str]:
    """Returns the keys of films that are nearly ones of a run's, and which."""
    sources = [
        examples_lib.open_source(run, own, split)
        for split in examples_lib.SEEN
        if split in own.info.splits
    ]
    names = [
        f"{source.name}/{name}"
        for source in sources
        for name in examples_lib.read_columns(source).filenames
    ]
    signatures = np.concatenate([_sign(sources), _sign(folder.sources)])
    near: dict[str, str] = {}
    for first, second in duplicates.find_near_pairs(signatures).tolist():
        if first < len(names) <= second:
            key = str(folder.keys[second - len(names)])
            near.setdefault(key, names[first])
    return near


def _sign(
    sources: Sequence[data_source.DataSource],
) -> npt.NDArray[np.uint8]:
    """Returns the signatures of all images, uint8 `[n, SIGNATURE_SIZE]`."""
    signed = [
        duplicates.signature(Image.fromarray(image[..., 0]))
        for images in examples_lib.read_all(sources, _SIGN_AT_ONCE)
        for image in images
    ]
    found: npt.NDArray[np.uint8] = np.frombuffer(b"".join(signed), np.uint8)
    return found.reshape(len(signed), duplicates.SIGNATURE_SIZE)


def _count_tested(folder: _Folder, own_rows: Sequence[records.Row]) -> int:
    """Returns how many examples are in the test split of a run's records."""
    tested = {row["digest"] for row in own_rows if row["split"] == "test"}
    tested.discard("")
    return sum(row["digest"] in tested for row in folder.rows.values())
