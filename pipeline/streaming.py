"""Splits larger than memory: the examples of a batch are read when needed.

ArrayRecord files give random access, so the order of an epoch is a full
permutation at any size (`array_record_split`). TFRecord files can only be read
from the start: shards are read in a random order, several at once, and shuffled
within a window (`tfrecord_split`).
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
import logging
from typing import Any
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

from disk import example_columns
from pipeline import fingerprints
from pipeline import records

# Records that are read at a time, by whoever reads all of them.
READ_AT_ONCE = 1024

# Numbers of examples, and their records as bytes.
Part: TypeAlias = "tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]"


class RecordSplit(abc.ABC):
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

    def read_columns(self) -> example_columns.ExampleColumns:
        """As `DataSource.read_columns`."""
        if (kept := self._read_kept()) is not None:
            return kept
        labels: list[npt.NDArray[np.int64]] = []
        filenames: list[str] = []
        patients: list[str] = []
        for index, serialized in self.read_in_order():
            labels.append(_parse(serialized, "label", tf.int64))
            filenames += self.texts("filename", index, serialized)
            patients += self.texts("patient", index, serialized)
        return example_columns.ExampleColumns(
            np.concatenate(labels), tuple(filenames), tuple(patients)
        )

    @abc.abstractmethod
    def read_in_order(self) -> Iterator[Part]:
        """Yields numbers and records of all examples, in parts."""

    def all_labels(self) -> npt.NDArray[np.int64]:
        """Returns the labels of all examples, `[num_examples]`.

        Reads all records where no file beside them has them.
        """
        if (kept := self._read_kept()) is not None:
            return kept.labels
        return np.concatenate(
            [
                _parse(serialized, "label", tf.int64)
                for _, serialized in self.read_in_order()
            ]
        )

    def _read_kept(self) -> example_columns.ExampleColumns | None:
        """Returns what `xray_tfds` keeps beside the records, or None.

        Its fingerprint and the sizes of the shards tell whether it is theirs.
        """
        fingerprint = fingerprints.of_source(self._builder)
        path = example_columns.path_of(self._builder.data_path, self.name)
        if not fingerprint or not path.exists():
            return None
        try:
            return example_columns.read(
                path,
                fingerprint=fingerprint,
                shard_lengths=self._builder.info.splits[
                    self.name
                ].shard_lengths,
            )
        except (OSError, ValueError) as error:
            logging.warning("%s: all records are read instead.", error)
            return None

    def texts(
        self,
        name: str,
        index: npt.NDArray[np.int64],
        serialized: npt.NDArray[np.object_],
    ) -> tuple[str, ...]:
        """Returns a text of each record; of other datasets, a number."""
        if name not in self._features:
            return tuple(f"example {number}" for number in index)
        return tuple(t.decode() for t in _parse(serialized, name, tf.string))

    def decode(self, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
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


def _parse(
    serialized: npt.NDArray[np.object_], name: str, dtype: tf.DType
) -> npt.NDArray[Any]:
    """Returns one feature of serialized examples, `[num_examples]`."""
    spec = {name: tf.io.FixedLenFeature([], dtype)}
    parsed: npt.NDArray[Any] = tf.io.parse_example(list(serialized), spec)[
        name
    ].numpy()
    return parsed
