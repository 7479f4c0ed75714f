"""What was decoded for earlier records, so that it is decoded once."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import itertools
import os
from typing import TYPE_CHECKING

from etils import epath
from google.protobuf import message

from disk import tfrecords
from xray_tfds import parallel
from xray_tfds.curate import examine as examine_lib
from xray_tfds.records import example_files
from xray_tfds.records import examples
from xray_tfds.records import findings_file
from xray_tfds.records import manifest
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key as hash_key_lib

if TYPE_CHECKING:
    from xray_tfds import config as config_lib
    from xray_tfds.source import source_files

# Records that a thread reads before it is given others.
_AT_ONCE = 64


class EarlierRecords:
    """Findings and examples of earlier records, by the content of the files.

    Nothing is believed that does not have the digest it should have.
    """

    def __init__(
        self,
        directory: epath.Path,
        config: config_lib.XrayConfig,
        hash_key: hash_key_lib.HashKey,
    ) -> None:
        """Reads what there is; where it is of no use, nothing is known.

        Args:
            directory: Of the records.
            config: How files become records.
            hash_key: For the identifiers of patients.
        """
        self._config = config
        self._hash_key = hash_key
        self._serializer = examples.Serializer(config)
        self._known: findings_file.Known | None = None
        self._places: dict[str, dict[bytes, example_files.Place]] = {}
        path = directory / manifest.FOLDER / findings_file.FILE
        found = findings_file.read(path, config)
        if found is None or not files_lib.is_local(directory):
            return
        columns, used_key = found
        if used_key:
            hash_key.read()
        if used_key in ("", hash_key.fingerprint()):
            self._known = findings_file.Known(columns)
            self._places = _find_examples(
                directory, self._known.record_digests()
            )

    def know_any(self) -> bool:
        """Whether there are findings that are of use."""
        return self._known is not None

    def find(
        self, file: source_files.SourceFile
    ) -> examine_lib.ExaminedFile | None:
        """Returns what is known of a file with a digest."""
        if self._known is None:
            return None
        return self._known.find(file, self._config, self._hash_key)

    def find_whole(
        self, file: source_files.SourceFile
    ) -> examine_lib.ExaminedFile | None:
        """As `find`, but `None` of a good one that has no sound record."""
        found = self.find(file)
        if found is None or found.reason:
            return found
        return found if found.record_digest in self._places else None

    def find_example(
        self,
        file: examine_lib.ExaminedFile,
        add: Callable[[bytes], example_files.Place],
    ) -> example_files.Place | None:
        """Returns where the example of a good file is that was found.

        Args:
            file: As `find` returned it.
            add: Called with the example where the earlier one is of another
                name or patient; returns where it was put.

        Returns:
            Its place; `None` if the file was left out.

        Raises:
            SourceError: If earlier records were changed meanwhile.
        """
        places = self._places.get(file.record_digest)
        if places is None:
            return None
        _, facts = examples.split(self._serializer.serialize(file, b""))
        if facts in places:
            return places[facts]
        earlier = example_files.read_checked(
            next(iter(places.values())), file.record_digest
        )
        png, _ = examples.split(earlier)
        return add(self._serializer.serialize(file, png))


def _find_examples(
    directory: epath.Path, wanted: set[str]
) -> dict[str, dict[bytes, example_files.Place]]:
    """Returns digest of the PNG -> all else -> place of the sound examples."""
    paths = sorted(p for p in directory.iterdir() if ".tfrecord-" in p.name)
    places = [place for path in paths for place in _walk(os.fspath(path))]
    chunks = [
        places[start : start + _AT_ONCE]
        for start in range(0, len(places), _AT_ONCE)
    ]
    looked = itertools.chain.from_iterable(
        parallel.ordered_map(_look_at, chunks)
    )
    found: dict[str, dict[bytes, example_files.Place]] = {}
    for (digest, facts), place in zip(looked, places):
        if digest in wanted:
            found.setdefault(digest, {})[facts] = place
    return found


def _walk(path: str) -> Iterator[example_files.Place]:
    """Yields the places of the examples of a file, as far as it is whole."""
    with open(path, "rb") as file:
        for place in tfrecords.walk(file, os.path.getsize(path)):
            yield example_files.Place(path, *place)


def _look_at(places: list[example_files.Place]) -> list[tuple[str, bytes]]:
    """Returns digest of the PNG, and all else; nothing of what is damaged."""
    looked = []
    for place in places:
        try:
            png, facts = examples.split(example_files.read(place))
            looked.append((examine_lib.record_digest(png), facts))
        except (message.DecodeError, IndexError):
            looked.append(("", b""))
    return looked
