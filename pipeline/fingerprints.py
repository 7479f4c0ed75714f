"""What identifies the content of a split, wherever its files are."""

import hashlib
import json

import tensorflow as tf

# Where `xray_tfds` keeps the digest of all files that its records were made of.
_SOURCE_FINGERPRINT = "fingerprint"


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
        [*split.images.shape],
        split.labels.tolist(),
    ]
    digest.update(json.dumps(described).encode())
    digest.update(split.images.numpy().data)
    return digest.hexdigest()


def of_records(builder, name):
    """Returns the fingerprint of a prepared split, without reading it.

    It covers what the builder says of it: dataset, configuration and version,
    the source fingerprint of `xray_tfds`, features, the sizes of the shards in
    examples and of the files in bytes. It does not depend on where they are.

    Args:
        builder: Prepared TFDS builder.
        name: Name of the split.

    Returns:
        64 hexadecimal digits.
    """
    info = builder.info
    split = info.splits[name]
    described = [
        info.full_name,
        (info.metadata or {}).get(_SOURCE_FINGERPRINT),
        info.features.to_json(),
        name,
        split.shard_lengths,
        [tf.io.gfile.stat(str(path)).length for path in split.filepaths],
    ]
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
