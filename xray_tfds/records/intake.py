"""The folder of images that a build reads: found once, examined once."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import contextlib
from typing import TYPE_CHECKING

from etils import epath

from xray_tfds import parallel
from xray_tfds.records import earlier_records
from xray_tfds.records import examination as examination_lib
from xray_tfds.records import replacing
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
        earlier_dir: Directory of earlier records of the folder and the options,
            from which is taken what need not be decoded; `None` for none.
    """

    def __init__(
        self,
        config: config_lib.XrayConfig,
        index_dirs: Iterable[epath.PathLike],
        *,
        rehash: bool = False,
    ) -> None:
        """Knows of no folder yet.

        Args:
            config: Says what is an image of which class.
            index_dirs: Where indices of the folder may lie, the newest last.
            rehash: Whether they are not to be believed.
        """
        self.hash_key = hash_key_lib.HashKey()
        self._config = config
        self._index_dirs = () if rehash else tuple(index_dirs)
        self.earlier_dir: epath.Path | None = None
        self._staging: epath.Path | None = None
        self.forget()

    def forget(self) -> None:
        """Takes the folder for changed: it is to be searched again.

        Examples that wait to be written are gone then.
        """
        self._index: digest_index.DigestIndex | None = None
        self._source: source_files.Source | None = None
        self._found: source_files.Source | None = None
        self._examination: examination_lib.Examination | None = None
        if self._staging is not None and self._staging.exists():
            # The next build clears away what cannot be removed now.
            with contextlib.suppress(OSError):
                self._staging.rmtree()
        self._staging = None

    def find(self, directory: epath.PathLike) -> source_files.Source:
        """Returns what a folder holds; not all of it need have been read."""
        if self._source is None:
            with parallel.keeping_garbage():
                self._index = digest_index.DigestIndex(
                    directory, *self._index_dirs
                )
                self._source = self._found = scan.find(
                    directory,
                    self._config.class_names,
                    tables.read_table(self._config.patients_csv),
                    self._index,
                )
        return self._source

    def read_digests(self, directory: epath.PathLike) -> source_files.Source:
        """Returns what a folder holds, with its fingerprint."""
        source = self.find(directory)
        if not source.is_read():
            source = self._source = source_files.read_digests(source)
        return source

    def examine(
        self,
        directory: epath.PathLike,
        path: epath.Path,
        beam_options: beam.BeamOptions | None = None,
        modules: Sequence[str] = examination_lib.TFRECORD_MODULES,
    ) -> examination_lib.Examination:
        """Returns all files of a folder, decoded; as `examination.examine`.

        Args:
            directory: The folder.
            path: Beside it, where it is of this machine, examples wait until
                `forget`; on Beam in the folder of its options.
            beam_options: See there, as for the next.
            modules: See there.
        """
        if self._examination is None:
            source = self.find(directory)
            self._staging = (
                replacing.local_staging(path)
                if beam_options is None
                else beam_options.folder
            )
            earlier = self.earlier_dir and earlier_records.EarlierRecords(
                self.earlier_dir, self._config, self.hash_key
            )
            self._examination = examination_lib.examine(
                source,
                self._config,
                self._staging,
                self.hash_key,
                beam_options,
                modules,
                earlier=earlier,
            )
            self._source = self._examination.source
        return self._examination

    def save_index(self, folder: epath.PathLike) -> None:
        """Writes what is known of the files beside the records, if anything."""
        if self._source is not None and self._index is not None:
            if self._source is not self._found:
                self._source.note_digests(self._index)
            self._index.save(folder)
