"""Splits larger than memory: the examples of a batch are read when needed.

ArrayRecord files give random access, so the order of an epoch is a full
permutation at any size. TFRecord files can only be read from the start: shards
are read in a random order, several at once, and shuffled within a window.
"""

import logging

import numpy as np
import tensorflow as tf

from pipeline import batching as batching_lib
from pipeline import fingerprints
from pipeline import splits
from pipeline import xla

# Shards of a TFRecord split that are read at once.
_CYCLE_LENGTH = 16

# Records whose labels are read at a time.
_READ_AT_ONCE = 1024

# Windows of encoded records that exist at a time: the one being handed out, its
# shuffled copy, the next, being read, and what buffers and the allocator hold
# (`benchmarks/memory.py`).
_WINDOWS_IN_MEMORY = 4


def open_split(
    data, split, *, memory_budget_bytes=splits.DEFAULT_MEMORY_BUDGET_BYTES
):
    """Returns a split in memory if it fits, else one that is read as needed.

    Args:
        data: TFDS builder, its prepared directory, or a split that was opened
            before, which is returned as it is if its name matches.
        split: Name of the split, such as "train".
        memory_budget_bytes: Most bytes for the decoded images; where they do
            not fit, for the window of records that is shuffled.

    Returns:
        `splits.Split`, `ArrayRecordSplit` or `TFRecordSplit`.

    Raises:
        ValueError: If the split does not exist or is empty.
    """
    if isinstance(data, (splits.Split, _RecordSplit)):
        return splits.check_name(data, split)
    builder = splits.as_builder(data)
    if splits.decoded_bytes(builder, split) <= memory_budget_bytes:
        return splits.load_split(
            builder, split, memory_budget_bytes=memory_budget_bytes
        )
    if splits.is_array_record(builder):
        return ArrayRecordSplit(builder, split)
    return TFRecordSplit(builder, split, memory_budget_bytes)


def _parse(serialized, name, dtype):
    """Returns one feature of serialized examples, an array `[num_examples]`."""
    spec = {name: tf.io.FixedLenFeature([], dtype)}
    return tf.io.parse_example(list(serialized), spec)[name].numpy()


def _read_shard(path, start):
    return tf.data.TFRecordDataset(path).enumerate(start)


class _RecordSplit:
    """A split whose images stay in its files; example `i` is record `i`.

    Attributes:
        name: Such as "train".
        num_examples: Size of the split.
        image_shape: `(height, width, channels)`.
        class_names: Names in the order of the labels.
        reading: How an epoch reads the files, in words.
        origin: Identifies the records (`fingerprints.fingerprint`).
    """

    def __init__(self, builder, name):
        features = builder.info.features
        self.name = name
        self.num_examples = builder.info.splits[name].num_examples
        self.image_shape = tuple(features["image"].shape)
        self.class_names = tuple(features["label"].names)
        self.origin = fingerprints.of_records(builder, name)
        self._features = features

    def _filenames(self, index, serialized):
        if "filename" not in self._features:
            return tuple(f"example {number}" for number in index.numpy())
        names = _parse(serialized, "filename", tf.string)
        return tuple(name.decode() for name in names)

    def _decode(self, serialized):
        """Decodes string `[n]` to uint8 `[n, ...]` and int64 `[n]`."""

        def decode_one(record):
            example = self._features.deserialize_example(record)
            return example["image"], example["label"]

        return tf.map_fn(
            decode_one,
            serialized,
            fn_output_signature=(
                tf.TensorSpec(self.image_shape, tf.uint8),
                tf.TensorSpec([], tf.int64),
            ),
        )


class ArrayRecordSplit(_RecordSplit):
    """Random access: an epoch's order is a full permutation."""

    def __init__(self, builder, name):
        """Opens the files of a split."""
        super().__init__(builder, name)
        self._source = splits.array_record_source(builder, name)
        self._labels = None
        self.reading = "read at random, shuffled as a whole"

    def elements(self, batching, order, rows, drawn, steps, shuffle):
        """As `splits.Split.elements`."""
        del shuffle  # The order says it all.
        return batching_lib.slice_elements(batching, order, rows, drawn, steps)

    def read_labels(self):
        """Returns int64 `[num_examples]`, read once."""
        if self._labels is None:
            batches = []
            for start in range(0, self.num_examples, _READ_AT_ONCE):
                stop = min(start + _READ_AT_ONCE, self.num_examples)
                serialized = self._read(np.arange(start, stop))
                batches.append(_parse(serialized, "label", tf.int64))
            self._labels = np.concatenate(batches)
        return self._labels

    def filenames_of(self, index, payload):
        """As `splits.Split.filenames_of`."""
        del payload
        return self._filenames(index, self._read(index.numpy()))

    def fetch(self, index, payload):
        """As `splits.Split.fetch`; reads the records."""
        del payload
        serialized = tf.numpy_function(self._read, [index], tf.string)
        return self._decode(tf.ensure_shape(serialized, index.shape))

    def _read(self, index):
        return np.array(self._source.__getitems__(index.tolist()), object)


class TFRecordSplit(_RecordSplit):
    """Sequential access: an epoch shuffles shards, and records in a window."""

    def __init__(self, builder, name, memory_budget_bytes):
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

    def elements(self, batching, order, rows, drawn, steps, shuffle):
        """As `splits.Split.elements`; the payload is the records.

        All randomness is that of `order`: how it ranks any given places is a
        uniform permutation of them.
        """
        del rows  # Each example is drawn once: its row has its own number.
        ds = self._read_shards(order, shuffle)
        if shuffle:
            ds = self._shuffle_windows(ds, order)
        first_step, end_step = steps
        ds = ds.skip(first_step * batching.batch_size)
        ds = ds.take((end_step - first_step) * batching.batch_size)
        ds = ds.batch(
            batching.batch_size, drop_remainder=batching.remainder == "drop"
        )

        def share_out(index, serialized):
            places, real = batching.share(tf.size(index, tf.int64))
            index = tf.gather(index, places)
            rows = {name: tf.gather(v, index) for name, v in drawn.items()}
            payload = (tf.gather(serialized, places),)
            return tf.data.Dataset.from_tensor_slices(
                (index, real, rows, payload)
            )

        return ds.flat_map(xla.as_written(share_out))

    def fetch(self, index, payload):
        """As `splits.Split.fetch`."""
        del index
        (serialized,) = payload
        return self._decode(serialized)

    def read_labels(self):
        """Raises ValueError: these files cannot be read at random."""
        raise ValueError(
            "`sampling` must be 'natural' for TFRecord files that are larger "
            "than `memory_budget_bytes`. Raise the budget, or build with "
            "--file_format=array_record. Received: sampling='balanced'"
        )

    def filenames_of(self, index, payload):
        """As `splits.Split.filenames_of`."""
        (serialized,) = payload
        return self._filenames(index, serialized.numpy())

    def _read_shards(self, order, shuffle):
        """Returns a dataset of (number, record) of all shards."""
        paths, starts = tf.constant(self._paths), tf.constant(self._starts)
        if shuffle:
            shard_order = tf.argsort(tf.gather(order, starts))
            paths = tf.gather(paths, shard_order)
            starts = tf.gather(starts, shard_order)
        ds = tf.data.Dataset.from_tensor_slices((paths, starts)).interleave(
            xla.as_written(_read_shard),
            cycle_length=min(_CYCLE_LENGTH, len(self._paths)) if shuffle else 1,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        # Files that lost records are an error, never a short epoch.
        return ds.apply(
            tf.data.experimental.assert_cardinality(self.num_examples)
        )

    def _shuffle_windows(self, ds, order):
        def shuffle_window(number, window):
            index, serialized = window
            start = number * self.window
            ranks = tf.argsort(order[start : start + tf.size(index, tf.int64)])
            return tf.data.Dataset.from_tensor_slices(
                (tf.gather(index, ranks), tf.gather(serialized, ranks))
            )

        windows = ds.batch(self.window).enumerate()
        return windows.flat_map(xla.as_written(shuffle_window))
