"""A builder of which only whole records of the given files are ever seen."""

from collections.abc import Callable
import functools
import os
from typing import Any
from typing import Optional
from typing import Union

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds import report
from xray_tfds.records import beam
from xray_tfds.records import earlier
from xray_tfds.records import examination as examination_lib
from xray_tfds.records import intake as intake_lib
from xray_tfds.records import integrity
from xray_tfds.records import places
from xray_tfds.records import publishing
from xray_tfds.records import replacing
from xray_tfds.records import storage
from xray_tfds.source import class_names
from xray_tfds.source import digest_index
from xray_tfds.source import errors
from xray_tfds.source import public_set

_UNKNOWN_TFDS = (
    f"TensorFlow Datasets {tfds.__version__} did not write the records where it"
    " was told to, which was beside those that they replace. Install a version "
    "that xray_tfds knows: pip install 'tensorflow-datasets>=4.9.8,<4.9.11'"
)


class WholeRecordsBuilder(tfds.core.GeneratorBasedBuilder):
    """Decides whether records are reused, built or replaced, and by whom.

    What is in them is the subclass's: `_split_generators` leaves
    `_write_manifest`, which is called with the directory of the new records and
    their `DatasetInfo`.

    Attributes:
        intake: The files to build. `preparation.prepare`, which has searched
            their folder already, puts its own there.
        publish_dir: Where whole records are copied to for other machines, by
            `xray_tfds.records.publishing`; None for nowhere.
    """

    def __init__(
        self,
        *,
        config: Union[None, str, config_lib.XrayConfig] = None,
        **kwargs: Any,
    ) -> None:
        """As in TFDS; `config` may be a name or an `XrayConfig`."""
        rehash = isinstance(config, config_lib.XrayConfig) and config.rehash
        if isinstance(config, config_lib.XrayConfig):
            # Equal names mean equal options; TFDS wants the registered object.
            if config.name in self.builder_configs:
                config = config.name
        if kwargs.get("data_dir") is not None:
            places.check_writable(kwargs["data_dir"])
            kwargs["data_dir"] = os.path.expanduser(kwargs["data_dir"])
        self.publish_dir: Optional[epath.PathLike] = None
        self._manual_dir: Optional[epath.PathLike] = None
        self._final_path = epath.Path()
        self._takes_part = False
        self._earlier: dict[str, str] = {}
        self._beam_options: Optional[beam.BeamOptions] = None
        self._write_manifest: Optional[Callable] = None
        self._examination: Optional[examination_lib.Examination] = None
        try:
            super().__init__(config=config, **kwargs)
            _ = self.info.metadata  # TFDS reads it when it is first asked for.
        except Exception as error:
            if not self.is_prepared():
                raise
            raise storage.describe_unopened(
                self.data_path, error, kwargs.get("file_format")
            ) from error
        self.intake = intake_lib.Intake(
            self.builder_config, [self.data_dir_root], rehash=rehash
        )

    def use_splits_of(self, directory: epath.PathLike) -> None:
        """Makes the next build leave patients in the splits of another.

        Args:
            directory: Directory of its records.

        Raises:
            SourceError: If its patients were hashed with another key.
        """
        self._earlier = earlier.read_assignment(directory, self.intake.hash_key)

    def download_and_prepare(
        self,
        *,
        download_config: Optional[tfds.download.DownloadConfig] = None,
        **kwargs: Any,
    ) -> None:
        """As in TFDS, but never takes other files' records for these files'.

        Records that are overwritten, or that are not whole, stay until the new
        ones are complete; the patients in them keep their splits. One process
        at a time builds, and others wait for its records.

        Args:
            download_config: `tfds.download.DownloadConfig`; its `manual_dir` is
                the folder to build. Without one the public data set is
                downloaded. With `beam_options` or a `beam_runner` Apache Beam
                reads the files and writes the records.
            **kwargs: Passed on to TFDS.

        Raises:
            SourceError: If the folder cannot be built as it is, or if records
                of other files are there already.
            StorageError: If records cannot be written, or are damaged and
                nothing says where their images are.
        """
        download_config = download_config or tfds.download.DownloadConfig()
        self._manual_dir = download_config.manual_dir
        self._takes_part = download_config.max_examples_per_split is not None
        if self.builder_config.class_names == class_names.AUTO:
            raise errors.SourceError(
                "`class_names` must be known before a builder is made. Received"
                ": class_names=auto. xray_tfds.prepare(DIR, data_dir, "
                "class_names='auto') finds them first, and so does "
                "XrayConfig(class_names='auto').find_classes(DIR)."
            )
        if self._manual_dir is not None:
            places.check_apart(self.data_dir_root, self._manual_dir)
        if self.publish_dir is not None:
            publishing.check(
                self.publish_dir, self.data_dir_root, self._manual_dir
            )
        # TFDS has other names for it while it builds.
        self._final_path = self.data_path
        self._beam_options = beam.options_of(
            download_config, replacing.staging(self._final_path)
        )
        build = functools.partial(
            super().download_and_prepare,
            download_config=download_config,
            **kwargs,
        )
        mode = download_config.download_mode
        try:
            with (
                storage.reporting_errors(self.data_path),
                parallel.collecting_new(),
            ):
                if mode == tfds.download.GenerateMode.UPDATE_DATASET_INFO:
                    build()
                elif mode.overwrite_dataset or not self._can_reuse():
                    self._take_turn(build, mode.overwrite_dataset)
                self.intake.save_index(self.data_dir_root)
        finally:
            self.intake.forget()
            self._write_manifest = self._examination = None
        if self.publish_dir is not None:
            publishing.publish(
                self.data_path, self.data_dir_root, self.publish_dir
            )

    def is_prepared(self) -> bool:
        """As in TFDS, without its warnings at the first build."""
        path = getattr(self, "_data_dir", None)
        return (
            path is not None
            and (epath.Path(path) / "dataset_info.json").exists()
        )

    def _can_reuse(self, *, is_turn: bool = False) -> bool:
        """Whether there are whole records, of the files that are to be built.

        Args:
            is_turn: Whether no other build is putting records there.

        Raises:
            SourceError: If they are of other files.
            StorageError: If they are damaged, and no files are given.
        """
        if not self.is_prepared():
            return False
        if not is_turn:
            try:
                # Another build may have put them there since this was made.
                self.info.read_from_directory(self.data_path)
            except FileNotFoundError:
                return False  # It does so now.
        damage = integrity.find_damage(self.data_path)
        is_known = not damage or "fingerprint" in self.info.metadata
        if self._manual_dir is not None and is_known:
            self._check_same_files()
        if not damage:
            if self._manual_dir is not None and not self._takes_part:
                integrity.check_all_kept(self.data_path, self.info)
            return True
        if self._manual_dir is None and is_turn:
            # Without it the public data set would take their place.
            raise errors.StorageError(
                f"The records are damaged: {damage}. Build them again from "
                f"their images: {storage.spell_build(self)} --overwrite"
            )
        return False

    def _take_turn(self, build: Callable[[], None], overwrite: bool) -> None:
        """Builds, unless another process did so meanwhile."""
        with replacing.taking_turns(self.data_path) as is_alone:
            replacing.recover(self.data_path, is_alone)
            if self.is_prepared():
                self.info.read_from_directory(self.data_path)
            if overwrite or not self._can_reuse(is_turn=True):
                try:
                    self._replace_records(build)
                except BaseException:
                    # What it was about to write is not what is there.
                    if self.is_prepared():
                        self.info.read_from_directory(self.data_path)
                    raise

    def _replace_records(self, build: Callable[[], None]) -> None:
        """Builds; old records stay in place until the new are complete."""
        if self.is_prepared():
            if damage := integrity.find_damage(self.data_path):
                print(f"The records are damaged: {damage}. They are replaced.")
            self.use_splits_of(self.data_path)
            self.intake.earlier_dir = self.data_path
        elif self._manual_dir is not None and self.intake.earlier_dir is None:
            self._take_from_kin(digest_index.path_digest(self._manual_dir))
        path, incoming = self.data_path, replacing.incoming(self.data_path)
        origin = self._manual_dir or (
            f"the public data set ({public_set.SIZE}, downloaded once)"
        )
        print(f"Preparing {self.info.full_name} from {origin}")
        # Not public, but TFDS (4.9.8 to 4.9.10) itself builds elsewhere so:
        # https://github.com/tensorflow/datasets/blob/v4.9.10/
        # tensorflow_datasets/core/dataset_builder.py, `download_and_prepare`.
        self._data_dir = os.fspath(incoming)
        try:
            build()
        finally:
            self._data_dir = os.fspath(path)
        if self._write_manifest is None or not incoming.exists():
            raise RuntimeError(_UNKNOWN_TFDS)
        try:
            with integrity.adding_checksums(incoming):
                self._write_manifest(incoming, self.info)
                report.write_report(incoming)
            replacing.exchange(path, incoming)
        finally:
            if incoming.exists():
                incoming.rmtree()
        self.info.update_data_dir(self.data_dir)
        print(f"The records are in {path}")

    def _take_from_kin(self, source_digest: str) -> None:
        """Leaves patients where records made with another table have them."""
        kin = earlier.find_kin(
            self.data_path, self.builder_config, source_digest
        )
        if kin is not None:
            self.use_splits_of(kin)
            self.intake.earlier_dir = kin

    # Said in our own words: TFDS knows no size of a folder.
    def _log_download_bytes(self) -> None:
        """Says nothing."""

    def _log_download_done(self) -> None:
        """Says nothing."""

    def _check_same_files(self) -> None:
        source = self.intake.read_digests(self._manual_dir)
        built = self.info.metadata
        if built.get("fingerprint") == source.fingerprint:
            return
        raise errors.SourceError(
            f"The records in {self.data_path} were built from other files"
            f" ({built.get('num_files')} images, fingerprint"
            f" {str(built.get('fingerprint'))[:12]}) than {self._manual_dir}"
            f" now holds ({len(source.files)} images, fingerprint"
            f" {source.fingerprint[:12]}). Build with --overwrite to replace"
            " them, or with another --data_dir to keep both."
        )
