"""All files of a source, read and decoded once, here or on Beam."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import Optional
from typing import TYPE_CHECKING
from typing import Union

from etils import epath

from xray_tfds import parallel
from xray_tfds.curate import curation as curation_lib
from xray_tfds.curate import examine as examine_lib
from xray_tfds.curate import findings as findings_lib
from xray_tfds.records import beam
from xray_tfds.records import earlier_records
from xray_tfds.records import example_files
from xray_tfds.records import examples
from xray_tfds.records import spool as spool_lib
from xray_tfds.source import errors
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# Where an example is: in the spool, or in a file.
Place = Union[spool_lib.Slot, example_files.Place]

# Their import takes seconds, as decoding does. Only TFRecords need TensorFlow.
TFRECORD_MODULES = ("pages.plotting", "tensorflow")


class Examination:
    """What is known of the files of a source, and their examples.

    Attributes:
        config: How they become records.
        source: The `source_files.Source`, with the digests of its files.
        files: The `examine.ExaminedFile`s, in the order of the source.
        hash_key: The key that patients were hashed with.
    """

    def __init__(
        self,
        source: source_files.Source,
        files: Sequence[examine_lib.ExaminedFile],
        places: Sequence[Optional[Place]],
        spool: spool_lib.Spool,
        hash_key: hash_key_lib.HashKey,
        config: "config_lib.XrayConfig",
    ) -> None:
        """As the attributes; an example is in the spool or elsewhere.

        A good file that earlier records left out has none yet.
        """
        self.config = config
        self.files = files
        self.hash_key = hash_key
        self.source = dataclasses.replace(
            source, files=tuple(each.file for each in files)
        )
        if isinstance(files, findings_lib.Findings):
            # Else there would be two objects of each file.
            self.files = findings_lib.Findings(self.source.files, files.columns)
        self._places = places
        self._spool = spool

    def place_of(self, index: int) -> Place:
        """Returns where a good file's example is."""
        place = self._places[index]
        assert place is not None
        return place

    def example_of(self, index: int) -> bytes:
        """Returns the example of a good file, serialized, to any thread.

        Raises:
            SourceError: If the file that it lies in was changed meanwhile.
        """
        place = self.place_of(index)
        if isinstance(place, spool_lib.Slot):
            return self._spool.read(place)
        digest = self.files[index].record_digest
        return example_files.read_checked(place, digest)

    def png_of(self, index: int) -> Optional[bytes]:
        """Returns the PNG of a file's record; `None` for a bad file."""
        if self._places[index] is not None:
            return examples.split(self.example_of(index))[0]
        return None if self.files[index].reason else self._decode(index)

    def _decode(self, index: int) -> bytes:
        """Returns the PNG of a good file that has no example.

        Raises:
            SourceError: If it is not the file that was found.
        """
        known = self.files[index]
        found, png = examine_lib.examine(known.file, self.config, self.hash_key)
        if png is None or found.record_digest != known.record_digest:
            raise source_files.changed(known.file)
        return png

    def curate(self, earlier: dict[str, str]) -> curation_lib.Curation:
        """Returns which files are kept, and in which split.

        Each of them has an example from then on.

        Args:
            earlier: Hashed patient -> split, of earlier records.

        Raises:
            SourceError: If it cannot be decided. Doubts about patients, which
                may be the cause, are part of the message.
        """
        if isinstance(self.files, findings_lib.Findings):
            self.files = self.files.compare_pixels()
        else:
            self.files = examine_lib.compare_pixels(self.files, self.config)
        try:
            curation = curation_lib.curate(self.files, self.config, earlier)
        except ValueError as error:
            problem, remedy = str(error), ""
            if isinstance(error, errors.SourceError):
                problem, remedy = error.problem, error.remedy
            doubts = patient_doubts.find_strangers(self.files)
            raise errors.SourceError(
                " ".join([problem, *doubts]), remedy
            ) from error
        self._add_examples(curation.kept())
        return curation

    def _add_examples(self, kept: Sequence[int]) -> None:
        """Decodes what earlier records left out, or lost, and is kept now."""
        if not isinstance(self._places, list):
            return  # Beam's workers made the examples of all files.
        missing = [index for index in kept if self._places[index] is None]
        if not missing:
            return
        serializer = examples.Serializer(self.config)

        def make_one(index):
            return serializer.serialize(self.files[index], self._decode(index))

        made = parallel.ordered_map(
            make_one, missing, total=len(missing), desc="Decoding files"
        )
        for index, example in zip(missing, made):
            self._places[index] = self._spool.add(example)


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
        directory: Where examples wait, and where Beam's workers leave theirs.
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
    find: examine_lib.FindKnown = examine_lib.know_none
    if earlier:
        # Workers also make the examples of what earlier records left out.
        find = earlier.find_whole if beam_options else earlier.find
    examined: Any = [find(file) for file in files]
    unknown = [i for i, found in enumerate(examined) if found is None]
    wanted = [files[i] for i in unknown]
    places: Any = [None] * len(files)
    spool = spool_lib.Spool(directory)
    serializer = examples.Serializer(config)
    if beam_options is None:
        with parallel.importing(modules):
            results = _examine_here(
                wanted,
                serializer,
                config=config,
                hash_key=hash_key,
                find_known=find,
            )
            for i, (file, example) in zip(unknown, results):
                examined[i], places[i] = file, example and spool.add(example)
    elif wanted:
        # Workers may be processes forked from this one: no threads here.
        found = beam.examine(wanted, config, beam_options, hash_key, serializer)
        if earlier is None:
            examined, places = found  # Columns, not objects.
        else:
            for i, file, place in zip(unknown, *found):
                examined[i], places[i] = file, place
    if earlier and beam_options:
        with example_files.ExampleFile(
            beam_options.folder / "earlier"
        ) as shared:
            _take_examples(earlier, examined, places, shared.add, serializer)
    elif earlier:
        _take_examples(earlier, examined, places, spool.add, serializer)
    return Examination(source, examined, places, spool, hash_key, config)


def _examine_here(
    files: Sequence[source_files.SourceFile],
    serializer: examples.Serializer,
    **options: Any,
) -> Iterator[tuple]:
    """Returns findings and example of each file, in order.

    Args:
        files: Those to read.
        serializer: Makes the examples.
        **options: Of `examine.examine`.
    """

    def examine_one(file):
        each, png = examine_lib.examine(file, **options)
        return each, png and serializer.serialize(each, png)

    return parallel.ordered_map(
        examine_one, files, total=len(files), desc="Decoding files"
    )


def _take_examples(
    earlier: earlier_records.EarlierRecords,
    examined: Sequence[examine_lib.ExaminedFile],
    places: list[Optional[Place]],
    add: Callable[[bytes], Place],
    serializer: examples.Serializer,
) -> None:
    """Finds the examples of the good files that were not decoded.

    Args:
        earlier: Where they are found.
        examined: All files.
        places: Where their examples are; those that are found are added.
        add: Called with an example that is new, returns where it is.
        serializer: Makes examples.
    """
    taken = [
        index
        for index, (file, place) in enumerate(zip(examined, places))
        if place is None and not file.reason
    ]
    for index in taken:
        found = earlier.find_example(examined[index], serializer)
        places[index] = add(found) if isinstance(found, bytes) else found
    count = sum(places[index] is not None for index in taken)
    if count:
        print(f"Taken from earlier records: {count} of {len(examined)} files")
