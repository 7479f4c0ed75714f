"""The shards of all splits, written by several threads, or on Beam.

The files are those that TFDS's own writer makes of these examples, to the byte.
That one takes them from one thread, sorts them in up to a gigabyte of memory or
by way of a thousand files, and writes from the same thread. Here they lie on
disk, serialized, and their keys alone say which is written where.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import itertools
from typing import NamedTuple
from typing import Optional
from typing import TYPE_CHECKING

from etils import epath
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import hashing
from tensorflow_datasets.core import naming
from tensorflow_datasets.core import writer as writer_lib
from tensorflow_datasets.core.utils import shard_utils

from disk import example_columns
from xray_tfds import parallel
from xray_tfds.records import beam
from xray_tfds.records import examples as examples_lib
from xray_tfds.records import storage

if TYPE_CHECKING:
    from xray_tfds.records import examination as examination_lib


class _Shard(NamedTuple):
    """A file to write, with hash and number of each example, in order."""

    path: str
    examples: list[tuple[int, int]]


def write(
    splits: Mapping[str, Iterable[tuple[str, int]]],
    examination: "examination_lib.Examination",
    template_of: Callable[[str], naming.ShardedFileTemplate],
    download_config: tfds.download.DownloadConfig,
    writer: writer_lib.ExampleWriter,
    beam_options: Optional[beam.BeamOptions] = None,
) -> list[tfds.core.SplitInfo]:
    """Writes the examples that are kept.

    Args:
        splits: Name of a split -> key of each example, unique in it, and number
            of its file.
        examination: Where the examples lie.
        template_of: Returns how the shards of a split are named.
        download_config: Says how many shards there are.
        writer: Writes one shard.
        beam_options: Where Beam runs, which has made the examples; `None` for
            this process.

    Returns:
        What TFDS notes of each split.

    Raises:
        OpError: TensorFlow's, if a file cannot be written.
        StorageError: If another library cannot write one.
    """
    shards: list[_Shard] = []
    infos = []
    for split, examples in splits.items():
        info, shards_of_split = _plan(
            split, examples, examination, template_of(split), download_config
        )
        infos.append(info)
        shards += shards_of_split
        _write_columns(info, shards_of_split, examination)

    if beam_options is not None:
        beam.write_shards(
            [
                (shard.path, [index for _, index in shard.examples])
                for shard in shards
            ],
            examination,
            writer,
            beam_options,
        )
        return infos

    def write_shard(shard):
        storage.write_examples(
            writer,
            shard.path,
            (
                (hashed, examination.example_of(index))
                for hashed, index in shard.examples
            ),
        )

    for _ in parallel.ordered_map(
        write_shard, shards, total=len(shards), desc="Writing records"
    ):
        pass
    return infos


def _write_columns(info, shards, examination):
    """Writes labels, names and patients of a split beside its shards."""
    label_of = examples_lib.number_labels(examination.config)
    labels, filenames, patients = [], [], []
    for shard in shards:
        for _, index in shard.examples:
            file, patient = examination.files.owned[index]
            labels.append(label_of[file.label])
            filenames.append(file.filename)
            patients.append(patient.key)
    example_columns.write(
        example_columns.path_of(
            epath.Path(info.filename_template.data_dir), info.name
        ),
        example_columns.ExampleColumns(
            np.array(labels, np.int64), filenames, patients
        ),
        fingerprint=examination.source.fingerprint,
        shard_lengths=info.shard_lengths,
    )


def _plan(split, examples, examination, template, download_config):
    """Returns the `SplitInfo` and the `_Shard`s of a split."""
    hasher = hashing.Hasher(split)
    order = sorted(
        (hasher.hash_key(key), index)
        for key, index in itertools.islice(
            examples, download_config.max_examples_per_split
        )
    )
    num_bytes = sum(examination.place_of(index).length for _, index in order)
    number = download_config.get_shard_config().get_number_shards(
        num_bytes, len(order)
    )
    ends = shard_utils.get_shard_boundaries(len(order), number)
    shards = [
        _Shard(
            template.sharded_filepath(shard_index=shard, num_shards=number),
            order[start:end],
        )
        for shard, (start, end) in enumerate(zip([0, *ends], ends))
    ]
    info = tfds.core.SplitInfo(
        name=split,
        shard_lengths=[len(shard.examples) for shard in shards],
        num_bytes=num_bytes,
        filename_template=template,
    )
    return info, shards
