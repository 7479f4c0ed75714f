"""What an evaluation says of model and data before any figure."""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import platform
from typing import Any

import numpy as np
from numpy import typing as npt

from disk import hashing
from disk import json_shapes
from inference import config as config_lib
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import null_features
from inference import records
from inference.exports import manifest as export_manifest
from pipeline import options
from xray_tfds import version
from xray_tfds.records import manifest
from xray_tfds.report import shapes

_LIBRARIES = (
    *("tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy"),
    *("scikit-learn", "pillow"),
)


def name_model(ensemble: ensemble_lib.Ensemble) -> str:
    """Returns what is evaluated in a few words, for a title."""
    networks = sorted({run.network for run in ensemble.runs})
    number = len(ensemble.runs)
    model = f"{number} networks" if number > 1 else "One network"
    if ensemble.export is not None:
        model = f"An export ({ensemble.export.format}) of {model.lower()}"
    return f"{model} ({', '.join(networks)})"


def describe_model(ensemble: ensemble_lib.Ensemble) -> dict[str, Any]:
    """Returns `model` of `metrics.json`."""
    return {
        "runs": [
            {
                "workdir": str(run.workdir),
                "weights": run.weights,
                "sha256": run.sha256,
                "epoch": run.epoch,
                "network": run.network,
                "num_parameters": run.num_parameters,
                "settings": run.settings,
                "export": _describe_export(ensemble.export),
            }
            for run in ensemble.runs
        ],
        "is_ensemble": len(ensemble.runs) > 1,
    }


def _describe_export(
    export: export_manifest.Manifest | None,
) -> dict[str, Any] | None:
    """Returns which export was asked; None if the run itself was."""
    if export is None:
        return None
    # The manifest holds the SHA-256 of all other files.
    file = export.directory / export_manifest.FILE
    return {
        "directory": str(export.directory),
        "format": export.format,
        "threshold": export.threshold,
        "rule": export.rule,
        "sha256": hashing.hash_file(file),
    }


def describe_data(
    subject: ensemble_lib.Subject, train: null_features.ImageFeatures
) -> dict[str, Any]:
    """Returns `data` of `metrics.json`.

    Args:
        subject: What is evaluated.
        train: That the network was trained on.
    """
    examples = subject.first
    names = examples.class_names
    is_folder = examples.images_dir is not None
    return {
        "name": examples.name if is_folder else _dataset_name(examples),
        "split": "external" if is_folder else examples.name,
        "images_dir": examples.images_dir,
        "fingerprint": examples.fingerprint,
        **_count(examples.labels, examples.patients, names),
        "train": _count(train.labels, train.patients, names),
        "excluded": _excluded(examples),
        "overlap": describe_overlap(subject),
    }


def describe_overlap(subject: ensemble_lib.Subject) -> dict[str, int]:
    """Returns `overlap` of `metrics.json`."""
    return subject.overlap.as_json(subject.first.keys, subject.first.patients)


def _dataset_name(examples: examples_lib.Examples) -> str:
    return "/".join(pathlib.PurePath(examples.directory).parts[-3:])


def _count(
    labels: npt.NDArray[np.int64],
    patients: npt.NDArray[np.str_],
    class_names: tuple[str, ...],
) -> dict[str, Any]:
    return {
        "num_images": len(labels),
        "num_patients": len(np.unique(patients)),
        "classes": [
            {
                "name": name,
                "num_images": int(np.sum(labels == index)),
                "num_patients": len(np.unique(patients[labels == index])),
            }
            for index, name in enumerate(class_names)
        ],
    }


def _excluded(examples: examples_lib.Examples) -> list[dict[str, str]]:
    """Returns the files that the build has left out of what is evaluated."""
    is_folder = examples.images_dir is not None
    return [
        {
            "key": row["filename"],
            "reason": ": ".join(filter(None, (row["reason"], row["detail"]))),
        }
        for row in records.read_rows(examples.directory)
        if row["status"] == "excluded"
        and (is_folder or row["given_split"] == examples.name)
    ]


def read_provenance(examples: examples_lib.Examples) -> dict[str, Any] | None:
    """Returns what the build of the records has reported; None if nothing."""
    folder = pathlib.Path(examples.directory, manifest.FOLDER)
    for name, shape in (
        ("report.json", shapes.REPORT),
        ("facts.json", shapes.FACTS),
    ):
        try:
            found: dict[str, Any] = json.loads((folder / name).read_bytes())
            json_shapes.check(found, shape)
        except FileNotFoundError:
            continue
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{folder / name} is damaged: {error}. Write it again: python "
                f"-m xray_tfds.report {examples.directory}"
            ) from error
        return found
    return None


def describe_flags(config: config_lib.EvaluateConfig) -> dict[str, Any]:
    """Returns `flags` of `metrics.json`: the options that were given."""
    values = {
        name: getattr(config, name)
        for name, option in options.options_of(type(config)).items()
        if getattr(config, name) != option.default
    }
    return {
        name: ",".join(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def read_versions() -> dict[str, str]:
    """Returns `versions` of `metrics.json`."""
    return {
        "xray_tfds": version.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
