"""The dataset `xray_tfds`: folders of chest X-rays -> TFRecords."""

import functools
from typing import Any

import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds.curate import split_assignment
from xray_tfds.records import console_summary
from xray_tfds.records import examination as examination_lib
from xray_tfds.records import examples
from xray_tfds.records import features as features_lib
from xray_tfds.records import info as info_lib
from xray_tfds.records import manifest
from xray_tfds.records import shards
from xray_tfds.records import whole_records
from xray_tfds.source import public_set


class Builder(whole_records.WholeRecordsBuilder):
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

    Folders of other names are classes with --config='{"class_names": "auto"}'.
    Without --manual_dir the public data set is downloaded (1.2 GB).
    """

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

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        is_tfrecord = self.info.file_format == tfds.core.FileFormat.TFRECORD
        modules = examination_lib.TFRECORD_MODULES
        examination = self.intake.examine(
            self._manual_dir or public_set.download(dl_manager),
            self._final_path,
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
        films = (
            (curation.split[i] or "", file.split or "", file.filename)
            for i, file in enumerate(source.files)
            if not curation.reason[i]
        )
        self.info.metadata.update(
            fingerprint=source.fingerprint,
            num_files=len(source.files),
            # Equal files may be divided otherwise: by another key, or after
            # other earlier records.
            splits_fingerprint=split_assignment.fingerprint(films),
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
            key = examples.make_key(files[index], split, config)
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
