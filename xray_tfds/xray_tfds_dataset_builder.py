"""The dataset `xray_tfds`: folders of chest X-rays -> TFRecords."""

from collections.abc import Callable
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
from xray_tfds.records import manifest
from xray_tfds.records import replacing
from xray_tfds.records import stale_builds
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import scan
from xray_tfds.source import source_files
from xray_tfds.source import tables

# Version 2 of the public data set, train and test; size and SHA-256 stand in
# checksums.tsv (doi:10.17632/rscbjbr9sj.2).
_URL = (
    "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
    "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded"
)

# The archive's folder that holds {train,test}/{NORMAL,PNEUMONIA}.
_ARCHIVE_FOLDER = "chest_xray"


_UNKNOWN_TFDS = (
    f"TensorFlow Datasets {tfds.__version__} does not call the builder's method"
    " `_download_and_prepare`, so that the list of files was not written. "
    "Install a version that xray_tfds knows: pip install "
    "'tensorflow-datasets>=4.9.8,<4.9.11'"
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the records; each method is one step of the story.

    Called by `tfds build xray_tfds` and `tfds.load("xray_tfds")`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [config_lib.XrayConfig()]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    To build your own images, give --manual_dir=DIR with one of

        DIR/{normal,pneumonia}/...
        DIR/{train,validation,test}/{normal,pneumonia}/...

    Without --manual_dir the public data set is downloaded (1.2 GB).
    """

    def __init__(
        self,
        *,
        config: Union[None, str, config_lib.XrayConfig] = None,
        **kwargs: Any,
    ) -> None:
        """As in TFDS; `config` may be a name or an `XrayConfig`."""
        if isinstance(config, config_lib.XrayConfig):
            # Equal names mean equal options; TFDS wants the registered object.
            if config.name in self.builder_configs:
                config = config.name
        if kwargs.get("data_dir") is not None:
            kwargs["data_dir"] = os.path.expanduser(kwargs["data_dir"])
        self._manual_dir: Optional[epath.PathLike] = None
        self._source: Optional[source_files.Source] = None
        self._examination: Optional[examination_lib.Examination] = None
        self._index: Optional[digest_index.DigestIndex] = None
        self._hash_key = hash_key_lib.HashKey()
        self._earlier: dict[str, str] = {}
        self._beam_options: Optional[beam.BeamOptions] = None
        self._write_manifest: Optional[Callable] = None
        super().__init__(config=config, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=features_lib.make_features(config),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.17632/rscbjbr9sj.2",
            license=(
                "CC BY 4.0 (the public data set; your own images are yours)"
            ),
            metadata=tfds.core.MetadataDict(config.options()),
        )

    def use_source(
        self,
        source: source_files.Source,
        examination: Optional[examination_lib.Examination],
        index: digest_index.DigestIndex,
    ) -> None:
        """Spares the next `download_and_prepare` the search of its folder.

        Args:
            source: What the folder holds.
            examination: That of its files, if they were examined already.
            index: What is known of its files, to be saved beside the records.
        """
        self._source, self._index = source, index
        self._examination = examination
        if examination is not None:
            self._hash_key = examination.hash_key

    def use_splits_of(self, directory: epath.PathLike) -> None:
        """Makes the next build leave patients in the splits of another.

        Args:
            directory: Directory of its records.

        Raises:
            SourceError: If its patients were hashed with another key.
        """
        self._earlier = earlier.read_assignment(directory, self._hash_key)

    def download_and_prepare(
        self,
        *,
        download_config: Optional[tfds.download.DownloadConfig] = None,
        **kwargs: Any,
    ) -> None:
        """As in TFDS, but never takes other files' records for these files'.

        Records that are overwritten stay until the new ones are complete; the
        patients in them keep their splits.

        Args:
            download_config: `tfds.download.DownloadConfig`; its `manual_dir` is
                the folder to build. Without one the public data set is
                downloaded. With `beam_options` or a `beam_runner` the files
                are read by Apache Beam.
            **kwargs: Passed on to TFDS.

        Raises:
            SourceError: If the folder cannot be built as it is, or if records
                of other files are there already.
        """
        download_config = download_config or tfds.download.DownloadConfig()
        self._manual_dir = download_config.manual_dir
        if self._manual_dir is not None:
            files_lib.check_apart(self.data_dir_root, self._manual_dir)
        self._beam_options = beam.options_of(download_config)
        overwrite = download_config.download_mode.overwrite_dataset
        build = functools.partial(
            super().download_and_prepare,
            download_config=download_config,
            **kwargs,
        )
        try:
            if replacing.restore(self.data_path):
                self.info.read_from_directory(self.data_path)
            if self.is_prepared() and not overwrite:
                if self._manual_dir is not None:
                    self._check_same_files(self._find(self._manual_dir))
                build()
            else:
                self._replace_records(build)
            if self._source is not None and self._index is not None:
                self._source.note_digests(self._index)
                self._index.save(self.data_dir_root)
        finally:
            self._source = self._examination = self._write_manifest = None

    def _replace_records(self, build: Callable[[], None]) -> None:
        """Builds; old records stay in place until the new are complete."""
        if self.is_prepared():
            self.use_splits_of(self.data_path)
        stale_builds.remove(self.data_path)
        with replacing.set_aside(self.data_path):
            build()
        if self._write_manifest is not None:
            if not (self.data_path / manifest.FOLDER).exists():
                raise RuntimeError(_UNKNOWN_TFDS)
            report.write_report(self.data_path)

    # Not public, but the only step of TFDS (4.9.8 to 4.9.10) between making the
    # directory and renaming it when all is there:
    # https://github.com/tensorflow/datasets/blob/v4.9.10/tensorflow_datasets/
    # core/dataset_builder.py, `download_and_prepare`.
    def _download_and_prepare(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> None:
        with stale_builds.claim(self.data_path):
            super()._download_and_prepare(dl_manager, download_config)
            if self._write_manifest is not None:
                self._write_manifest(self.data_path, self.info)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        examination = self._examination or self._examine(
            self._find(self._manual_dir or self._download(dl_manager))
        )
        source, config = examination.source, self.builder_config
        curation = examination.curate(config, self._earlier)
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
            of_split[curation.split[index]].append((index, examined[index]))
        return {
            split: self._generate_examples(kept, split, examination)
            for split, kept in of_split.items()
            if kept
        }

    def _generate_examples(self, kept, split, examination):
        for index, file in kept:
            yield examine_lib.make_example(
                file, split, examination.png_of(index)
            )

    def _examine(
        self, source: source_files.Source
    ) -> examination_lib.Examination:
        is_tfrecord = self.info.file_format == tfds.core.FileFormat.TFRECORD
        modules = examination_lib.TFRECORD_MODULES
        examination = examination_lib.examine(
            source,
            self.builder_config,
            self.data_path,
            self._hash_key,
            self._beam_options,
            modules if is_tfrecord else modules[:1],
        )
        self._source = examination.source
        return examination

    def _download(self, dl_manager):
        # The URL does not end in .zip, by which TFDS knows the format.
        archive = dl_manager.download_and_extract(
            tfds.download.Resource(
                url=_URL, extract_method=tfds.download.ExtractMethod.ZIP
            )
        )
        return archive / _ARCHIVE_FOLDER

    def _find(self, directory: epath.PathLike) -> source_files.Source:
        if self._source is None:
            config = self.builder_config
            self._index = digest_index.DigestIndex(
                directory, self.data_dir_root
            )
            self._source = scan.find(
                directory,
                config.class_names,
                tables.read_table(config.patients_csv),
                self._index,
            )
        return self._source

    def _check_same_files(self, source: source_files.Source) -> None:
        self._source = source = source_files.read_digests(source)
        built = self.info.metadata
        if built.get("fingerprint") == source.fingerprint:
            return
        raise scan.SourceError(
            f"The records in {self.data_path} were built from other files"
            f" ({built.get('num_files')} images, fingerprint"
            f" {str(built.get('fingerprint'))[:12]}) than {self._manual_dir}"
            f" now holds ({len(source.files)} images, fingerprint"
            f" {source.fingerprint[:12]}). Build with --overwrite to replace"
            " them, or with another --data_dir to keep both."
        )
