"""Splits larger than memory: the examples of a batch are read when needed.

ArrayRecord files give random access, so the order of an epoch is a full
permutation at any size. TFRecord files can only be read from the start: shards
are read in a random order, several at once, and shuffled within a window.
"""

from __future__ import annotations

from collections.abc import Iterator
import logging
from typing import Any
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

from pipeline import batching as batching_lib
from pipeline import data_source
from pipeline import fingerprints
from pipeline import records
from pipeline import xla

# Shards of a TFRecord split that are read at once.
_CYCLE_LENGTH = 16

# Records whose labels are read at a time.
_READ_AT_ONCE = 1024

# Windows of encoded records that exist at a time: the one being handed out, its
# shuffled copy, the next, being read, and what buffers and the allocator hold
# (`benchmarks/memory.py`).
_WINDOWS_IN_MEMORY = 4

# Numbers of examples, and their records as bytes.
_Part: TypeAlias = "tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]"


class _RecordSplit:
    """A split whose images stay in its files; example `i` is record `i`.

    What `data_source.DataSource` asks, as far as the file formats agree.

    Attributes:
        name: Such as "train".
        num_examples: Size of the split.
        image_shape: `(height, width, channels)`.
        class_names: Names in the order of the labels.
        images: None: they are not in memory.
    """

    images = None

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str) -> None:
        features = builder.info.features
        self.name = name
        self.num_examples = int(builder.info.splits[name].num_examples)
        height, width, channels = features["image"].shape
        self.image_shape = (height, width, channels)
        self.class_names = tuple(features["label"].names)
        self._builder = builder
        self._features = features
        self._fingerprint = fingerprints.of_records(builder, name)

    def fingerprint(self) -> str:
        """As `DataSource.fingerprint`."""
        return self._fingerprint

    def check_records(self) -> None:
        """As `DataSource.check_records`."""
        records.check_shards(self._builder, self.name, read=True)

    def read_columns(self) -> data_source.Columns:
        """As `DataSource.read_columns`."""
        labels: list[npt.NDArray[np.int64]] = []
        filenames: list[str] = []
        patients: list[str] = []
        for index, serialized in self._read_in_order():
            labels.append(_parse(serialized, "label", tf.int64))
            filenames += self._texts("filename", index, serialized)
            patients += self._texts("patient", index, serialized)
        return data_source.Columns(
            np.concatenate(labels), tuple(filenames), tuple(patients)
        )

    def _read_in_order(self) -> Iterator[_Part]:
        """Yields numbers and records of all examples, in parts."""
        raise NotImplementedError

    def _texts(
        self,
        name: str,
        index: npt.NDArray[np.int64],
        serialized: npt.NDArray[np.object_],
    ) -> tuple[str, ...]:
        """Returns a text of each record; of other datasets, a number."""
        if name not in self._features:
            return tuple(f"example {number}" for number in index)
        return tuple(t.decode() for t in _parse(serialized, name, tf.string))

    def _decode(self, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes string `[n]` to uint8 `[n, ...]` and int64 `[n]`."""

        def decode_one(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = self._features.deserialize_example(record)
            return example["image"], example["label"]

        images, labels = tf.map_fn(
            decode_one,
            serialized,
            fn_output_signature=(
                tf.TensorSpec(self.image_shape, tf.uint8),
                tf.TensorSpec([], tf.int64),
            ),
        )
        return images, labels


class ArrayRecordSplit(_RecordSplit):
    """Random access: an epoch's order is a full permutation."""

    reading = "read at random, shuffled as a whole"

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str) -> None:
        """Opens the files of a split."""
        super().__init__(builder, name)
        self._source = records.array_record_source(builder, name)
        self._labels: npt.NDArray[np.int64] | None = None

    def elements(
        self,
        batching: batching_lib.Batching,
        draws: batching_lib.Draws,
        steps: batching_lib.Steps,
    ) -> tf.data.Dataset:
        """As `DataSource.elements`; the payload is empty."""
        return batching_lib.slice_elements(batching, draws, steps)

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `DataSource.fetch`; reads the records."""
        del payload
        serialized = tf.numpy_function(self._read, [index], tf.string)
        return self._decode(tf.ensure_shape(serialized, index.shape))

    def read_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.read_labels`; reads them once."""
        if self._labels is None:
            self._labels = np.concatenate(
                [
                    _parse(serialized, "label", tf.int64)
                    for _, serialized in self._read_in_order()
                ]
            )
        return self._labels

    def count_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.count_labels`."""
        return np.bincount(self.read_labels(), minlength=len(self.class_names))

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """As `DataSource.filenames_of`."""
        del payload
        numbers = index.numpy()
        return self._texts("filename", numbers, self._read(numbers))

    def _read_in_order(self) -> Iterator[_Part]:
        for start in range(0, self.num_examples, _READ_AT_ONCE):
            stop = min(start + _READ_AT_ONCE, self.num_examples)
            index = np.arange(start, stop)
            yield index, self._read(index)

    def _read(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        return np.array(self._source.__getitems__(index.tolist()), object)


class TFRecordSplit(_RecordSplit):
    """Sequential access: an epoch shuffles shards, and records in a window."""

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        name: str,
        memory_budget_bytes: int,
    ) -> None:
        """Measures the shards of a split.

        Args:
            builder: Prepared TFDS builder.
            name: Name of the split.
            memory_budget_bytes: Most bytes for the windows of records.
        """
        super().__init__(builder, name)
        info = builder.info.splits[name]
        self._paths = [str(path) for path in info.filepaths]
        self._starts = np.cumsum([0, *info.shard_lengths[:-1]])
        record_bytes = max(1, info.num_bytes // self.num_examples)
        window = memory_budget_bytes // (_WINDOWS_IN_MEMORY * record_bytes)
        self.window = max(1, min(self.num_examples, window))
        self.reading = (
            f"shuffling its {len(self._paths)} shards and a window of "
            f"{self.window} of its {self.num_examples} examples (build with "
            "--file_format=array_record to shuffle as a whole)"
        )
        logging.warning(
            "Split %r is larger than the memory budget: %s", name, self.reading
        )

    def elements(
        self,
        batching: batching_lib.Batching,
        draws: batching_lib.Draws,
        steps: batching_lib.Steps,
    ) -> tf.data.Dataset:
        """As `DataSource.elements`; the payload is the records.

        All randomness is that of the order: how it ranks any given places is a
        uniform permutation of them. Each example is drawn once, so its row has
        its own number.
        """
        ds = self._read_shards(draws.order if draws.shuffled else None)
        if draws.shuffled:
            ds = self._shuffle_windows(ds, draws.order)
        first_step, end_step = steps
        ds = ds.skip(first_step * batching.batch_size)
        ds = ds.take((end_step - first_step) * batching.batch_size)
        ds = ds.batch(
            batching.batch_size, drop_remainder=batching.remainder == "drop"
        )

        def share_out(
            index: tf.Tensor, serialized: tf.Tensor
        ) -> tf.data.Dataset:
            places, real = batching.share(tf.size(index, tf.int64))
            index = tf.gather(index, places)
            params = {k: tf.gather(v, index) for k, v in draws.params.items()}
            payload = (tf.gather(serialized, places),)
            return tf.data.Dataset.from_tensor_slices(
                (index, real, params, payload)
            )

        return ds.flat_map(xla.without_autograph(share_out))

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `DataSource.fetch`."""
        del index
        (serialized,) = payload
        return self._decode(serialized)

    def read_labels(self) -> npt.NDArray[np.int64]:
        """Raises ValueError: these files cannot be read at random."""
        raise ValueError(
            "`sampling` must be 'natural' for TFRecord files that are larger "
            "than `memory_budget_bytes`. Raise the budget, or build with "
            "--file_format=array_record. Received: sampling='balanced'"
        )

    def count_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.count_labels`."""
        labels = np.concatenate(
            [
                _parse(serialized, "label", tf.int64)
                for _, serialized in self._read_in_order()
            ]
        )
        return np.bincount(labels, minlength=len(self.class_names))

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """As `DataSource.filenames_of`."""
        (serialized,) = payload
        return self._texts("filename", index.numpy(), serialized.numpy())

    def _read_in_order(self) -> Iterator[_Part]:
        batches = self._read_shards().batch(_READ_AT_ONCE)
        yield from batches.as_numpy_iterator()

    def _read_shards(self, order: tf.Tensor | None = None) -> tf.data.Dataset:
        """Returns a dataset of (number, record), by number or shuffled."""
        paths, starts = tf.constant(self._paths), tf.constant(self._starts)
        if order is not None:
            shard_order = tf.argsort(tf.gather(order, starts))
            paths = tf.gather(paths, shard_order)
            starts = tf.gather(starts, shard_order)
        width = 1 if order is None else min(_CYCLE_LENGTH, len(self._paths))
        ds = tf.data.Dataset.from_tensor_slices((paths, starts)).interleave(
            xla.without_autograph(_read_shard),
            cycle_length=width,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        # Files that lost records are an error, never a short epoch.
        return ds.apply(
            tf.data.experimental.assert_cardinality(self.num_examples)
        )

    def _shuffle_windows(
        self, ds: tf.data.Dataset, order: tf.Tensor
    ) -> tf.data.Dataset:
        def shuffle_window(
            number: tf.Tensor, window: tuple[tf.Tensor, tf.Tensor]
        ) -> tf.data.Dataset:
            index, serialized = window
            start = number * self.window
            ranks = tf.argsort(order[start : start + tf.size(index, tf.int64)])
            return tf.data.Dataset.from_tensor_slices(
                (tf.gather(index, ranks), tf.gather(serialized, ranks))
            )

        windows = ds.batch(self.window).enumerate()
        return windows.flat_map(xla.without_autograph(shuffle_window))


def _parse(
    serialized: npt.NDArray[np.object_], name: str, dtype: tf.DType
) -> npt.NDArray[Any]:
    """Returns one feature of serialized examples, `[num_examples]`."""
    spec = {name: tf.io.FixedLenFeature([], dtype)}
    parsed: npt.NDArray[Any] = tf.io.parse_example(list(serialized), spec)[
        name
    ].numpy()
    return parsed


def _read_shard(path: tf.Tensor, start: tf.Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path).enumerate(start)
