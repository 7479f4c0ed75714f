"""The folder of images that a build reads: found once, examined once."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etils import epath

from xray_tfds.records import examination as examination_lib
from xray_tfds.source import digest_index
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import scan
from xray_tfds.source import source_files
from xray_tfds.source import tables

if TYPE_CHECKING:
    from xray_tfds import config as config_lib
    from xray_tfds.records import beam


class Intake:
    """What is known of the files to be built.

    Attributes:
        hash_key: The key that patients are hashed with.
    """

    def __init__(
        self,
        config: config_lib.XrayConfig,
        index_dirs: Iterable[epath.PathLike],
    ) -> None:
        """Knows of no folder yet.

        Args:
            config: Says what is an image of which class.
            index_dirs: Where indices of the folder may lie, the newest last.
        """
        self.hash_key = hash_key_lib.HashKey()
        self._config = config
        self._index_dirs = tuple(index_dirs)
        self.forget()

    def forget(self) -> None:
        """Takes the folder for changed: it is to be searched again."""
        self._index: digest_index.DigestIndex | None = None
        self._source: source_files.Source | None = None
        self._examination: examination_lib.Examination | None = None

    def find(self, directory: epath.PathLike) -> source_files.Source:
        """Returns what a folder holds; not all of it need have been read."""
        if self._source is None:
            self._index = digest_index.DigestIndex(directory, *self._index_dirs)
            self._source = scan.find(
                directory,
                self._config.class_names,
                tables.read_table(self._config.patients_csv),
                self._index,
            )
        return self._source

    def read_digests(self, directory: epath.PathLike) -> source_files.Source:
        """Returns what a folder holds, with its fingerprint."""
        self._source = source_files.read_digests(self.find(directory))
        return self._source

    def examine(
        self,
        directory: epath.PathLike,
        temp_dir: epath.Path,
        beam_options: beam.BeamOptions | None = None,
        modules: Sequence[str] = examination_lib.TFRECORD_MODULES,
    ) -> examination_lib.Examination:
        """Returns all files of a folder, decoded; as `examination.examine`."""
        if self._examination is None:
            self._examination = examination_lib.examine(
                self.find(directory),
                self._config,
                temp_dir,
                self.hash_key,
                beam_options,
                modules,
            )
            self._source = self._examination.source
        return self._examination

    def save_index(self, folder: epath.PathLike) -> None:
        """Writes what is known of the files beside the records, if anything."""
        if self._source is not None and self._index is not None:
            self._source.note_digests(self._index)
            self._index.save(folder)
