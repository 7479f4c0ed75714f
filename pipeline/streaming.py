"""Splits larger than memory: the examples of a batch are read when needed.

ArrayRecord files give random access, so the order of an epoch is a full
permutation at any size. TFRecord files can only be read from the start: shards
are read in a random order, several at once, and shuffled within a window.
"""

import logging

import numpy as np
import tensorflow as tf

from pipeline import batching as batching_lib
from pipeline import records

# Shards of a TFRecord split that are read at once.
_CYCLE_LENGTH = 16

# Windows of encoded records that exist at a time: the one being handed out, its
# shuffled copy, the next, being read, and what buffers and the allocator hold
# (`benchmarks/memory.py`).
_WINDOWS_IN_MEMORY = 4


def open_split(
    data, split, *, memory_budget_bytes=records.DEFAULT_MEMORY_BUDGET_BYTES
):
    """Returns a split in memory if it fits, else one that is read as needed.

    Args:
        data: TFDS builder, its prepared directory, or a split that was opened
            before, which is returned as it is if its name matches.
        split: Name of the split, such as "train".
        memory_budget_bytes: Most bytes for the decoded images; where they do
            not fit, for the window of records that is shuffled.

    Returns:
        `records.Split`, `ArrayRecordSplit` or `TFRecordSplit`.

    Raises:
        ValueError: If the split does not exist or is empty.
    """
    if isinstance(data, (records.Split, _RecordSplit)):
        return records.check_name(data, split)
    builder = records.as_builder(data)
    if records.decoded_bytes(builder, split) <= memory_budget_bytes:
        return records.load_split(
            builder, split, memory_budget_bytes=memory_budget_bytes
        )
    if records.is_array_record(builder):
        return ArrayRecordSplit(builder, split)
    return TFRecordSplit(builder, split, memory_budget_bytes)


class _RecordSplit:
    """A split whose images stay in its files; example `i` is record `i`.

    Attributes:
        name: Such as "train".
        num_examples: Size of the split.
        image_shape: `(height, width, channels)`.
        class_names: Names in the order of the labels.
        reading: How an epoch reads the files, in words.
    """

    def __init__(self, builder, name):
        features = builder.info.features
        self.name = name
        self.num_examples = builder.info.splits[name].num_examples
        self.image_shape = tuple(features["image"].shape)
        self.class_names = tuple(features["label"].names)
        self._features = features

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
        self._source = records.array_record_source(builder, name)
        self.reading = "read at random, shuffled as a whole"

    def elements(self, batching, order, drawn, steps, shuffle):
        """As `records.Split.elements`."""
        del shuffle  # The order says it all.
        return batching_lib.slice_elements(batching, order, drawn, steps)

    def fetch(self, index, payload):
        """As `records.Split.fetch`; reads the records."""
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

    def elements(self, batching, order, drawn, steps, shuffle):
        """As `records.Split.elements`; the payload is the records.

        All randomness is that of `order`: how it ranks any given places is a
        uniform permutation of them.
        """
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

        return ds.flat_map(share_out)

    def fetch(self, index, payload):
        """As `records.Split.fetch`."""
        del index
        (serialized,) = payload
        return self._decode(serialized)

    def _read_shards(self, order, shuffle):
        """Returns a dataset of (number, record) of all shards."""
        paths, starts = tf.constant(self._paths), tf.constant(self._starts)
        if shuffle:
            shard_order = tf.argsort(tf.gather(order, starts))
            paths = tf.gather(paths, shard_order)
            starts = tf.gather(starts, shard_order)
        ds = tf.data.Dataset.from_tensor_slices((paths, starts)).interleave(
            lambda path, start: tf.data.TFRecordDataset(path).enumerate(start),
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

        return ds.batch(self.window).enumerate().flat_map(shuffle_window)
