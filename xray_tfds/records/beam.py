"""Files decoded on Apache Beam, for folders that outgrow one machine.

Beam's workers do what a local build does in threads, nearly all of the work:
read, decode, check, resize. What they find comes back by way of files in the
directory of the dataset, as JSON, which holds data and no code. From there on
the build is the local one, with the same examples in the same shards and order.
(Within one process also the bytes are equal; in which order the features of an
example are serialized is up to each process.)
"""

import base64
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import json
import os
from typing import Any
from typing import Optional
from typing import TYPE_CHECKING

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds.curate import examine as examine_lib
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patients
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

    Raises:
        SourceError: If what a worker wrote was changed by another program.
    """
    import apache_beam as beam  # Slow to import, and rarely needed.

    folder = temp_dir / "examined"
    folder.mkdir(parents=True, exist_ok=True)
    # The workers' users have no keys of their own, or others.
    key = hash_key.read()

    def examine_one(item):
        index, file = item
        examined = examine_lib.examine(file, config, hash_key_lib.HashKey(key))
        return _to_json(index, *examined)

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
        yield from _read(path, files)
        path.unlink()
    folder.rmtree()


def _read(
    path: epath.Path, files: Sequence[source_files.SourceFile]
) -> Iterator[tuple]:
    """Yields what a worker wrote into a file."""
    with path.open() as lines:
        for line in lines:
            try:
                result = _from_json(line, files)
            except (ValueError, TypeError, LookupError) as error:
                raise errors.SourceError(
                    f"{path} was changed while the dataset was built. "
                    "Build again."
                ) from error
            yield result


def _to_json(
    index: int, examined: examine_lib.ExaminedFile, png: Optional[bytes]
) -> str:
    """Returns a line with what is new of a file, so nothing of a table."""
    fields = {
        field.name: getattr(examined, field.name)
        for field in dataclasses.fields(examined)
    }
    file = fields.pop("file")
    fields["patient"] = dataclasses.asdict(fields["patient"])
    fields["signature"] = fields["signature"].hex()
    return json.dumps(
        {
            "index": index,
            "digest": file.digest,
            "stamp": file.stamp,
            "fields": fields,
            "png": png and base64.b64encode(png).decode(),
        }
    )


def _from_json(
    line: str, files: Sequence[source_files.SourceFile]
) -> tuple[int, examine_lib.ExaminedFile, Optional[bytes]]:
    """Returns what `_to_json` was given."""
    content = json.loads(line)
    index, stamp, fields = (content[k] for k in ("index", "stamp", "fields"))
    file = dataclasses.replace(
        files[index],
        digest=content["digest"],
        stamp=stamp and files_lib.Stamp(*stamp),
    )
    fields["patient"] = patients.Patient(**fields["patient"])
    fields["signature"] = bytes.fromhex(fields["signature"])
    png = content["png"] and base64.b64decode(content["png"], validate=True)
    return index, examine_lib.ExaminedFile(file=file, **fields), png
