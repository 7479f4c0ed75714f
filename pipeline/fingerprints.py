"""What identifies the content of a split, wherever its files are."""

import hashlib
import json

import tensorflow as tf

# Where `xray_tfds` keeps the digest of all files that its records were made of.
_SOURCE_FINGERPRINT = "fingerprint"

_BLOCK_BYTES = 2**20


def fingerprint(split):
    """Returns text that changes when an image or a label of a split does.

    Args:
        split: An opened split, as `open_split` returns it.

    Returns:
        64 hexadecimal digits, the SHA-256 of what `of_records` describes, or of
        all images, labels and names where the split was made of arrays.
    """
    if split.origin is not None:
        return split.origin
    digest = hashlib.sha256()
    described = [
        split.name,
        split.class_names,
        split.filenames,
        split.patients,
        [*split.images.shape],
        split.labels.tolist(),
    ]
    digest.update(json.dumps(described).encode())
    # Its `numpy()` would copy all images.
    digest.update(memoryview(split.images).cast("B"))
    return digest.hexdigest()


def of_records(builder, name):
    """Returns the fingerprint of a prepared split, wherever its files are.

    It covers what the builder says of it: dataset, configuration and version,
    features, the sizes of the shards in examples; and the digest of all source
    files that `xray_tfds` keeps, or, of other datasets, that of the records,
    which are read for it.

    Args:
        builder: Prepared TFDS builder.
        name: Name of the split.

    Returns:
        64 hexadecimal digits.
    """
    info = builder.info
    split = info.splits[name]
    content = (info.metadata or {}).get(_SOURCE_FINGERPRINT)
    described = [
        info.full_name,
        content or _digest_files(split.filepaths),
        info.features.to_json(),
        name,
        split.shard_lengths,
    ]
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_files(paths):
    digest = hashlib.sha256()
    for path in paths:
        with tf.io.gfile.GFile(str(path), "rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()
