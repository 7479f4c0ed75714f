"""The dataset `xray_tfds`: folders of chest X-rays -> TFRecords."""

from collections.abc import Callable
import contextlib
import functools
import os
from typing import Any
from typing import Optional
from typing import Union

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import report
from xray_tfds.curate import examine as examine_lib
from xray_tfds.records import beam
from xray_tfds.records import console_summary
from xray_tfds.records import earlier
from xray_tfds.records import examination as examination_lib
from xray_tfds.records import features as features_lib
from xray_tfds.records import info as info_lib
from xray_tfds.records import intake as intake_lib
from xray_tfds.records import integrity
from xray_tfds.records import manifest
from xray_tfds.records import places
from xray_tfds.records import replacing
from xray_tfds.records import shards
from xray_tfds.records import storage
from xray_tfds.source import class_names
from xray_tfds.source import errors
from xray_tfds.source import public_set

_UNKNOWN_TFDS = (
    f"TensorFlow Datasets {tfds.__version__} did not write the records where it"
    " was told to, which was beside those that they replace. Install a version "
    "that xray_tfds knows: pip install 'tensorflow-datasets>=4.9.8,<4.9.11'"
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the records; each method is one step of the story.

    Called by `tfds build xray_tfds` and `tfds.load("xray_tfds")`.

    Attributes:
        intake: The files to build. `preparation.prepare`, which has searched
            their folder already, puts its own there.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [config_lib.XrayConfig()]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    To build your own images, give --manual_dir=DIR with one of

        DIR/{normal,pneumonia}/...
        DIR/{train,validation,test}/{normal,pneumonia}/...

    Folders of other names are classes with --config='{"class_names": "auto"}'.
    Without --manual_dir the public data set is downloaded (1.2 GB).
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
        self._manual_dir: Optional[epath.PathLike] = None
        self._earlier: dict[str, str] = {}
        self._beam_options: Optional[beam.BeamOptions] = None
        self._write_manifest: Optional[Callable] = None
        self._examination: Optional[examination_lib.Examination] = None
        try:
            super().__init__(config=config, **kwargs)
            _ = self.info.metadata  # TFDS reads it when it is first asked for.
        except Exception as error:
            # TFDS has many words for what it cannot read, and no error class.
            if not self.is_prepared():
                raise
            raise errors.StorageError(
                f"{self.data_path} is damaged: one of its JSON files cannot be "
                "read. Restore it, or remove that directory and build again."
            ) from error
        self.intake = intake_lib.Intake(
            self.builder_config, [self.data_dir_root], rehash=rehash
        )

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        info = self.dataset_info_from_configs(
            features=features_lib.make_features(config),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.17632/rscbjbr9sj.2",
            license=(
                "CC BY 4.0 (the public data set; your own images are yours)"
            ),
            metadata=tfds.core.MetadataDict(config.options()),
        )
        info.__class__ = info_lib.LocalInfo
        return info

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
        if self.builder_config.class_names == class_names.AUTO:
            raise errors.SourceError(
                "`class_names` must be known before a builder is made. Received"
                ": class_names=auto. xray_tfds.prepare(DIR, data_dir, "
                "class_names='auto') finds them first, and so does "
                "XrayConfig(class_names='auto').find_classes(DIR)."
            )
        if self._manual_dir is not None:
            places.check_apart(self.data_dir_root, self._manual_dir)
        staging = replacing.staging(self.data_path)
        self._beam_options = beam.options_of(download_config, staging)
        build = functools.partial(
            super().download_and_prepare,
            download_config=download_config,
            **kwargs,
        )
        mode = download_config.download_mode
        try:
            with storage.reporting_errors(self.data_path):
                if mode == tfds.download.GenerateMode.UPDATE_DATASET_INFO:
                    build()
                elif mode.overwrite_dataset or not self._can_reuse():
                    self._take_turn(build, mode.overwrite_dataset)
                self.intake.save_index(self.data_dir_root)
        finally:
            self.intake.forget()
            self._write_manifest = self._examination = None
            if self._beam_options is not None and staging.exists():
                # The next build clears away what cannot be removed now.
                with contextlib.suppress(OSError):
                    staging.rmtree()

    def is_prepared(self) -> bool:
        """As in TFDS, without its warnings at the first build."""
        path = getattr(self, "_data_dir", None)
        return (
            path is not None
            and (epath.Path(path) / "dataset_info.json").exists()
        )

    def _can_reuse(self) -> bool:
        """Whether there are whole records, of the files that are to be built.

        Raises:
            SourceError: If they are of other files.
            StorageError: If they are damaged, and no files are given.
        """
        if not self.is_prepared():
            return False
        damage = integrity.find_damage(self.data_path)
        is_known = not damage or "fingerprint" in self.info.metadata
        if self._manual_dir is not None and is_known:
            self._check_same_files()
        if not damage:
            return True
        if self._manual_dir is None:
            # Without it the public data set would take their place.
            raise errors.StorageError(
                f"The records are damaged: {damage}. Build them again from "
                "their images: tfds build xray_tfds --manual_dir=DIR "
                f"--data_dir={self.data_dir_root} --overwrite"
            )
        return False

    def _take_turn(self, build: Callable[[], None], overwrite: bool) -> None:
        """Builds, unless another process did so meanwhile."""
        with replacing.taking_turns(self.data_path) as is_alone:
            replacing.recover(self.data_path, is_alone)
            if self.is_prepared():
                self.info.read_from_directory(self.data_path)
            if overwrite or not self._can_reuse():
                self._replace_records(build)

    def _replace_records(self, build: Callable[[], None]) -> None:
        """Builds; old records stay in place until the new are complete."""
        if self.is_prepared():
            if damage := integrity.find_damage(self.data_path):
                print(f"The records are damaged: {damage}. They are replaced.")
            self.use_splits_of(self.data_path)
            self.intake.earlier_dir = self.data_path
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
        with integrity.adding_checksums(incoming):
            self._write_manifest(incoming, self.info)
            report.write_report(incoming)
        replacing.exchange(path)
        self.info.update_data_dir(self.data_dir)
        print(f"The records are in {path}")

    # Said in our own words: TFDS knows no size of a folder.
    def _log_download_bytes(self) -> None:
        """Says nothing."""

    def _log_download_done(self) -> None:
        """Says nothing."""

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        is_tfrecord = self.info.file_format == tfds.core.FileFormat.TFRECORD
        modules = examination_lib.TFRECORD_MODULES
        examination = self.intake.examine(
            self._manual_dir or public_set.download(dl_manager),
            self.data_path,
            self._beam_options,
            modules if is_tfrecord else modules[:1],
        )
        source, config = examination.source, self.builder_config
        curation = examination.curate(self._earlier)
        examined = examination.files
        cautions = [
            *source.cautions,
            *console_summary.find_cautions(examined, curation, config),
        ]
        console_summary.show(source, examined, curation, cautions)
        self.info.metadata.update(
            fingerprint=source.fingerprint, num_files=len(source.files)
        )
        self._write_manifest = functools.partial(
            manifest.write,
            examination=examination,
            curation=curation,
            cautions=cautions,
        )
        of_split: dict[Any, list] = {"train": [], "validation": [], "test": []}
        for index in curation.kept():
            of_split[curation.split[index]].append(index)
        self._examination = examination
        return {
            split: self._generate_examples(kept, split)
            for split, kept in of_split.items()
            if kept
        }

    def _generate_examples(self, kept, split):
        """Yields key and number of each file; its example is on disk."""
        assert self._examination is not None
        files, config = self._examination.source.files, self.builder_config
        for index in kept:
            key = examine_lib.make_key(files[index], split, config)
            yield key, index

    # Not public, but the same in TFDS 4.9.8 to 4.9.10.
    def _generate_splits(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> list[tfds.core.SplitInfo]:
        """Writes the records."""
        splits = self._split_generators(dl_manager)
        assert self._examination is not None
        return shards.write(
            splits,
            self._examination,
            self._get_filename_template,
            download_config,
            self._example_writer(),
            self._beam_options,
        )

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
