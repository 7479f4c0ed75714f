"""What identifies the content of a split, wherever its files are."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import hashlib
import json
import os
from typing import Any
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_datasets as tfds

if TYPE_CHECKING:
    from pipeline import data_source

_BLOCK_BYTES = 2**20


def fingerprint(split: data_source.DataSource) -> str:
    """Returns text that changes when an image or a label of a split does.

    Args:
        split: An opened split, as `open_split` returns it.

    Returns:
        64 hexadecimal digits, the SHA-256 of what `of_records` describes, or of
        all images, labels and names where the split was made of arrays.
    """
    return split.fingerprint()


def of_arrays(
    names: Sequence[Any], images: tf.Tensor, labels: npt.NDArray[np.int64]
) -> str:
    """Returns the fingerprint of images in memory.

    Args:
        names: What else identifies them, as JSON has it.
        images: uint8 `[num_examples, height, width, channels]`.
        labels: `[num_examples]`.
    """
    digest = hashlib.sha256()
    described = [*names, [*images.shape], labels.tolist()]
    digest.update(json.dumps(described).encode())
    # Its `numpy()` would copy all images.
    digest.update(memoryview(images).cast("B"))
    return digest.hexdigest()


def of_source(builder: tfds.core.DatasetBuilder) -> str:
    """Returns the digest of all files that records were made of.

    Empty but for records of `xray_tfds`, which keeps it with them.
    """
    return str((builder.info.metadata or {}).get("fingerprint", ""))


def of_splits(builder: tfds.core.DatasetBuilder) -> str:
    """Returns the digest of which file is in which split, like `of_source`."""
    return str((builder.info.metadata or {}).get("splits_fingerprint", ""))


def of_records(
    builder: tfds.core.DatasetBuilder, name: str, *, with_splits: bool = True
) -> str:
    """Returns the fingerprint of a prepared split, wherever its files are.

    It covers what the builder says of it: dataset, configuration and version,
    features, the sizes of the shards in examples; and the digests that
    `xray_tfds` keeps of all source files, and of which is in which split, or,
    of other datasets, that of the records, which are read for it.

    Args:
        builder: Prepared TFDS builder.
        name: Name of the split.
        with_splits: Whether by what is in which split, too; it was not in
            earlier versions.

    Returns:
        64 hexadecimal digits.
    """
    info = builder.info
    split = info.splits[name]
    content = of_source(builder)
    described = [
        info.full_name,
        content or _digest_files(split.filepaths),
        info.features.to_json(),
        name,
        split.shard_lengths,
    ]
    # Records of earlier versions do not say it, and stay what they were.
    if with_splits and (splits := of_splits(builder)):
        described.append(splits)
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_files(paths: Iterable[os.PathLike[str]]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with tf.io.gfile.GFile(str(path), "rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()
