"""Builds on Apache Beam, for folders that outgrow one machine.

Two passes, with one decision between them. Workers read, decode and check, and
leave examples and findings in a folder (`staging`); this process decides over
the findings, which are a few hundred bytes a film; workers write the shards
from the examples that are kept. No pixels come here but those of the pictures
in the report.

TFDS's own Beam writer cuts shards by the hash of a key, its local one by
number. Here each worker writes whole shards, of the examples of a local build.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
import dataclasses
import functools
import os
import re
from typing import Any
from typing import TYPE_CHECKING

from etils import epath
import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer as writer_lib

from xray_tfds import parallel
from xray_tfds.curate import examine as examine_lib
from xray_tfds.curate import findings as findings_lib
from xray_tfds.decode import limits
from xray_tfds.records import example_files
from xray_tfds.records import examples as examples_lib
from xray_tfds.records import staging
from xray_tfds.records import storage
from xray_tfds.source import errors
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib
    from xray_tfds.records import examination as examination_lib

# Films that a worker is given at once: few where there are few, so that all
# workers have some; not more, so that little is done twice when one dies.
_MAX_AT_ONCE = 256
_MIN_PARTS = 64

# What is wrong with a worker's machine, and how Beam ends such a text.
_MACHINES_ERRORS: dict[str, type[Exception]] = {
    "StorageError": errors.StorageError,
    "NotEnoughMemoryError": limits.NotEnoughMemoryError,
}
_WORKERS_WORDS = re.compile(
    f"(?P<name>{'|'.join(_MACHINES_ERRORS)}): "
    r"(?P<words>[^\n]+?) \[while running '"
)

# Under this name Beam shows the counters of a build.
_NAMESPACE = "xray_tfds"


@dataclasses.dataclass(frozen=True)
class BeamOptions:
    """Where and how pipelines run.

    Attributes:
        runner: As `tfds.download.DownloadConfig` has it, like the next.
        options: Beam's `PipelineOptions`.
        folder: Where all workers can write; there need not be one yet.
    """

    runner: Any
    options: Any
    folder: epath.Path


def options_of(
    download_config: tfds.download.DownloadConfig, folder: epath.Path
) -> BeamOptions | None:
    """Returns the `BeamOptions` that were asked for, `None` if none were."""
    runner = download_config.beam_runner
    options = download_config.beam_options
    return BeamOptions(runner, options, folder) if runner or options else None


def examine(
    files: Sequence[source_files.SourceFile],
    config: config_lib.XrayConfig,
    beam_options: BeamOptions,
    hash_key: hash_key_lib.HashKey,
) -> tuple[findings_lib.Findings, example_files.Places]:
    """Reads and decodes files on Beam's workers.

    Args:
        files: Those to read, one or more.
        config: How files become records.
        beam_options: Where to run.
        hash_key: For the identifiers of patients.

    Returns:
        What was found, and where the examples are, of each file.

    Raises:
        SourceError: If a file changed since it was listed, if what a worker
            wrote was changed by another program, or if it was made by other
            versions than this process has.
        StorageError: If the runner ended before all are read.
    """
    folder = beam_options.folder
    size = max(1, min(_MAX_AT_ONCE, len(files) // _MIN_PARTS))
    parts = range(-(-len(files) // size))

    def write_part(part):
        own = files[part * size : (part + 1) * size]
        staging.write_files(folder, part, own, hash_key)

    # In threads: a bucket answers each request after a while.
    collections.deque(parallel.ordered_map(write_part, parts), maxlen=0)
    examine_part = functools.partial(
        _examine_part,
        folder=folder,
        config=config,
        # The workers' users have no keys of their own, or others.
        key=hash_key.read(),
    )
    _run(beam_options, "Examine", parts, examine_part)
    read = list(
        parallel.ordered_map(
            lambda part: staging.read_findings(folder, part, config), parts
        )
    )
    places = example_files.Places(
        [path for _, path, _ in read], [n for *_, n in read]
    )
    columns = findings_lib.concatenate([columns for columns, *_ in read])
    return findings_lib.Findings(files, columns), places


def _examine_part(part, folder, config, key):
    """Reads and decodes some of the files, on a worker."""
    serializer = examples_lib.Serializer(config)

    def examine_one(file, patient):
        each, png = examine_lib.examine(
            file, config, hash_key_lib.HashKey(key), with_pixel_digest=True
        )
        if patient:
            known = patients.Patient(patient, patients.TABLE_RULE)
            each = dataclasses.replace(each, patient=known)
        return each, png and serializer.serialize(each, png)

    found = (examine_one(*item) for item in staging.read_files(folder, part))
    examined = staging.write_findings(folder, part, found, config)
    refused = sum(bool(each.reason) for each in examined)
    _count(films_examined=len(examined), films_refused=refused)


def write_shards(
    shards: Sequence[tuple[str, Sequence[int]]],
    examination: examination_lib.Examination,
    writer: writer_lib.ExampleWriter,
    beam_options: BeamOptions,
) -> None:
    """Writes shards on Beam's workers.

    Args:
        shards: Path of each, and the numbers of its files, in order.
        examination: Tells where their examples are.
        writer: Writes one shard.
        beam_options: Where to run.

    Raises:
        SourceError: If an example is not what it was.
        StorageError: If the runner ended before all are written.
    """
    folder = beam_options.folder
    for number, (_, indices) in enumerate(shards):
        places = [examination.place_of(index) for index in indices]
        digests = [
            examination.files.digest("record_digest", index)
            for index in indices
        ]
        staging.write_shard(folder, number, places, digests)

    def write_shard(item):
        number, (path, num_films) = item
        new = staging.new_name(folder / os.path.basename(path))
        examples = staging.read_shard(folder, number)
        # TFDS wants keys of them, and does not write them.
        storage.write_examples(writer, new, enumerate(examples))
        new.replace(path)
        _count(films_written=num_films)

    sizes = [(path, len(indices)) for path, indices in shards]
    _run(beam_options, "Write", list(enumerate(sizes)), write_shard)
    for path, _ in shards:
        staging.check_written(epath.Path(path))


def _run(beam_options, name, items, function):
    """Calls a function with each item, on workers.

    Raises:
        SourceError: Of a worker, in its own words; Beam would wrap it.
        StorageError: If a worker's disk did not do, however often Beam tried.
        NotEnoughMemoryError: Likewise of its memory.
    """
    import apache_beam as beam  # Slow to import, and rarely needed.

    folder = beam_options.folder

    def call(item):
        try:
            with storage.reporting_errors(folder.parent):
                function(item)
        except errors.SourceError as error:
            # Not raised: no worker that tries again would do better.
            staging.write_error(folder, error)

    pipeline = beam.Pipeline(
        runner=beam_options.runner, options=beam_options.options
    )
    try:
        with pipeline:
            _ = (
                pipeline
                | "List" >> beam.Create(list(items))
                | "Spread" >> beam.Reshuffle()
                | name >> beam.Map(call)
            )
    except Exception as error:
        # Runners have classes of their own, with the text of the worker's.
        told = _WORKERS_WORDS.search(f"{type(error).__name__}: {error}")
        if told is None:
            raise
        raise _MACHINES_ERRORS[told["name"]](told["words"]) from error
    staging.check(folder)


def _count(**numbers):
    """Adds to the counters that Beam shows while it runs."""
    import apache_beam as beam

    for name, number in numbers.items():
        beam.metrics.Metrics.counter(_NAMESPACE, name).inc(number)
