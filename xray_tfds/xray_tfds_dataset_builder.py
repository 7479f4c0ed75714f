"""The dataset `xray_tfds`: folders of chest X-rays -> TFRecords."""

import contextlib
import dataclasses
import functools

import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds import report
from xray_tfds.curate import curation as curation_lib
from xray_tfds.curate import examine as examine_lib
from xray_tfds.records import beam
from xray_tfds.records import console_summary
from xray_tfds.records import manifest
from xray_tfds.records import stale_builds
from xray_tfds.source import patients
from xray_tfds.source import scan
from xray_tfds.source import tables

# Version 2 of the public data set, train and test; size and SHA-256 stand in
# checksums.tsv (doi:10.17632/rscbjbr9sj.2).
_URL = (
    "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
    "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded"
)

# The archive's folder that holds {train,test}/{NORMAL,PNEUMONIA}.
_ARCHIVE_FOLDER = "chest_xray"


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

    def __init__(self, *, config=None, **kwargs):
        """As in TFDS; `config` may be a name or an `XrayConfig`."""
        if getattr(config, "name", None) in self.builder_configs:
            # Equal names mean equal options; TFDS wants the registered object.
            config = config.name
        self._manual_dir = None
        self._source = None
        self._earlier = {}
        self._beam_options = None
        self._write_facts = None
        super().__init__(config=config, **kwargs)

    def _info(self):
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=config.image_shape, encoding_format="png"
                    ),
                    "label": tfds.features.ClassLabel(names=config.class_names),
                    "filename": tfds.features.Text(
                        doc="Path relative to the folder of the split."
                    ),
                    "patient": tfds.features.Text(
                        doc=(
                            "Key of the patient; no patient is in two splits "
                            "unless `on_leak` is `allow`."
                        )
                    ),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.17632/rscbjbr9sj.2",
            license=(
                "CC BY 4.0 (the public data set; your own images are yours)"
            ),
            metadata=tfds.core.MetadataDict(config.options()),
        )

    def use_source(self, source):
        """Spares the next `download_and_prepare` the search of its folder."""
        self._source = source

    def use_splits_of(self, directory):
        """Makes the next build leave patients in the splits of another.

        Args:
            directory: Directory of its records.
        """
        self._earlier = manifest.read_assignment(directory)

    def download_and_prepare(self, *, download_config=None, **kwargs):
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
        self._beam_options = beam.options_of(download_config)
        overwrite = download_config.download_mode.overwrite_dataset
        build = functools.partial(
            super().download_and_prepare,
            download_config=download_config,
            **kwargs,
        )
        try:
            if _restore(self.data_path):
                self.info.read_from_directory(self.data_path)
            if self.is_prepared() and not overwrite:
                if self._manual_dir is not None:
                    self._check_same_files(self._find(self._manual_dir))
                build()
                return
            if self.is_prepared():
                self.use_splits_of(self.data_path)
            stale_builds.remove(self.data_path)
            with _set_aside(self.data_path):
                build()
            if self._write_facts is not None:
                report.write_report(self.data_path)
        finally:
            self._source = self._write_facts = None

    def _download_and_prepare(self, dl_manager, download_config):
        # In the directory that TFDS renames when all is there.
        with stale_builds.claim(self.data_path):
            super()._download_and_prepare(dl_manager, download_config)
            if self._write_facts is not None:
                self._write_facts(self.data_path, self.info)

    def _split_generators(self, dl_manager):
        source = self._find(self._manual_dir or self._download(dl_manager))
        config = self.builder_config
        patients.check_pattern(source.files, config.patient_pattern)
        spool = examine_lib.Spool(self.data_path)
        with parallel.importing(self._needed_later()):
            examined, slots = self._examine(source.files, spool)

        def png_of(index):
            return slots[index] and spool.read(slots[index])

        source = dataclasses.replace(
            source, files=tuple(each.file for each in examined)
        )
        examined = examine_lib.compare_pixels(examined, config)
        curation = curation_lib.curate(examined, config, self._earlier)
        cautions = console_summary.find_cautions(examined, curation, config)
        console_summary.show(source, examined, curation, cautions)
        self.info.metadata.update(
            fingerprint=source.fingerprint, num_files=len(source.files)
        )
        self._write_facts = functools.partial(
            manifest.write,
            examined=examined,
            curation=curation,
            source=source,
            thumbnail=png_of,
            cautions=cautions,
        )
        of_split: dict = {"train": [], "validation": [], "test": []}
        for index in curation.kept():
            of_split[curation.split[index]].append((index, examined[index]))
        return {
            split: self._generate_examples(kept, split, png_of)
            for split, kept in of_split.items()
            if kept
        }

    def _needed_later(self):
        """Returns modules whose import takes seconds, as decoding does."""
        if self._beam_options is not None:
            return []  # Its workers may be processes forked from this one.
        modules = ["matplotlib.backends.backend_svg"]
        if self.info.file_format == tfds.core.FileFormat.TFRECORD:
            modules.append("tensorflow")  # Other formats are written without.
        return modules

    def _generate_examples(self, kept, split, png_of):
        for index, examined_file in kept:
            yield examine_lib.make_example(examined_file, split, png_of(index))

    def _examine(self, files, spool):
        """Returns what all files hold, and where their records wait."""
        if self._beam_options is None:
            examine = functools.partial(
                examine_lib.examine, config=self.builder_config
            )
            in_order = parallel.ordered_map(
                examine, files, total=len(files), desc="Decoding files"
            )
            results = ((i, *result) for i, result in enumerate(in_order))
        else:
            results = beam.examine(
                files, self.builder_config, self._beam_options, self.data_path
            )
        examined: list = [None] * len(files)
        slots: list = [None] * len(files)
        for index, examined_file, png in results:
            examined[index] = examined_file
            slots[index] = png and spool.add(png)
        return examined, slots

    def _download(self, dl_manager):
        # The URL does not end in .zip, by which TFDS knows the format.
        archive = dl_manager.download_and_extract(
            tfds.download.Resource(
                url=_URL, extract_method=tfds.download.ExtractMethod.ZIP
            )
        )
        return archive / _ARCHIVE_FOLDER

    def _find(self, directory):
        if self._source is None:
            config = self.builder_config
            self._source = scan.find(
                directory,
                config.class_names,
                tables.read_table(config.patients_csv),
            )
        return self._source

    def _check_same_files(self, source):
        source = scan.read_digests(source)
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


def _aside(path):
    """Returns where old records wait: no version, as TFDS looks for them."""
    return path.parent / f"replaced.{path.name}"


def _restore(path):
    """Puts old records back whose replacement never came to its end.

    Returns:
        Whether there were any.
    """
    if not _aside(path).exists():
        return False
    if path.exists():
        _aside(path).rmtree()  # Their replacement is complete.
        return False
    _aside(path).rename(path)
    return True


@contextlib.contextmanager
def _set_aside(path):
    """Keeps records that are replaced until the new ones are complete."""
    if path.exists():
        path.rename(_aside(path))
    try:
        yield
    finally:
        _restore(path)
