"""Sample images of a prepared dataset, as its records hold them."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

from google.protobuf import message
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from disk import paths
from disk import tfrecords
from pages import data_urls
from xray_tfds.report import reading

# Longest side of a picture on the page, in pixels.
_MAX_SIDE = 192


def read_samples(
    builder: tfds.core.DatasetBuilder,
    wanted: Mapping[tuple[str, str], int],
    num_samples: int,
) -> list[dict[str, Any]]:
    """Returns the first images of each split and class, in record order.

    TFDS orders records by a hash of their keys, so that the first ones are a
    sample that depends on nothing else. Reading stops as soon as all are found.

    Args:
        builder: A prepared TFDS builder.
        wanted: `(split, label)` -> number of examples that the records hold.
        num_samples: Most images of one split and class.

    Returns:
        List of dicts: `split`, `label`, and `images`, a list of pairs of file
        name and picture (`data:` URL of a JPEG file).

    Raises:
        ReportError: If one is damaged, or a split ends early.
    """
    class_names = builder.info.features["label"].names
    samples = []
    for split in builder.info.splits:
        missing = collections.Counter(
            {
                label: min(num_samples, wanted.get((split, label), 0))
                for label in class_names
            }
        )
        found = collections.defaultdict(list)
        examples = _examples(builder, split) if missing.total() else ()
        for example in examples:
            try:
                label = class_names[int(example["label"])]
                if missing[label] > 0:
                    missing[label] -= 1
                    found[label].append(_show(example))
            except (IndexError, OSError, SyntaxError, ValueError) as error:
                # Of a PNG, PIL does not say which.
                where = f"The split {split} in {builder.data_path}"
                raise _damaged(where) from error
            if not any(count > 0 for count in missing.values()):
                break
        samples += [
            {"split": split, "label": label, "images": found[label]}
            for label in class_names
            if found[label]
        ]
    return samples


def _show(example):
    """Returns file name and picture of an example."""
    picture = data_urls.thumbnail(bytes(example["image"]), max_side=_MAX_SIDE)
    return bytes(example["filename"]).decode("utf-8", "replace"), picture


def _examples(builder, split):
    """Yields the examples of a split; images are encoded bytes."""
    decoders = {"image": tfds.decode.SkipDecoding()}
    if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
        yield from _parse(builder.info.splits[split])
        return
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        # TFDS reads this format in Python only.
        source = builder.as_data_source(split=split, decoders=decoders)
        for index in range(len(source)):
            yield source[index]
        return
    ds = builder.as_dataset(
        split=split,
        decoders=decoders,
        shuffle_files=False,
        read_config=tfds.ReadConfig(
            interleave_cycle_length=1, try_autocache=False
        ),
    )
    yield from ds.as_numpy_iterator()


def _parse(info):
    """Yields the examples of a split's TFRecords, in order.

    To make a pipeline of them takes TensorFlow longer than to read them here.

    Raises:
        ReportError: If one is damaged, or ends early.
    """
    for path, expected in zip(info.filepaths, info.shard_lengths):
        count = 0
        with path.open("rb") as file:
            for start, length in tfrecords.walk(file, paths.size_of(path)):
                file.seek(start)
                yield _parse_example(file.read(length), path)
                count += 1
        if count != expected:
            raise _damaged(path)


def _parse_example(data, path):
    try:
        features = tf_example_pb2.Example.FromString(data).features.feature
        return {
            "image": features["image"].bytes_list.value[0],
            "label": features["label"].int64_list.value[0],
            "filename": features["filename"].bytes_list.value[0],
        }
    except (message.DecodeError, IndexError) as error:
        raise _damaged(path) from error


def _damaged(where):
    return reading.ReportError(
        f"{where} is damaged: build again with --overwrite."
    )
