"""Files decoded on Apache Beam, for folders that outgrow one machine.

Beam's workers do what a local build does in threads, nearly all of the work:
read, decode, check, resize. What they find comes back by way of files in the
directory of the dataset; from there on the build is the local one, with the
same examples in the same shards and order. (Within one process also the bytes
are equal; in which order the features of an example are serialized is up to
each process.)
"""

import base64
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import os
import pickle
from typing import Any
from typing import Optional
from typing import TYPE_CHECKING

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds.curate import examine as examine_lib
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib


@dataclasses.dataclass(frozen=True)
class BeamOptions:
    """Where and how pipelines run, as `tfds.download.DownloadConfig` has it."""

    runner: Any
    options: Any


def options_of(
    download_config: tfds.download.DownloadConfig,
) -> Optional[BeamOptions]:
    """Returns the `BeamOptions` that were asked for, `None` if none were."""
    runner = download_config.beam_runner
    options = download_config.beam_options
    return BeamOptions(runner, options) if runner or options else None


def examine(
    files: Sequence[source_files.SourceFile],
    config: "config_lib.XrayConfig",
    beam_options: BeamOptions,
    temp_dir: epath.Path,
    hash_key: hash_key_lib.HashKey,
) -> Iterator[tuple]:
    """Reads and decodes all files on Beam's workers.

    Args:
        files: Those to read.
        config: How files become records.
        beam_options: Where to run.
        temp_dir: Directory that all workers can write to; what is written
            there is removed again.
        hash_key: For the identifiers of patients.

    Yields:
        The number of a file and what `examine.examine` returns for it, in any
        order.
    """
    import apache_beam as beam  # Slow to import, and rarely needed.

    folder = temp_dir / "examined"
    folder.mkdir(parents=True, exist_ok=True)
    # The workers' users have no keys of their own, or others.
    key = hash_key.read()

    def examine_one(item):
        index, file = item
        examined = examine_lib.examine(file, config, hash_key_lib.HashKey(key))
        return base64.b64encode(pickle.dumps((index, *examined))).decode()

    pipeline = beam.Pipeline(
        runner=beam_options.runner, options=beam_options.options
    )
    with pipeline:
        _ = (
            pipeline
            | "List" >> beam.Create(list(enumerate(files)))
            | "Spread" >> beam.Reshuffle()
            | "Examine" >> beam.Map(examine_one)
            | "Write" >> beam.io.WriteToText(os.fspath(folder / "part"))
        )
    for path in sorted(folder.glob("part*")):
        with path.open() as lines:
            for line in lines:
                yield pickle.loads(base64.b64decode(line))
        path.unlink()
    folder.rmtree()
