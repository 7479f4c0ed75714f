"""The files of a prepared data set: opened, counted, found damaged."""

from __future__ import annotations

from collections.abc import Iterator
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds


class ArrayRecords:
    """Serialized examples of an ArrayRecord split, by number, to any thread.

    TFDS's data source starts threads for each batch it is asked for, which
    takes four times as long as the reading (`benchmarks/million.py`). Batches
    are fetched by the threads of tf.data.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, split: str) -> None:
        """Opens the files of a split; `check_shards` comes first."""
        info = builder.info.splits[split]
        self._readers = [
            _open_array_record(os.fspath(path)) for path in info.filepaths
        ]
        self._ends = np.cumsum(info.shard_lengths)

    def read(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        """Returns the examples of the given numbers, `[n]` of bytes.

        Raises:
            DataLossError: As of TFRecords, if a file is damaged.
        """
        found = np.empty(len(index), object)
        shards = np.searchsorted(self._ends, index, side="right")
        for shard in np.unique(shards):
            places = np.flatnonzero(shards == shard)
            start = self._ends[shard - 1] if shard else 0
            numbers = (index[places] - start).tolist()
            try:
                found[places] = self._readers[shard].read(numbers)
            except RuntimeError as error:
                raise tf.errors.DataLossError(None, None, str(error)) from error
        return found


def as_builder(
    data: tfds.core.DatasetBuilder | str | os.PathLike[str],
) -> tfds.core.DatasetBuilder:
    """Returns a TFDS builder as it is, or that of a prepared directory."""
    if isinstance(data, tfds.core.DatasetBuilder):
        return data
    return tfds.builder_from_directory(data)


def is_array_record(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether the records of a prepared builder give random access."""
    file_format = tfds.core.FileFormat.ARRAY_RECORD
    return bool(builder.info.file_format == file_format)


def decoded_bytes(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """Returns how many bytes the images of a split take in memory.

    Raises:
        ValueError: If the split does not exist or is empty.
    """
    if split not in builder.info.splits:
        raise ValueError(
            f"`split` must be one of {', '.join(builder.info.splits)} in "
            f"{builder.data_dir}. Received: split={split!r}"
        )
    num_examples = int(builder.info.splits[split].num_examples)
    if not num_examples:
        raise ValueError(f"Split {split!r} of {builder.data_dir} is empty.")
    shape = builder.info.features["image"].shape
    return num_examples * int(np.prod(shape))


def check_shards(
    builder: tfds.core.DatasetBuilder, split: str, *, read: bool = False
) -> None:
    """Raises ValueError, naming the file, unless a split's files are whole.

    Args:
        builder: Prepared TFDS builder.
        split: Name of the split.
        read: Whether to read them to the end, with the checksums that both
            formats keep. Without, they must be there and not empty, and those
            of ArrayRecord, which know it, hold as many examples as promised.
    """
    array_record = is_array_record(builder)
    info = builder.info.splits[split]
    for path, expected in zip(
        map(os.fspath, info.filepaths), info.shard_lengths
    ):
        fault = _find_fault(path, expected, array_record)
        if read and fault is None:
            fault = _read_fault(path, expected, array_record)
        if fault is not None:
            raise ValueError(
                f"The records of split {split!r} are incomplete or damaged: "
                f"{path} {fault}. Delete {builder.data_dir} and prepare the "
                "data set again, or run `tfds build` with --overwrite."
            )


def _find_fault(path: str, expected: int, array_record: bool) -> str | None:
    """Returns what is wrong with a file as far as one sees, or None."""
    try:
        if not tf.io.gfile.stat(path).length:
            return "is empty"
        if array_record:
            return _count_fault(
                _open_array_record(path).num_records(), expected
            )
    except tf.errors.NotFoundError:
        return "is missing"
    except (RuntimeError, tf.errors.OpError):
        return "cannot be read"
    return None


def _read_fault(path: str, expected: int, array_record: bool) -> str | None:
    """Returns what is wrong with what a file holds, or None."""
    count = 0
    try:
        for _ in _iterate(path, array_record):
            count += 1
    except (RuntimeError, tf.errors.OpError):
        return f"cannot be read beyond example {count} of {expected}"
    return _count_fault(count, expected)


def _count_fault(count: int, expected: int) -> str | None:
    if count == expected:
        return None
    return f"holds {count} examples, and should hold {expected}"


def _iterate(path: str, array_record: bool) -> Iterator[Any]:
    if not array_record:
        yield from tf.data.TFRecordDataset(path)
        return
    reader = _open_array_record(path)
    for index in range(reader.num_records()):
        yield reader.read([index])


def _open_array_record(path: str) -> Any:
    """Returns the reader of one file.

    Raises:
        ValueError: If the library is not installed.
    """
    try:
        from array_record.python import array_record_module
    except ImportError as error:
        raise ValueError(
            "These records need the library array-record, which is not "
            "installed: pip install 'xray-tfds[array_record]', or build the "
            "data set again with --file_format=tfrecord --overwrite. "
            f"Received: {path}"
        ) from error
    # Nothing is read ahead of an example: the next is another's.
    return array_record_module.ArrayRecordReader(
        path, "readahead_buffer_size:0"
    )
