"""All files of a source, read and decoded once, here or on Beam."""

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import dataclasses
import functools
from typing import Any
from typing import Optional
from typing import TYPE_CHECKING

from etils import epath

from xray_tfds import parallel
from xray_tfds.curate import curation as curation_lib
from xray_tfds.curate import examine as examine_lib
from xray_tfds.curate import findings as findings_lib
from xray_tfds.records import beam
from xray_tfds.records import earlier_records
from xray_tfds.records import example_files
from xray_tfds.records import examples
from xray_tfds.records import workers
from xray_tfds.source import errors
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# Their import takes seconds, as decoding does. Only TFRecords need TensorFlow.
TFRECORD_MODULES = ("pages.plotting", "tensorflow")


class Examination:
    """What is known of the files of a source, and their examples.

    Attributes:
        config: How they become records.
        source: The `source_files.Source`, with the digests of its files.
        files: The `findings.Findings`, in the order of the source.
        hash_key: The key that patients were hashed with.
    """

    def __init__(
        self,
        source: source_files.Source,
        findings: findings_lib.Findings,
        places: Sequence[Optional[example_files.Place]],
        folder: epath.Path,
        hash_key: hash_key_lib.HashKey,
        config: "config_lib.XrayConfig",
    ) -> None:
        """As the attributes.

        Args:
            source: As it was listed.
            findings: What was found out.
            places: Where the example of each file is. A good file that earlier
                records left out has none yet.
            folder: Where the examples wait that are none of earlier records.
            hash_key: See above.
            config: See above.
        """
        self.config = config
        self.hash_key = hash_key
        files = tuple(findings.file(i) for i in range(len(findings)))
        self.source = dataclasses.replace(source, files=files)
        # With these, or there would be two objects of each file.
        self.files = findings_lib.Findings(files, findings.columns)
        self._places = places
        self._folder = folder

    def place_of(self, index: int) -> example_files.Place:
        """Returns where a good file's example is."""
        place = self._places[index]
        assert place is not None
        return place

    def example_of(self, index: int) -> bytes:
        """Returns the example of a good file, serialized, to any thread.

        Raises:
            SourceError: If the file that it lies in was changed meanwhile.
        """
        digest = self.files.digest("record_digest", index)
        return example_files.read_checked(self.place_of(index), digest)

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
        self.files = self.files.compare_pixels(
            functools.partial(examine_lib.digest_pixels, config=self.config)
        )
        try:
            curation = curation_lib.curate(self.files, self.config, earlier)
        except ValueError as error:
            problem, remedy = str(error), ""
            if isinstance(error, errors.SourceError):
                problem, remedy = error.problem, error.remedy
            doubts = patient_doubts.find_strangers(self.files.owned)
            raise errors.SourceError(
                " ".join([problem, *doubts]), remedy
            ) from error
        self._add_examples(curation.kept())
        return curation

    def _add_examples(self, kept: Sequence[int]) -> None:
        """Decodes what earlier records left out, or lost, and is kept now."""
        missing = [index for index in kept if self._places[index] is None]
        if not missing:
            return
        serializer = examples.Serializer(self.config)

        def make_one(index):
            return serializer.serialize(self.files[index], self._decode(index))

        made = parallel.ordered_map(
            make_one, missing, total=len(missing), desc="Decoding files"
        )
        places = list(self._places)
        with example_files.ExampleFile(self._folder / "missing") as file:
            for index, example in zip(missing, made):
                places[index] = file.add(example)
        self._places = places


def examine(
    source: source_files.Source,
    config: "config_lib.XrayConfig",
    folder: epath.Path,
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
        folder: Where examples wait until they are written; there need be none
            yet. Who calls removes it in the end.
        hash_key: For the identifiers of patients.
        beam_options: How Beam runs, whose workers can write to `folder`;
            `None` for this machine alone.
        modules: What is imported meanwhile, since it is needed afterwards.
        earlier: What is known of the files; `None` for nothing.

    Raises:
        SourceError: If a file changed since it was listed.
        PatientError: If `patient_pattern` is ambiguous in a name.
    """
    patients.check_pattern(source.files, config.patient_pattern)
    # Here alone: what outlives a killed build does not make it anew.
    folder.mkdir(parents=True, exist_ok=True)

    def work(files):
        if beam_options is None:
            return workers.examine(files, config, folder, hash_key)
        return beam.examine(files, config, beam_options, hash_key)

    with contextlib.ExitStack() as stack:
        if beam_options is None:
            # Beam's workers may be processes forked from this one.
            stack.enter_context(parallel.importing(modules))
        if earlier is None or not earlier.know_any():
            findings, places = work(source.files)
        else:
            if beam_options is None:
                source = source_files.read_digests(source)
            findings, places = _examine_unknown(
                source.files, earlier, work, folder, beam_options is not None
            )
    return Examination(source, findings, places, folder, hash_key, config)


def _examine_unknown(
    files: Sequence[source_files.SourceFile],
    earlier: earlier_records.EarlierRecords,
    work: Callable[[Sequence[source_files.SourceFile]], tuple],
    folder: epath.Path,
    on_beam: bool,
) -> tuple[findings_lib.Findings, list[Optional[example_files.Place]]]:
    """Returns what `work` finds out of new files, and is known of the others.

    Args:
        files: All files.
        earlier: What is known.
        work: `workers.examine` or `beam.examine`, called with the new.
        folder: Where examples wait.
        on_beam: Whether workers also decode what earlier records left out,
            which otherwise happens once it is kept.
    """
    find = earlier.find_whole if on_beam else earlier.find
    examined: list[Any] = [find(file) for file in files]
    places: list[Optional[example_files.Place]] = [None] * len(files)
    known = [index for index, each in enumerate(examined) if each is not None]
    unknown = [index for index, each in enumerate(examined) if each is None]
    if unknown:
        found = work([files[index] for index in unknown])
        for index, each, place in zip(unknown, *found):
            examined[index], places[index] = each, place
    good = [index for index in known if not examined[index].reason]
    with example_files.ExampleFile(folder / "earlier") as new:
        for index in good:
            places[index] = earlier.find_example(examined[index], new.add)
    count = sum(places[index] is not None for index in good)
    if count:
        print(f"Taken from earlier records: {count} of {len(files)} files")
    return findings_lib.Findings.of(examined), places
