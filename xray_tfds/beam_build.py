"""The same build on Apache Beam, for folders that outgrow one machine.

Two pipelines: the first reads and decodes every file and brings back what
`intake` finds, a kilobyte each; what is kept and where is decided here, as in a
local build; the second decodes the kept files again and makes their examples.
TFDS writes them to the shards, and in the order, of a local build.
"""

import base64
import dataclasses
import os
import pickle
from typing import Any

from xray_tfds import images
from xray_tfds import intake
from xray_tfds import patients


@dataclasses.dataclass(frozen=True)
class BeamOptions:
    """Where and how pipelines run, as `tfds.download.DownloadConfig` has it."""

    runner: Any
    options: Any


def options_of(download_config):
    """Returns the `BeamOptions` that were asked for, `None` if none were."""
    runner = download_config.beam_runner
    options = download_config.beam_options
    return BeamOptions(runner, options) if runner or options else None


def local_directory(path):
    """Returns a directory as a string, `None` if it is not on this machine."""
    return os.fspath(path) if os.path.isdir(path) else None


def examine(files, config, beam_options, temp_dir):
    """Reads and decodes all files on Beam's workers.

    Args:
        files: Sequence of `sources.SourceFile`.
        config: `XrayConfig`.
        beam_options: `BeamOptions`.
        temp_dir: Directory that all workers can write to, `epath.Path`; what
            is written there is removed again.

    Returns:
        List of `intake.Finding`, in the order of the files.
    """
    import apache_beam as beam  # Slow to import, and rarely needed.

    folder = temp_dir / "findings"
    folder.mkdir(parents=True, exist_ok=True)
    hash_key = patients.read_hash_key()

    def find(item):
        index, file = item
        finding, _ = intake.examine(file, config, hash_key)
        return base64.b64encode(pickle.dumps((index, finding))).decode()

    pipeline = beam.Pipeline(
        runner=beam_options.runner, options=beam_options.options
    )
    with pipeline:
        _ = (
            pipeline
            | "List" >> beam.Create(list(enumerate(files)))
            | "Spread" >> beam.Reshuffle()
            | "Examine" >> beam.Map(find)
            | "Write" >> beam.io.WriteToText(os.fspath(folder / "part"))
        )
    found = dict(
        pickle.loads(base64.b64decode(line))
        for path in folder.glob("part*")
        for line in path.read_text().splitlines()
    )
    folder.rmtree()
    return [found[index] for index in range(len(files))]


def make_examples(kept, config):
    """Returns the Beam transform that makes the examples of a split.

    Args:
        kept: List of pairs of a number and an `intake.Finding`.
        config: `XrayConfig`.
    """
    import apache_beam as beam

    def make(finding):
        return intake.make_example(finding, _encode(finding, config))

    return (
        beam.Create([finding for _, finding in kept])
        | beam.Reshuffle()
        | beam.Map(make)
    )


def encode_again(findings, config, index):
    """Returns the PNG of a file's record, `None` for a bad file."""
    finding = findings[index]
    return None if finding.reason else _encode(finding, config)


def _encode(finding, config):
    decoded = intake.decode(finding.file.path.read_bytes(), config)
    return images.encode_png(intake.make_pixels(decoded.image, config))
