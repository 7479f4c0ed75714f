"""All files of a source, read and decoded once, here or on Beam."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools
from typing import Optional
from typing import TYPE_CHECKING

from etils import epath

from xray_tfds import parallel
from xray_tfds.curate import curation as curation_lib
from xray_tfds.curate import examine as examine_lib
from xray_tfds.records import beam
from xray_tfds.records import earlier_records
from xray_tfds.records import spool as spool_lib
from xray_tfds.source import errors
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# Their import takes seconds, as decoding does. Only TFRecords need TensorFlow.
TFRECORD_MODULES = ("matplotlib.backends.backend_svg", "tensorflow")


class Examination:
    """What is known of the files of a source, and the PNGs of their records.

    Attributes:
        config: How they become records.
        source: The `source_files.Source`, with the digests of its files.
        files: The `examine.ExaminedFile`s, in the order of the source.
        hash_key: The key that patients were hashed with.
    """

    def __init__(
        self,
        source: source_files.Source,
        files: list[examine_lib.ExaminedFile],
        slots: list,
        spool: spool_lib.Spool,
        hash_key: hash_key_lib.HashKey,
        config: "config_lib.XrayConfig",
        earlier: Optional[earlier_records.EarlierRecords],
    ) -> None:
        self.config = config
        self.files = files
        self.hash_key = hash_key
        self.source = dataclasses.replace(
            source, files=tuple(each.file for each in files)
        )
        self._slots = slots
        self._spool = spool
        self._earlier = earlier

    def png_of(self, index: int) -> Optional[bytes]:
        """Returns the PNG of a file's record; `None` for a bad file."""
        if slot := self._slots[index]:
            return self._spool.read(slot)
        file = self.files[index]
        if file.reason or self._earlier is None:
            return None
        return self._earlier.png_of(file.record_digest)

    def curate(self, earlier: dict[str, str]) -> curation_lib.Curation:
        """Returns which files are kept, and in which split.

        Args:
            earlier: Hashed patient -> split, of earlier records.

        Raises:
            SourceError: If it cannot be decided. Doubts about patients, which
                may be the cause, are part of the message.
        """
        self.files = examine_lib.compare_pixels(self.files, self.config)
        try:
            return curation_lib.curate(self.files, self.config, earlier)
        except ValueError as error:
            doubts = patient_doubts.find_strangers(self.files)
            raise errors.SourceError(" ".join([str(error), *doubts])) from error


def examine(
    source: source_files.Source,
    config: "config_lib.XrayConfig",
    directory: epath.Path,
    hash_key: hash_key_lib.HashKey,
    beam_options: Optional[beam.BeamOptions] = None,
    modules: Sequence[str] = TFRECORD_MODULES,
    *,
    earlier: Optional[earlier_records.EarlierRecords] = None,
) -> Examination:
    """Reads and decodes all files of a source that are not known.

    Args:
        source: What to read.
        config: How files become records.
        directory: Where PNGs wait, and where Beam's workers leave theirs.
        hash_key: For the identifiers of patients.
        beam_options: Where Beam runs; `None` for this process.
        modules: What is imported meanwhile, since it is needed afterwards.
        earlier: What is known of the files; `None` for nothing.

    Raises:
        SourceError: If a file changed since it was listed.
        PatientError: If `patient_pattern` is ambiguous in a name.
    """
    files = source.files
    patients.check_pattern(files, config.patient_pattern)
    spool = spool_lib.Spool(directory)
    examined: list = [earlier and earlier.find(file) for file in files]
    unknown = [i for i, found in enumerate(examined) if found is None]
    slots: list = [None] * len(files)
    # Beam's workers may be processes forked from this one: no threads then.
    with parallel.importing(() if beam_options else modules):
        if beam_options is None:
            results = _examine_here(
                [files[i] for i in unknown], config, hash_key, earlier
            )
        else:
            results = beam.examine(
                [files[i] for i in unknown],
                config,
                beam_options,
                directory,
                hash_key,
            )
        for number, file, png in results:
            examined[unknown[number]] = file
            slots[unknown[number]] = png and spool.add(png)
    if taken := sum(
        slot is None and not file.reason for file, slot in zip(examined, slots)
    ):
        print(f"Taken from earlier records: {taken} of {len(files)} files")
    return Examination(
        source, examined, slots, spool, hash_key, config, earlier
    )


def _examine_here(
    files: Sequence[source_files.SourceFile],
    config: "config_lib.XrayConfig",
    hash_key: hash_key_lib.HashKey,
    earlier: Optional[earlier_records.EarlierRecords],
) -> Iterator[tuple]:
    """As `beam.examine`, in this process, and in order."""
    find_known = earlier.find if earlier else examine_lib.know_none
    found = parallel.ordered_map(
        functools.partial(
            examine_lib.examine,
            config=config,
            hash_key=hash_key,
            find_known=find_known,
        ),
        files,
        total=len(files),
        desc="Decoding files",
    )
    for index, (file, png) in enumerate(found):
        yield index, file, png
