"""A split in TFRecord files, which can only be read from the start."""

from __future__ import annotations

from collections.abc import Iterator
import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

from pipeline import batching as batching_lib
from pipeline import streaming
from pipeline import xla

# Shards that are read at once.
_CYCLE_LENGTH = 16

# Windows of encoded records that exist at a time: the one being handed out, its
# shuffled copy, the next, being read, and what buffers and the allocator hold
# (`benchmarks/memory.py`).
_WINDOWS_IN_MEMORY = 4


class TFRecordSplit(streaming.RecordSplit):
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
        return self.decode(serialized)

    def read_labels(self) -> npt.NDArray[np.int64]:
        """Raises ValueError: these files cannot be read at random."""
        raise ValueError(
            "`sampling` must be 'natural' for TFRecord files that are larger "
            "than `memory_budget_bytes`. Raise the budget, or build with "
            "--file_format=array_record. Received: sampling='balanced'"
        )

    def count_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.count_labels`."""
        return np.bincount(self.all_labels(), minlength=len(self.class_names))

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """As `DataSource.filenames_of`."""
        (serialized,) = payload
        return self.texts("filename", index.numpy(), serialized.numpy())

    def read_in_order(self) -> Iterator[streaming.Part]:
        """As `RecordSplit.read_in_order`."""
        batches = self._read_shards().batch(streaming.READ_AT_ONCE)
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


def _read_shard(path: tf.Tensor, start: tf.Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path).enumerate(start)
