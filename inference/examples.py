"""Examples to be scored: a split of a run's own records, opened on its own."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import pathlib
from typing import Literal

import numpy as np
from numpy import typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

from disk import example_columns
from inference import overlap as overlap_lib
from inference import records
from inference import runs
import pipeline
from pipeline import data_source

Split = Literal["train", "validation", "test"]

# What a run has seen: it learned from the one and was chosen by the other.
SEEN = ("train", "validation")


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Examples with their images, in one order, which never changes.

    Attributes:
        name: Of the split or the folder.
        keys: str `[n]`, unique: the names of the files in the records. Where
            a folder has splits of its own, these come first.
        patients: str `[n]`.
        labels: int64 `[n]`.
        class_names: In the order of the labels.
        sources: Where the images are, one after the other.
        rows: What the build says of the original files, by key: width, height,
            format, digest and more, as text. Without those of which it says
            nothing.
        fingerprint: Of the films, however they were prepared.
        directory: Of the records.
        images_dir: The folder; None for a split of the run's own records.
        overlap: What they share with the training of the run; nothing where
            they are that.
        tested_images: How many of these images are in the test split of the
            run's own records, which to score them is to open.
    """

    name: str
    keys: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    sources: tuple[data_source.DataSource, ...]
    rows: dict[str, records.Row]
    fingerprint: str
    directory: str
    images_dir: str | None = None
    overlap: overlap_lib.Overlap = overlap_lib.Overlap()
    tested_images: int = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self.keys)

    def batches(self, batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the images in order, uint8 `[batch, height, width, channels]`.

        Args:
            batch_size: Size of all batches but the last of a source.

        Raises:
            ValueError: If records are damaged; names the file.
        """
        yield from read_all(self.sources, batch_size)

    def read_images(
        self, keys: Sequence[str], batch_size: int = 64
    ) -> npt.NDArray[np.uint8]:
        """Returns the images of some keys, in their order.

        Args:
            keys: Some of `self.keys`.
            batch_size: How many are read at a time.
        """
        places = {key: place for place, key in enumerate(self.keys.tolist())}
        wanted = {places[key] for key in keys}
        found: dict[int, npt.NDArray[np.uint8]] = {}
        start = 0
        for images in self.batches(batch_size):
            for place in wanted.intersection(range(start, start + len(images))):
                found[place] = images[place - start]
            start += len(images)
        return np.stack([found[places[key]] for key in keys])


def open_split(
    run: runs.Run,
    split: Split,
    *,
    data_dir: str | pathlib.Path | None = None,
) -> Examples:
    """Opens a split of the records that a run was trained on, and no other.

    Args:
        run: The run.
        split: Which; its files alone are opened.
        data_dir: As for `records.open_builder`.

    Raises:
        ValueError: If there are no such records, or they are not those of the
            run, or damaged.
    """
    builder = records.open_builder(run, data_dir)
    check_split(builder, split)
    source = open_source(run, builder, split)
    records.check_fingerprint(run, builder, source)
    columns = read_columns(source)
    keys = np.array(unique_keys(columns.filenames), np.str_)
    patients = np.array(columns.patients, np.str_)
    all_rows = records.read_rows(builder.data_dir)
    rows = [row for row in all_rows if row["split"] == split]
    by_key = rows_by_key(keys.tolist(), rows)
    overlap = overlap_lib.Overlap()
    if split != "train":  # Which is not apart from itself.
        seen_in = [name for name in SEEN if name != split]
        overlap = overlap_lib.find(
            keys, patients, by_key, all_rows, seen_in=seen_in
        )
    return Examples(
        name=split,
        keys=keys,
        patients=patients,
        labels=columns.labels,
        class_names=source.class_names,
        sources=(source,),
        rows=by_key,
        fingerprint=records.source_fingerprint(rows)
        or pipeline.fingerprint(source),
        directory=str(builder.data_dir),
        overlap=overlap,
    )


def check_listed(
    run: runs.Run, split: Split, data_dir: str | pathlib.Path | None = None
) -> list[str]:
    """Returns the keys of a split that the build lists; opens nothing of it.

    Args:
        run: The run.
        split: Which.
        data_dir: As for `records.open_builder`.

    Raises:
        ValueError: If there is no such split, or a class is not in it.
    """
    builder = records.open_builder(run, data_dir)
    check_split(builder, split)
    rows = [
        row
        for row in records.read_rows(builder.data_dir)
        if row["split"] == split
    ]
    if rows:
        labels = [row["label"] for row in rows]
        check_classes(f"The split {split}", labels, run.class_names)
    return unique_keys([row["filename"] for row in rows])


def check_classes(
    what: str, labels: Iterable[str], class_names: Sequence[str]
) -> None:
    """Raises ValueError if there is no example of a class."""
    missing = sorted(set(class_names).difference(labels))
    if missing:
        raise ValueError(
            f"{what} has no image of the class {', '.join(missing)}, so that "
            "nothing can be said of how classes are told apart. Add images of "
            "it, or evaluate others: --images_dir=DIR."
        )


def check_split(builder: tfds.core.DatasetBuilder, split: Split) -> None:
    """Raises ValueError where records have no such split."""
    if split not in builder.info.splits:
        found = ", ".join(builder.info.splits) or "none"
        raise ValueError(
            f"The records in {builder.data_dir} have no split {split}. Splits "
            f"found: {found}. Add --split with one of these, or --images_dir="
            f"DIR with other images. Received: split={split}"
        )


def open_source(
    run: runs.Run, builder: tfds.core.DatasetBuilder, split: str
) -> data_source.DataSource:
    """Opens a split in memory, or to be read as needed, as the run had it.

    Raises:
        ValueError: If it is not of the run's classes and shape, or damaged.
    """
    budget = float(run.settings.get("memory_budget_gb", 4.0))
    source = pipeline.open_split(
        builder, split, memory_budget_bytes=int(budget * 2**30)
    )
    found = (source.class_names, source.image_shape)
    expected = (run.class_names, run.image_shape)
    if found != expected:
        raise ValueError(
            f"The split {split} in {builder.data_dir} has classes and shape "
            f"{found}, and the run in {run.workdir} was trained with "
            f"{expected}."
        )
    return source


def read_columns(
    source: data_source.DataSource,
) -> example_columns.ExampleColumns:
    """Returns labels, names and patients of all examples of a split.

    Raises:
        ValueError: If records are damaged; names the file.
    """
    with _naming_damage(source):
        return source.read_columns()


def unique_keys(filenames: Sequence[str]) -> list[str]:
    """Returns names, with a number behind those that were there before.

    A patient's films may be moved from one split into another that has their
    names already (`on_leak`).
    """
    seen: collections.Counter[str] = collections.Counter()
    keys = []
    for name in filenames:
        seen[name] += 1
        keys.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return keys


def rows_by_key(
    keys: Sequence[str], rows: Sequence[records.Row]
) -> dict[str, records.Row]:
    """Returns the row of each key that only one row can be meant by."""
    named: dict[str, list[records.Row]] = {}
    for row in rows:
        named.setdefault(row["filename"], []).append(row)
    return {key: named[key][0] for key in keys if len(named.get(key, ())) == 1}


def read_all(
    sources: Sequence[data_source.DataSource], batch_size: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yields the images of sources, one after the other, in batches.

    Raises:
        ValueError: If records are damaged; names the file.
    """
    for source in sources:
        with _naming_damage(source):
            ds = data_source.image_batches(source, batch_size)
            yield from ds.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


@contextlib.contextmanager
def _naming_damage(source: data_source.DataSource) -> Iterator[None]:
    """Looks for a damaged file where TensorFlow fails to read records."""
    try:
        yield
    except tf.errors.OpError:
        source.check_records()
        raise
