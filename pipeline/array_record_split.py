"""A split in ArrayRecord files, whose records are read at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

from pipeline import data_source
from pipeline import records
from pipeline import streaming


class ArrayRecordSplit(data_source.RandomAccess, streaming.RecordSplit):
    """Random access: an epoch's order is a full permutation."""

    reading = "read at random, shuffled as a whole"

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str) -> None:
        """Opens the files of a split."""
        super().__init__(builder, name)
        self._records = records.ArrayRecords(builder, name)
        self._labels: npt.NDArray[np.int64] | None = None

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `DataSource.fetch`; reads the records."""
        del payload
        serialized = tf.numpy_function(self._records.read, [index], tf.string)
        return self.decode(tf.ensure_shape(serialized, index.shape))

    def read_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.read_labels`; reads them once."""
        if self._labels is None:
            self._labels = self.all_labels()
        return self._labels

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """As `DataSource.filenames_of`."""
        del payload
        numbers = index.numpy()
        return self.texts("filename", numbers, self._records.read(numbers))

    def read_in_order(self) -> Iterator[streaming.Part]:
        """As `RecordSplit.read_in_order`."""
        for start in range(0, self.num_examples, streaming.READ_AT_ONCE):
            stop = min(start + streaming.READ_AT_ONCE, self.num_examples)
            index = np.arange(start, stop)
            yield index, self._records.read(index)
