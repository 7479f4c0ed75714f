"""Which parts of the images are asked, and what they answer."""

import itertools
import platform

from etils import epath
import numpy as np
import sklearn

from xray_tfds import config as config_lib
from xray_tfds import version
from xray_tfds.audit import features
from xray_tfds.audit import metadata
from xray_tfds.audit import samples as samples_lib
from xray_tfds.audit import separability
from xray_tfds.audit import words
from xray_tfds.curate import split_assignment
from xray_tfds.records import manifest

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


def run_audit(
    directory=None,
    *,
    metadata_csv=None,
    class_names=None,
    patient_pattern="",
    patients_csv="",
    seed=0,
):
    """Audits a folder of images, prepared records, or a table of containers.

    Args:
        directory: Folder in one of the layouts of `sources`, or directory of
            prepared records, with `dataset_info.json`.
        metadata_csv: In its place, a table as in `metadata`.
        class_names: Names of the class folders; by default those of
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
    options = {
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
        table = (
            epath.Path(directory).expanduser() / manifest.FOLDER / "files.csv"
        )
        if table.exists():
            source_files = metadata.read_source_files(
                table, samples.class_names
            )
    else:
        given = {name: value for name, value in options.items() if value}
        config = config_lib.XrayConfig(**given)
        options["class_names"] = config.class_names
        kind, samples = "folder", samples_lib.read_folder(directory, **options)
    parts = _measure_parts(samples, source_files, seed)
    return _describe(kind, samples, parts, seed)


def is_prepared(directory):
    """Whether a directory is that of prepared records."""
    path = epath.Path(directory).expanduser()
    return (path / "dataset_info.json").exists()


def _check_unset(options, what):
    for name, value in options.items():
        if value:
            raise ValueError(
                f"`{name}` goes with a folder of images; {what} says it"
                f" already. Received: {name}={value!r}"
            )


def _measure_parts(samples, source_files, seed):
    """Returns all parts, as dictionaries."""
    parts = _container_parts("container", samples, seed)
    if source_files is not None:
        parts += _container_parts("source files", source_files, seed)
    if samples.measurements[0].thumbnail is not None:
        for name, field in _PIXEL_PARTS.items():
            values = samples.stack(field)
            parts.append(_label_part("pixels", name, values, samples, seed))
        parts += _split_parts(samples, seed)
    return parts


def _container_parts(group, samples, seed):
    numbers = samples.stack("container")
    kinds = np.array([m.kind for m in samples.measurements])
    is_kind = (kinds[:, np.newaxis] == np.unique(kinds)).astype(np.float64)
    parts = []
    for name, (columns, with_kind) in _CONTAINER_PARTS.items():
        if group == "source files" and features.LUMA_SUM in columns[:1]:
            # The build's table does not hold it; here it is 0 for all.
            continue
        values = [numbers[:, columns], is_kind if with_kind else is_kind[:, :0]]
        values = np.concatenate(values, axis=1)
        # Names are unique, also where they are shown without their group.
        full_name = name if group == "container" else f"{group}: {name}"
        parts.append(_label_part(group, full_name, values, samples, seed))
    return parts


def _label_part(group, name, values, samples, seed):
    return _measure(
        group,
        name,
        values,
        samples.labels,
        samples.patients,
        sides=samples.class_names,
        seed=seed,
    )


def _split_parts(samples, seed):
    """Within each class, each pair of splits told apart by the thumbnail."""
    found = set(samples.splits) - {""}
    ordered = [split for split in split_assignment.SPLITS if split in found]
    ordered += sorted(found - set(ordered))
    if len(ordered) < 2:
        reason = "there is one split." if ordered else "there are no splits."
        return [
            _unmeasured(
                "splits",
                "split and split",
                len(samples.labels),
                len(set(samples.patients)),
                reason,
            )
        ]
    thumbnails = samples.stack("thumbnail")
    parts = []
    for label, name in enumerate(samples.class_names):
        for sides in itertools.combinations(ordered, 2):
            chosen = (samples.labels == label) & np.isin(samples.splits, sides)
            parts.append(
                _measure(
                    "splits",
                    f"{sides[0]} and {sides[1]} within {name}",
                    thumbnails[chosen],
                    (samples.splits[chosen] == sides[1]).astype(int),
                    samples.patients[chosen],
                    sides=sides,
                    seed=seed,
                )
            )
    return parts


def _measure(group, name, values, targets, groups, *, sides, seed):
    """Returns a part, measured if that is possible."""
    num_patients = len(np.unique(groups))
    try:
        estimate = separability.estimate_auc(values, targets, groups, seed=seed)
    except separability.NotMeasurableError as error:
        return _unmeasured(group, name, len(targets), num_patients, error)
    verdict = words.judge(group, estimate)
    return {
        "group": group,
        "name": name,
        "auc": estimate.auc,
        "low": estimate.low,
        "high": estimate.high,
        "num_images": len(targets),
        "num_patients": num_patients,
        "num_folds": estimate.num_folds,
        "flagged": verdict == words.FLAGGED,
        "verdict": verdict,
        "meaning": words.explain(group, name, estimate, sides),
    }


def _unmeasured(group, name, num_images, num_patients, reason):
    return {
        "group": group,
        "name": name,
        "auc": None,
        "low": None,
        "high": None,
        "num_images": num_images,
        "num_patients": num_patients,
        "num_folds": 0,
        "flagged": False,
        "verdict": words.NOT_MEASURED,
        "meaning": f"Not measured: {reason}",
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
        "flag_above": words.FLAG_ABOVE,
        "confidence": separability.CONFIDENCE,
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
