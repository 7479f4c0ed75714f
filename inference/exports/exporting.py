"""A run -> an export: written aside, tried on films, and only then there."""

from __future__ import annotations

from collections.abc import Sequence
import datetime
import importlib.metadata
import pathlib
import shutil
from typing import Any

from evaluation import thresholds
from inference import description
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import predictor as predictor_lib
from inference import run_files
from inference import runs
from inference import whole_folder
from inference.exports import config as config_lib
from inference.exports import decoding
from inference.exports import keras_file
from inference.exports import litert_file
from inference.exports import loading
from inference.exports import manifest as manifest_lib
from inference.exports import members as members_lib
from inference.exports import onnx_file
from inference.exports import savedmodel
from inference.exports import self_test
from inference.exports import verification

_LIBRARIES = {
    "onnx": ("onnx", "onnxruntime", "tf2onnx"),
    "litert": ("ai-edge-litert",),
}

_IMAGES = "images, uint8 [n, {0}, {1}, {2}], prepared as `preparation` says"
_INPUTS = {
    "savedmodel": "serving_default: image_bytes, strings [n], the contents of "
    "JPEG, PNG or BMP files; serve_images and explain: " + _IMAGES,
    "keras": _IMAGES,
    "onnx": _IMAGES,
    "litert": _IMAGES.replace("[n", "[1"),
}

_INTENDED_USE = (
    "Research and teaching: scores of frontal chest X-rays like those that the "
    "network was trained on. This is no medical device. It must not guide the "
    "treatment of a patient."
)
_LIMITS = (
    "Whatever it is shown, it names one of its classes: it was trained on "
    "nothing else. predict.py checks what films look like.",
    "Films of another hospital, scanner or age group were not measured by the "
    "export. The report of evaluate.py says what was.",
    "Probabilities hold for the share of classes in training, and mean what "
    "they say only if a temperature was fitted.",
)

_LIMITS_OF_GRAPH = (
    "serving_default does not see that a JPEG was cut off or damaged if it has "
    "an end marker all the same, and scores it; so it does the first frame of "
    "a PNG of several. predict.py refuses both.",
)


def export(config: config_lib.ExportConfig, out: str | pathlib.Path) -> None:
    """Exports a run, and prints what was compared.

    Args:
        config: What.
        out: Directory of the export, which is new or empty.

    Raises:
        ValueError: If it cannot be, or does not say what the run says; nothing
            is there then.
    """
    directory = _choose_directory(out)
    workdirs = config.workdir or (str(run_files.find_newest()),)
    members = ensemble_lib.Ensemble(workdirs, model=config.model).runs
    own = members_lib.make_predictor(members)
    check(config.format, members, own)
    examples = examples_lib.open_split(
        members[0], "validation", data_dir=config.data_dir
    )
    is_there = directory.exists()
    unfinished = whole_folder.unfinished(directory, is_there=is_there)
    try:
        unfinished.mkdir(parents=True)
        write(config.format, members, own, unfinished)
        content = _describe(config.format, members, own, examples, unfinished)
        manifest_lib.write(unfinished, content)
        proof = _prove(own, members, examples, unfinished)
        manifest_lib.write(unfinished, content | proof)
        if is_there:
            whole_folder.move_files(
                unfinished, directory, last=manifest_lib.FILE
            )
        else:
            unfinished.rename(directory)
    except OSError as error:
        raise ValueError(
            f"The export cannot be written to {directory}: "
            f"{error.strerror or error}. Name another place."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(_summarize(directory, own, proof["verified"]))


def _choose_directory(out: str | pathlib.Path) -> pathlib.Path:
    directory = pathlib.Path(out).expanduser()
    if directory.name in ("", ".."):  # As . has none.
        directory = directory.resolve()
    if directory.exists() and not whole_folder.is_empty(directory):
        raise ValueError(
            "OUT must be a new or an empty directory: nothing is overwritten. "
            f"Received: {directory}"
        )
    return directory


def check(
    format_name: str,
    members: Sequence[runs.Run],
    own: predictor_lib.Predictor,
) -> None:
    """Raises ValueError where runs have no such form."""
    if format_name == "savedmodel":
        decoding.check(own.config)
    for run in members:
        if format_name == "keras":
            keras_file.check(run)
        elif format_name == "onnx":
            onnx_file.check(run)
        elif format_name == "litert":
            litert_file.check(run)


def write(
    format_name: str,
    members: Sequence[runs.Run],
    own: predictor_lib.Predictor,
    directory: pathlib.Path,
) -> None:
    """Writes the model alone: neither films nor a manifest."""
    if format_name == "savedmodel":
        decision = savedmodel.Decision(own.threshold, own.temperature)
        savedmodel.write(members, own.config, decision, directory)
        return
    modules = {"keras": keras_file, "onnx": onnx_file, "litert": litert_file}
    modules[format_name].write(members, directory)


def _describe(
    format_name: str,
    members: Sequence[runs.Run],
    own: predictor_lib.Predictor,
    examples: examples_lib.Examples,
    directory: pathlib.Path,
) -> dict[str, Any]:
    """Returns the manifest of what was written, but for `verified`."""
    run = members[0]
    films = self_test.write(directory, own.config)
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "schema": manifest_lib.SCHEMA,
        "format": format_name,
        "created": now.isoformat(timespec="seconds"),
        "intended_use": _INTENDED_USE,
        "limits": [
            *_LIMITS,
            *(_LIMITS_OF_GRAPH if format_name == "savedmodel" else ()),
        ],
        "class_names": list(run.class_names),
        "decision": {
            "threshold": own.threshold,
            "rule": own.rule,
            "temperature": own.temperature,
            "note": own.note,
        },
        "input": _INPUTS[format_name].format(*run.image_shape),
        "output": "probabilities, float32 [n, num_classes], rows summing to 1",
        "image_shape": list(run.image_shape),
        "batch_size": own.batch_size,
        "preparation": {
            name: own.config.options()[name]
            for name in manifest_lib.PREPARATION
        },
        "preprocessing": run.info["preprocessing"],
        "model": members_lib.describe(members),
        "data": {
            "name": run.dataset["name"],
            "fingerprint": run.dataset.get("fingerprint"),
            "validation_fingerprint": examples.fingerprint,
        },
        "self_test": self_test.describe(own, films),
        "files": manifest_lib.digests(directory),
        "versions": {
            **description.read_versions(),
            **{
                name: importlib.metadata.version(name)
                for name in _LIBRARIES.get(format_name, ())
            },
        },
    }


def _prove(
    own: predictor_lib.Predictor,
    members: Sequence[runs.Run],
    examples: examples_lib.Examples,
    directory: pathlib.Path,
) -> dict[str, Any]:
    """Runs what was written; returns what the manifest has of it.

    From then on an export is compared with itself: another program than the
    run's rounds otherwise, and so much is no fault of the machine it is on.
    """
    manifest = manifest_lib.read(directory)
    exported = loading.open_untried(manifest)
    return {
        "verified": verification.verify(
            manifest, exported, own, members, examples
        ),
        "self_test": self_test.describe(exported, manifest.read_tests()),
    }


def _summarize(
    directory: pathlib.Path,
    own: predictor_lib.Predictor,
    verified: dict[str, Any],
) -> str:
    lines = [
        f"{directory} says what the run says: probabilities of "
        f"{verified['num_images']} validation images differ by "
        f"{verified['largest_difference']:.2g} at most."
    ]
    if "num_films" in verified:
        lines.append(
            f"{verified['num_films']} films, decoded by its graph: pixels "
            f"differ by {verified['largest_difference_of_pixels']}, "
            f"probabilities by {verified['largest_difference_of_films']:.2g}."
        )
    if number := verified.get("num_refused_films"):
        lines.append(
            f"Its graph refuses {number} more of the films, which are no plain "
            "JPEG, PNG or BMP. predict.py reads these."
        )
    if own.rule not in (None, str(thresholds.HALF)):
        lines.append(
            f"From {own.threshold:.4g} on it decides on {own.class_names[1]}: "
            f"the threshold of --threshold={own.rule}, as evaluate.py stored "
            "it."
        )
    if own.advice:
        lines.append(own.advice)
    return "\n".join(lines)
