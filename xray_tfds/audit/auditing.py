"""Which parts of the images are asked, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import itertools
import platform
from typing import Any

from etils import epath
import numpy as np
import sklearn

from evaluation import figure
from evaluation import separability
from xray_tfds import config as config_lib
from xray_tfds import version
from xray_tfds.audit import features
from xray_tfds.audit import metadata
from xray_tfds.audit import samples as samples_lib
from xray_tfds.audit import words
from xray_tfds.curate import split_assignment
from xray_tfds.records import manifest
from xray_tfds.source import files as files_lib

# Name of a part of the container -> its columns, and whether with the kind.
_CONTAINER_PARTS = {
    "bytes per pixel": ([features.BYTES_PER_PIXEL], False),
    "width, height, aspect": (
        [features.WIDTH, features.HEIGHT, features.ASPECT],
        False,
    ),
    "aspect": ([features.ASPECT], False),
    "JPEG quantisation": ([features.LUMA_SUM, features.CHROMA_SUM], False),
    "file type and colour mode": ([], True),
    "all of the container": (list(range(6)), True),
}

# Name of a part of the pixels -> field of `features.Measurement`.
_PIXEL_PARTS = {
    "border pixels": "border",
    "histogram": "histogram",
    "8x8 thumbnail": "thumbnail",
}


@dataclasses.dataclass(frozen=True)
class _Question:
    """What a model is asked to predict, and from what.

    Attributes:
        group: Of the part, as `audit.json` has it.
        name: Of the part.
        sides: Names of the classes or splits to be separated.
        values: float `[n, d]`, the features of the images.
        targets: int `[n]`, the side of each image.
        patients: str `[n]`.
    """

    group: str
    name: str
    sides: Sequence[str]
    _: dataclasses.KW_ONLY
    values: np.ndarray
    targets: np.ndarray
    patients: np.ndarray


def run_audit(
    directory: epath.PathLike | None = None,
    *,
    metadata_csv: epath.PathLike | None = None,
    class_names: Sequence[str] | None = None,
    patient_pattern: str = "",
    patients_csv: str = "",
    seed: int = 0,
) -> dict[str, Any]:
    """Audits a folder of images, prepared records, or a table of containers.

    Args:
        directory: Folder in one of the layouts of `sources`, or directory of
            prepared records, with `dataset_info.json`.
        metadata_csv: In its place, a table as in `metadata`.
        class_names: Names of the class folders, or `auto`; by default those of
            `XrayConfig`. This and the next two go with a folder alone.
        patient_pattern: As in `XrayConfig`.
        patients_csv: As in `XrayConfig`.
        seed: Chooses which patients share a fold of the cross-validation.

    Returns:
        A JSON-compatible dictionary; the package's docstring describes it.

    Raises:
        ValueError: If an argument, the folder or the table is not as it must
            be.
    """
    if (directory is None) == (metadata_csv is None):
        raise ValueError(
            "Either `directory` or `metadata_csv` must be given. Received: "
            f"directory={directory}, metadata_csv={metadata_csv}"
        )
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more. Received: seed={seed}")
    options: dict[str, Any] = {
        "class_names": class_names,
        "patient_pattern": patient_pattern,
        "patients_csv": patients_csv,
    }
    source_files = None
    if metadata_csv is not None:
        _check_unset(options, f"the table {metadata_csv}")
        kind, samples = "metadata", metadata.read_metadata_csv(metadata_csv)
    elif is_prepared(directory):
        _check_unset(options, f"the records in {directory}")
        kind, samples = "records", samples_lib.read_records(directory)
        source_files = _read_source_files(directory, samples.class_names)
    else:
        given = {name: value for name, value in options.items() if value}
        config = config_lib.XrayConfig(**given).find_classes(directory)
        options["class_names"] = config.class_names
        kind, samples = "folder", samples_lib.read_folder(directory, **options)
    parts = [
        _measure(question, seed)
        for question in _questions(samples, source_files)
    ]
    return _describe(kind, samples, parts, seed)


def is_prepared(directory: epath.PathLike) -> bool:
    """Whether a directory is that of prepared records."""
    path = files_lib.to_path(directory).expanduser()
    return files_lib.is_file(path / "dataset_info.json")


def _read_source_files(directory, class_names):
    """Returns the `Samples` that a build has noted; `None` if it has not."""
    folder = epath.Path(directory).expanduser() / manifest.FOLDER
    if not (folder / "files.csv").exists():
        return None
    return metadata.read_source_files(folder / "files.csv", class_names)


def _check_unset(options, what):
    for name, value in options.items():
        if value:
            raise ValueError(
                f"`{name}` goes with a folder of images; {what} says it"
                f" already. Received: {name}={value!r}"
            )


def _questions(samples, source_files):
    """Yields a `_Question` for each part of the audit."""
    yield from _ask_container("container", samples)
    if source_files is not None:
        yield from _ask_container("source files", source_files)
    if samples.measurements[0].thumbnail is not None:
        for name, field in _PIXEL_PARTS.items():
            yield _ask_label("pixels", name, samples.stack(field), samples)
        yield from _ask_splits(samples)


def _ask_container(group, samples):
    numbers = samples.stack("container")
    kinds = np.array([m.kind for m in samples.measurements])
    is_kind = (kinds[:, np.newaxis] == np.unique(kinds)).astype(np.float64)
    for name, (columns, with_kind) in _CONTAINER_PARTS.items():
        if group == "source files" and features.LUMA_SUM in columns[:1]:
            # The build's table does not hold it; here it is 0 for all.
            continue
        values = [numbers[:, columns], is_kind if with_kind else is_kind[:, :0]]
        # Names are unique, also where they are shown without their group.
        full_name = name if group == "container" else f"{group}: {name}"
        yield _ask_label(
            group, full_name, np.concatenate(values, axis=1), samples
        )


def _ask_label(group, name, values, samples):
    return _Question(
        group,
        name,
        samples.class_names,
        values=values,
        targets=samples.labels,
        patients=samples.patients,
    )


def _ask_splits(samples):
    """Within each class, each pair of splits separated by the thumbnail."""
    found = set(samples.splits) - {""}
    ordered = [split for split in split_assignment.SPLITS if split in found]
    ordered += sorted(found - set(ordered))
    thumbnails = samples.stack("thumbnail")
    if len(ordered) < 2:
        yield _Question(
            "splits",
            "split and split",
            ordered,
            values=thumbnails,
            targets=np.zeros(len(thumbnails), int),
            patients=samples.patients,
        )
        return
    for label, name in enumerate(samples.class_names):
        for sides in itertools.combinations(ordered, 2):
            chosen = (samples.labels == label) & np.isin(samples.splits, sides)
            yield _Question(
                "splits",
                f"{sides[0]} and {sides[1]} within {name}",
                sides,
                values=thumbnails[chosen],
                targets=(samples.splits[chosen] == sides[1]).astype(int),
                patients=samples.patients[chosen],
            )


def _measure(question, seed):
    """Returns a part of the audit as a dict, measured if that is possible."""
    part = {
        "group": question.group,
        "name": question.name,
        "auc": None,
        "low": None,
        "high": None,
        "num_images": len(question.targets),
        "num_patients": len(np.unique(question.patients)),
        "num_folds": 0,
        "flagged": False,
        "verdict": words.NOT_MEASURED,
    }
    try:
        if len(question.sides) < 2:
            raise separability.NotMeasurableError(
                "there is one split."
                if question.sides
                else "there are no splits."
            )
        estimate = separability.estimate_auc(
            question.values, question.targets, question.patients, seed=seed
        )
    except separability.NotMeasurableError as error:
        return {**part, "meaning": f"Not measured: {error}"}
    verdict = words.judge(question.group, estimate)
    return {
        **part,
        **dataclasses.asdict(estimate),
        "flagged": verdict == words.FLAGGED,
        "verdict": verdict,
        "meaning": words.explain(
            question.group, question.name, estimate, question.sides
        ),
    }


def _describe(kind, samples, parts, seed):
    images = np.bincount(samples.labels, minlength=len(samples.class_names))
    return {
        "schema": 1,
        "kind": kind,
        "counts": {
            "images": len(samples.labels),
            "patients": len(set(samples.patients)),
            "skipped": len(samples.skipped),
            "classes": [
                {"label": name, "images": int(count), "patients": patients}
                for name, count, patients in zip(
                    samples.class_names, images, samples.count_patients()
                )
            ],
        },
        "skipped": [
            {"filename": name, "reason": reason}
            for name, reason in samples.skipped
        ],
        "cautions": list(samples.cautions),
        "flag_above": words.FLAG_ABOVE,
        "confidence": figure.CONFIDENCE,
        "seed": seed,
        "parts": parts,
        "summary": words.summarize(parts),
        "versions": {
            "xray_tfds": version.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
