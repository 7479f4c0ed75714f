"""Opens a split of a prepared data set: in memory if it fits, else streamed."""

from __future__ import annotations

from collections.abc import Sequence
import os
import posixpath
from typing import NamedTuple
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

from pipeline import array_record_split
from pipeline import buffers
from pipeline import data_source
from pipeline import fingerprints
from pipeline import records
from pipeline import split as split_lib
from pipeline import tfrecord_split

DEFAULT_MEMORY_BUDGET_BYTES = 4 * 2**30
_READ_BATCH_SIZE = 64

# A TFDS builder, the directory that one prepared, or a split that is open.
Data: TypeAlias = (
    "tfds.core.DatasetBuilder | str | os.PathLike[str] | data_source.DataSource"
)


def open_split(
    data: Data,
    split: str,
    *,
    memory_budget_bytes: int = DEFAULT_MEMORY_BUDGET_BYTES,
) -> data_source.DataSource:
    """Returns a split in memory if it fits, else one that is read as needed.

    Args:
        data: TFDS builder, its prepared directory, or a split that was opened
            before, which is returned as it is if its name matches.
        split: Name of the split, such as "train".
        memory_budget_bytes: Most bytes for the decoded images; where they do
            not fit, for the window of records that is shuffled.

    Raises:
        ValueError: If the split does not exist or is empty, or its records are
            incomplete or damaged.
    """
    if isinstance(data, data_source.DataSource):
        data_source.check_name(data, split)
        return data
    builder = records.as_builder(data)
    if records.decoded_bytes(builder, split) <= memory_budget_bytes:
        return load_split(
            builder, split, memory_budget_bytes=memory_budget_bytes
        )
    records.check_shards(builder, split)
    if records.is_array_record(builder):
        return array_record_split.ArrayRecordSplit(builder, split)
    return tfrecord_split.TFRecordSplit(builder, split, memory_budget_bytes)


def load_split(
    data: Data,
    split: str,
    *,
    memory_budget_bytes: int = DEFAULT_MEMORY_BUDGET_BYTES,
) -> split_lib.Split:
    """Reads a split of a prepared data set into memory, once.

    Args:
        data: TFDS builder, its prepared directory, or a `Split`, which is
            returned as it is if its name matches.
        split: Name of the split, such as "train".
        memory_budget_bytes: Most bytes the decoded images may take.

    Returns:
        `Split` sorted as `flow_from_directory` lists files: by label, then
        directory, then file name; whatever order the records have.

    Raises:
        ValueError: If the split does not exist, is empty or exceeds the budget,
            or its records are incomplete or damaged.
    """
    if isinstance(data, split_lib.Split):
        data_source.check_name(data, split)
        return data
    builder = records.as_builder(data)
    num_bytes = records.decoded_bytes(builder, split)
    if num_bytes > memory_budget_bytes:
        raise ValueError(
            f"Split {split!r} takes {num_bytes:,} bytes decoded, which is more "
            "than `memory_budget_bytes`. Raise the budget if the machine has "
            "the memory, or build the data set with a smaller `image_size`. "
            f"Received: memory_budget_bytes={memory_budget_bytes}"
        )
    return _read_split(builder, split)


def _read_split(
    builder: tfds.core.DatasetBuilder, split: str
) -> split_lib.Split:
    """Returns a split with its examples in the order of their listing."""
    records.check_shards(builder, split)
    try:
        columns = _read_columns(builder, split)
    except tf.errors.OpError:
        records.check_shards(builder, split, read=True)
        raise
    order = _listing_order(columns.labels, columns.filenames)
    buffers.permute_in_place(columns.images, order)
    return split_lib.Split(
        name=split,
        images=buffers.adopt(columns.images),
        labels=columns.labels[order],
        filenames=tuple(columns.filenames[i] for i in order),
        patients=tuple(columns.patients[i] for i in order),
        class_names=tuple(builder.info.features["label"].names),
        origin=fingerprints.of_records(builder, split),
    )


class _Columns(NamedTuple):
    """What a split's records hold, in their order."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    filenames: list[str]
    patients: list[str]


def _read_columns(builder: tfds.core.DatasetBuilder, split: str) -> _Columns:
    num_examples = builder.info.splits[split].num_examples
    shape = builder.info.features["image"].shape
    columns = _Columns(
        buffers.empty_aligned((num_examples, *shape)),
        np.empty([num_examples], np.int64),
        [],
        [],
    )
    start = 0
    # TFDS raises an error where they end before their promised number.
    ds = _examples(builder, split)
    batches = ds.batch(_READ_BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
    for batch in batches.as_numpy_iterator():
        stop = start + len(batch["label"])
        columns.images[start:stop] = batch["image"]
        columns.labels[start:stop] = batch["label"]
        columns.filenames.extend(name.decode() for name in batch["filename"])
        columns.patients.extend(key.decode() for key in batch["patient"])
        start = stop
    return columns


def _examples(builder: tfds.core.DatasetBuilder, split: str) -> tf.data.Dataset:
    """Returns the dataset of a split's decoded examples, in record order."""
    if not records.is_array_record(builder):
        return builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    # TFDS reads this format in Python only.
    source = records.ArrayRecords(builder, split)
    num_examples = builder.info.splits[split].num_examples
    ds = tf.data.Dataset.range(num_examples).batch(_READ_BATCH_SIZE)
    ds = ds.map(
        lambda index: tf.numpy_function(source.read, [index], tf.string)
    )
    return ds.unbatch().map(
        builder.info.features.deserialize_example,
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def _listing_order(
    labels: npt.NDArray[np.int64], filenames: Sequence[str]
) -> list[int]:
    """Returns the permutation that sorts as `flow_from_directory` lists."""
    return sorted(
        range(len(filenames)),
        key=lambda i: (labels[i], *posixpath.split(filenames[i])),
    )
