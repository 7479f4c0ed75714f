"""The dataset `xray_tfds`: folders of chest X-rays -> TFRecords."""

import collections
import functools

import tensorflow_datasets as tfds

from xray_tfds import config as config_lib
from xray_tfds import images
from xray_tfds import parallel
from xray_tfds import patients
from xray_tfds import sources
from xray_tfds import splits as splits_lib

# Version 2 of the public data set, train and test; size and SHA-256 stand in
# checksums.tsv (doi:10.17632/rscbjbr9sj.2).
_URL = (
    "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
    "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded"
)

# The archive's folder that holds {train,test}/{NORMAL,PNEUMONIA}.
_ARCHIVE_FOLDER = "chest_xray"

# A validation split below this is too small to choose anything by: the 95 %
# interval of an AUC of .95 on 25 + 25 images is about .11 wide (Hanley and
# McNeil 1982).
_MIN_VALIDATION_IMAGES = 50


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
                            "unless the given split folders say so."
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
        """Spares the next `download_and_prepare` the scan of its folder."""
        self._source = source

    def download_and_prepare(self, *, download_config=None, **kwargs):
        """As in TFDS, but never takes other files' records for these files'.

        Args:
            download_config: `tfds.download.DownloadConfig`; its `manual_dir` is
                the folder to build. Without one the public data set is
                downloaded.
            **kwargs: Passed on to TFDS.

        Raises:
            SourceError: If the folder cannot be built as it is, or if records
                of other files are there already.
        """
        download_config = download_config or tfds.download.DownloadConfig()
        self._manual_dir = download_config.manual_dir
        reuse = not download_config.download_mode.overwrite_dataset
        try:
            if self._manual_dir is not None and reuse and self.is_prepared():
                self._check_same_files(self._scan(self._manual_dir))
            super().download_and_prepare(
                download_config=download_config, **kwargs
            )
        finally:
            self._source = None

    def _split_generators(self, dl_manager):
        if self._manual_dir is None:
            # The URL does not end in .zip, by which TFDS knows the format.
            archive = dl_manager.download_and_extract(
                tfds.download.Resource(
                    url=_URL, extract_method=tfds.download.ExtractMethod.ZIP
                )
            )
            source = self._scan(archive / _ARCHIVE_FOLDER)
        else:
            source = self._scan(self._manual_dir)
        assignment = self._assign_splits(source.files)
        self.info.metadata.update(
            fingerprint=source.fingerprint, num_files=len(source.files)
        )
        _report(source, assignment)
        return {
            split: self._generate_examples(assignment[split])
            for split in ("train", "validation", "test")
            if split in assignment
        }

    def _generate_examples(self, files):
        encode = functools.partial(_encode, config=self.builder_config)
        for file, png in zip(files, parallel.ordered_map(encode, files)):
            yield file.filename, {
                "image": png,
                "label": file.label,
                "filename": file.filename,
                "patient": patients.patient_key(file),
            }

    def _scan(self, directory):
        if self._source is None:
            self._source = sources.scan(
                directory, self.builder_config.class_names
            )
        return self._source

    def _assign_splits(self, files):
        """Returns split -> its files: as given, else by patient and class."""
        config = self.builder_config
        given = {file.split for file in files}
        fractions = {"validation": config.validation_fraction}
        if given == {None}:
            fractions["test"] = config.test_fraction
        divided = []
        if "validation" not in given:
            divided = [file for file in files if file.split in (None, "train")]
        split_of_patient = splits_lib.assign_splits(
            ((patients.patient_key(f), f.label) for f in divided),
            fractions,
            seed=config.seed,
        )
        assignment = collections.defaultdict(list)
        for file in files:
            split = file.split
            if divided and split in (None, "train"):
                split = split_of_patient[patients.patient_key(file)]
            assignment[split].append(file)
        return assignment

    def _check_same_files(self, source):
        built = self.info.metadata
        if built.get("fingerprint") == source.fingerprint:
            return
        raise sources.SourceError(
            f"The records in {self.data_path} were built from other files"
            f" ({built.get('num_files')} images, fingerprint"
            f" {str(built.get('fingerprint'))[:12]}) than {self._manual_dir}"
            f" now holds ({len(source.files)} images, fingerprint"
            f" {source.fingerprint[:12]}). Build with --overwrite to replace"
            " them, or with another --data_dir to keep both."
        )


def _encode(file, config):
    """Reads one file and returns the PNG that its record stores."""
    try:
        pixels = images.load_image(
            file.path.read_bytes(),
            color_mode=config.color_mode,
            image_size=config.image_size,
            interpolation=config.interpolation,
            keep_aspect_ratio=config.keep_aspect_ratio,
        )
    except images.ImageError as error:
        raise sources.SourceError(
            f"Cannot decode {file.path}: {error}. Replace or remove the file."
        ) from error
    if pixels.dtype != "uint8":
        raise sources.SourceError(
            f"{file.path} has {8 * pixels.itemsize}-bit grey values, and"
            " records hold 8 bits. Convert the file to 8 bits."
        )
    return images.encode_png(pixels)


def _report(source, assignment):
    """Says what will be built: counts by split and class, patients, doubts."""
    for split, files in assignment.items():
        labels = collections.Counter(file.label for file in files)
        people = {patients.patient_key(file) for file in files}
        counts = ", ".join(
            f"{number} {name}" for name, number in labels.items()
        )
        print(f"{split:>10}: {counts}, of {len(people)} patients")
    unnamed = sum(
        patients.parse_patient(file.filename) is None for file in source.files
    )
    if unnamed:
        print(
            f"{unnamed} of {len(source.files)} file names hold no patient that"
            " the rules know: each of these is taken for a patient of its own."
        )
    if source.ignored:
        print(f"{source.ignored} files that are not images are left out.")
    shared = _patients_in_two_splits(assignment)
    if shared:
        print(
            f"CAUTION: {len(shared)} patients are in two of the given splits,"
            f" for example {shared[0]}. What the model scores on the second is"
            " better than what it will do for new patients."
        )
    number = len(assignment["validation"])
    if number < _MIN_VALIDATION_IMAGES:
        print(
            f"CAUTION: the validation split has {number} images, too few to"
            " choose a model by."
        )


def _patients_in_two_splits(assignment):
    splits_of = collections.defaultdict(set)
    for split, files in assignment.items():
        for file in files:
            splits_of[patients.patient_key(file)].add(split)
    return sorted(key for key, splits in splits_of.items() if len(splits) > 1)
