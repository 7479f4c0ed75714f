"""The images to audit: features, class, patient and split of each."""

from __future__ import annotations

import collections
from collections.abc import Sequence
import dataclasses
import functools
import io
from typing import NamedTuple

from PIL import Image
from etils import epath
import numpy as np
import tensorflow_datasets as tfds

from xray_tfds import parallel
from xray_tfds.audit import features
from xray_tfds.decode import errors
from xray_tfds.decode import limits
from xray_tfds.decode import quality
from xray_tfds.decode import quiet
from xray_tfds.records import integrity
from xray_tfds.records import storage
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key
from xray_tfds.source import patients
from xray_tfds.source import scan
from xray_tfds.source import tables

# Patients' identifiers only group here and are never written, so that any key
# does for their hash.
_HASH_KEY = hash_key.HashKey(b"audit")


class Sample(NamedTuple):
    """An image to audit.

    Attributes:
        label: Name of its class.
        patient: Key of its patient.
        split: Name of its split, empty where none is given.
        measurement: Its features.
    """

    label: str
    patient: str
    split: str
    measurement: features.Measurement


class Skipped(NamedTuple):
    """A file that could not be used, and why."""

    filename: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Samples:
    """What is known of all images, in equal order.

    Attributes:
        class_names: The classes, in the order of their indices.
        labels: int `[n]`, index of each image's class.
        patients: str `[n]`, key of each image's patient.
        splits: str `[n]`, empty where no splits are given.
        measurements: The features of each image.
        skipped: The files that could not be used.
        cautions: What is doubtful of the folder, in sentences.
    """

    class_names: tuple[str, ...]
    labels: np.ndarray
    patients: np.ndarray
    splits: np.ndarray
    measurements: list[features.Measurement]
    skipped: list[Skipped]
    cautions: tuple[str, ...] = ()

    def stack(self, field: str) -> np.ndarray:
        """Returns `[n, d]`, a field of all measurements."""
        return np.stack([getattr(m, field) for m in self.measurements])

    def count_patients(self) -> list[int]:
        """Returns the number of patients of each class."""
        pairs = set(zip(self.labels.tolist(), self.patients.tolist()))
        counts = collections.Counter(label for label, _ in pairs)
        return [counts[index] for index in range(len(self.class_names))]


def read_folder(
    directory: epath.PathLike,
    class_names: Sequence[str],
    *,
    patient_pattern: str = "",
    patients_csv: str = "",
) -> Samples:
    """Measures the images of a source folder; see `scan.find`.

    Args:
        directory: Any path that `etils.epath` understands.
        class_names: Names of the classes.
        patient_pattern: As in `XrayConfig`.
        patients_csv: As in `XrayConfig`.

    Returns:
        `Samples`, without the files that cannot be used.

    Raises:
        ValueError: If the folder, the pattern or the table is not as it must
            be, or if a class has no image that can be used.
    """
    pattern = patients.compile_pattern(patient_pattern)
    table = tables.read_table(patients_csv)
    source = scan.find(directory, class_names, table)

    results = list(
        parallel.ordered_map(
            functools.partial(_measure_file, pattern=pattern),
            source.files,
            total=len(source.files),
            desc="Auditing images",
        )
    )
    found = collect(
        class_names,
        [result for result in results if isinstance(result, Sample)],
        [result for result in results if isinstance(result, Skipped)],
    )
    return dataclasses.replace(found, cautions=source.cautions)


def _measure_file(file, pattern):
    """Returns the `Sample` of a file, or `Skipped`."""
    try:
        with limits.naming(file.path):
            data, _ = files_lib.read(file.path)
            decoded = quality.decode(data)
            measurement = features.measure(
                data,
                decoded.image,
                file_format=decoded.format,
                mode=decoded.mode,
            )
    except errors.BadFile as error:
        return Skipped(file.path.name, str(error))
    patient = patients.find_patient(
        file, pattern=pattern, dicom_id=decoded.patient_id, hash_key=_HASH_KEY
    )
    return Sample(file.label, patient.key, file.split or "", measurement)


def read_records(directory: epath.PathLike) -> Samples:
    """Measures the images of a prepared dataset, as its records hold them.

    Args:
        directory: That of `dataset_info.json`.

    Returns:
        `Samples`; their containers are those of the records.

    Raises:
        ValueError: If the records have no image and label, are damaged, or if
            TFDS does not open them.
    """
    # A folder of images is audited without it.
    import tensorflow as tf

    try:
        builder = tfds.builder_from_directory(str(directory))
    except Exception as error:
        raise storage.describe_unopened(directory, error) from error
    known = builder.info.features
    if not {"image", "label"} <= set(known):
        raise ValueError(
            "The records must have the features image and label. Received: "
            f"{directory} with {', '.join(known)}"
        )
    class_names = tuple(known["label"].names)
    total = sum(info.num_examples for info in builder.info.splits.values())
    results = parallel.ordered_map(
        _measure_example,
        _read_examples(builder),
        total=total,
        desc="Auditing records",
    )
    try:
        found = [
            Sample(class_names[label], patient, split, measurement)
            for label, patient, split, measurement in results
        ]
    except tf.errors.OpError as error:
        damage = integrity.find_damage(builder.data_path)
        reason = damage or f"TensorFlow says {type(error).__name__}"
        raise ValueError(
            f"The records in {directory} cannot be read: {reason}. Build them"
            " again: train.py does, or tfds build --overwrite."
        ) from error
    return collect(class_names, found)


def _read_examples(builder):
    """Yields pairs of split and example, its image not decoded."""
    for split in builder.info.splits:
        ds = builder.as_dataset(
            split=split,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(try_autocache=False),
            shuffle_files=False,
        )
        for index, example in enumerate(tfds.as_numpy(ds)):
            yield split, index, example


def _measure_example(item):
    split, index, example = item
    data = example["image"]
    quiet.silence()
    with Image.open(io.BytesIO(data)) as image:
        measurement = features.measure(
            data, image, file_format=str(image.format), mode=image.mode
        )
    # Records of other datasets may not name the patient.
    patient = example.get("patient", b"").decode()
    return (
        int(example["label"]),
        patient or f"example:{split}/{index}",
        split,
        measurement,
    )


def collect(
    class_names: Sequence[str],
    found: Sequence[Sample],
    skipped: Sequence[Skipped] = (),
) -> Samples:
    """Returns the `Samples` of images.

    Args:
        class_names: Names of the classes.
        found: The images.
        skipped: The files that could not be used.

    Raises:
        ValueError: If a class has no image.
    """
    index_of = {name: index for index, name in enumerate(class_names)}
    labels = {sample.label for sample in found}
    empty = [name for name in class_names if name not in labels]
    if empty:
        reasons = "; ".join(
            f"{each.filename}: {each.reason}" for each in skipped[:3]
        )
        raise ValueError(
            f"No image of the class {empty[0]!r} can be used. "
            + (f"Skipped: {len(skipped)}, such as {reasons}" if skipped else "")
        )
    return Samples(
        class_names=tuple(class_names),
        labels=np.array([index_of[sample.label] for sample in found]),
        patients=np.array([sample.patient for sample in found]),
        splits=np.array([sample.split for sample in found]),
        measurements=[sample.measurement for sample in found],
        skipped=list(skipped),
    )
