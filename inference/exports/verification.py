"""An export, run on films of the run's validation before anyone has it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import typing as npt
import tensorflow as tf

from evaluation import calibration
from evaluation import figures
from inference import examples as examples_lib
from inference import films
from inference import predictor as predictor_lib
from inference import runs
from inference.exports import manifest as manifest_lib
from inference.exports import network
from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images as images_lib
from xray_tfds.decode import png
from xray_tfds.source import errors as source_errors
from xray_tfds.source import source_files

# Images that are scored twice, and films that are also decoded twice.
_NUM_IMAGES = 64
_NUM_FILMS = 24

# Of a probability. Measured: 0 for Keras and SavedModel, .000001 for the
# others. A GPU rounds products to 10 bits; so does a network that was trained
# in half precision, where another program computes it in single.
_TOLERANCE = 1e-5
_COARSE_TOLERANCE = 0.02
# Local contrast divides what was rounded by the contrast of the darkest places.
# Measured: .000007 for SavedModel, .000006 for ONNX, .00002 for LiteRT.
_LOCAL_CONTRAST_TOLERANCE = 1e-4

# How often what the rounding of pixels does the rounding of all layers may do.
# Measured of deep networks that make .00003 to .0002 of the former: as much
# (`benchmarks/exports.py`).
_ROUNDINGS = 10

_FORMATS_OF_GRAPH = ("JPEG", "PNG", "BMP")


def verify(
    manifest: manifest_lib.Manifest,
    exported: predictor_lib.Predictor,
    own: predictor_lib.Predictor,
    members: Sequence[runs.Run],
    examples: examples_lib.Examples,
) -> dict[str, Any]:
    """Compares what an export says with what its run says.

    Args:
        manifest: Of the export.
        exported: The export.
        own: The run, or several as one model.
        members: The same.
        examples: The validation split of the first.

    Returns:
        `verified` of the manifest.

    Raises:
        ValueError: If they differ.
    """
    places = np.linspace(0, len(examples) - 1, _NUM_IMAGES).round().astype(int)
    keys = [str(examples.keys[place]) for place in np.unique(places)]
    images = examples.read_images(keys)
    tests = [own.prepare(data) for data in manifest.read_tests().values()]
    measured = np.concatenate([images, np.stack(tests)])
    found, expected = (
        _probabilities(each, measured) for each in (exported, own)
    )
    difference = _difference(found, expected)
    tolerance = _tolerance(members, measured, difference)
    _check(difference, tolerance)
    found, expected = found[: len(keys)], expected[: len(keys)]
    verified = {
        "split": examples.name,
        "num_images": len(keys),
        "largest_difference": _difference(found, expected),
        "num_other_decisions": int(
            np.sum(
                figures.decide_all(found, own.threshold)
                != figures.decide_all(expected, own.threshold)
            )
        ),
    }
    if manifest.format == "savedmodel":
        contents = _read_films(members[0], own, examples, keys)
        # Where none can be had, the records are the films.
        contents = contents or [png.encode(image) for image in images]
        verified |= _verify_films(manifest, own, contents, tolerance)
    return verified


def _verify_films(
    manifest: manifest_lib.Manifest,
    own: predictor_lib.Predictor,
    contents: list[bytes],
    tolerance: float,
) -> dict[str, Any]:
    """Compares pixels and scores from the bytes of films on."""
    from inference.exports import savedmodel

    loaded = savedmodel.load(manifest)
    read = [*manifest.read_tests().values()]
    pixels = [own.prepare(data) for data in read]
    drawn = [loaded.prepare([data]) for data in read]
    num_refused = 0
    for data in contents:
        try:
            expected_pixels = own.prepare(data)
            drawn.append(loaded.prepare([data]))
        except decode_errors.BadFile:
            # A record may be smaller than a film of the builder's.
            continue
        except tf.errors.InvalidArgumentError:
            # Such as a BMP of 1 bit. Whoever serves it is told so, too.
            num_refused += 1
            continue
        read.append(data)
        pixels.append(expected_pixels)
    difference = int(
        np.max(np.abs(np.concatenate(drawn).astype(int) - np.stack(pixels)))
    )
    if difference:
        raise ValueError(
            f"The export prepares a film otherwise than the run, by "
            f"{difference} grey levels. Nothing was exported. Take another "
            "format, for which predict.py prepares films: --format=keras."
        )
    served = loaded.serve(read)
    expected = _probabilities(own, np.stack(pixels))
    of_films = _difference(served["probabilities"].astype(np.float64), expected)
    _check(of_films, tolerance)
    _check_decisions(served, own)
    return {
        "num_films": len(read),
        "num_refused_films": num_refused,
        "largest_difference_of_pixels": difference,
        "largest_difference_of_films": of_films,
    }


def _check_decisions(
    served: Mapping[str, npt.NDArray[Any]], own: predictor_lib.Predictor
) -> None:
    """Raises ValueError if a graph makes of scores what the run would not."""
    scores = served["probabilities"].astype(np.float64)
    calibrated = scores
    if own.temperature is not None:
        calibrated = calibration.apply(scores, own.temperature)
    decided = figures.decide_all(scores, own.threshold)
    names = [name.encode() for name in own.class_names]
    if not (
        np.all(served["decision"] == decided)
        and np.all(served["class_names"] == names)
        and _difference(served["calibrated"], calibrated) <= _TOLERANCE
    ):
        raise ValueError(
            "The export does not decide as the run does, or calibrates "
            "otherwise. Nothing was exported. Take another format, for which "
            "predict.py decides: --format=keras."
        )


def _read_films(
    run: runs.Run,
    own: predictor_lib.Predictor,
    examples: examples_lib.Examples,
    keys: list[str],
) -> list[bytes]:
    """Returns the contents of films that the graph is made for."""
    images_dir = run.flags.get("images_dir")
    rows: list[Mapping[str, str]] = [
        examples.rows[key] for key in keys if key in examples.rows
    ]
    if images_dir is None:
        return []
    contents = []
    for file in films.locate(rows, images_dir, own.class_names):
        try:
            data, _ = source_files.read_file(file)
        except (decode_errors.BadFile, source_errors.SourceError):
            # Gone or changed since: the others do.
            continue
        if images_lib.sniff_format(data) in _FORMATS_OF_GRAPH:
            contents.append(data)
    return contents[:: max(1, len(contents) // _NUM_FILMS)]


def _probabilities(
    predictor: predictor_lib.Predictor, images: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    return np.stack([p.probabilities for p in predictor.predict(images)])


def _difference(
    found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> float:
    return float(np.max(np.abs(found - expected)))


def _check(difference: float, tolerance: float) -> None:
    """Raises ValueError if probabilities differ by too much."""
    # NaN is too much, too.
    if not difference <= tolerance:
        raise ValueError(
            "The export does not say what the run says: probabilities differ "
            f"by up to {difference:.2g}, and {tolerance:.1g} is allowed. "
            "Nothing was exported."
        )


def _tolerance(
    members: Sequence[runs.Run],
    images: npt.NDArray[np.uint8],
    difference: float,
) -> float:
    """Returns what is allowed, where images differ by so much."""
    is_coarse = any(
        run.settings.get("mixed_precision", "none") != "none" for run in members
    )
    if is_coarse or tf.config.list_physical_devices("GPU"):
        return _COARSE_TOLERANCE
    least = _TOLERANCE
    if members[0].augment.local_contrast_normalization:
        least = _LOCAL_CONTRAST_TOLERANCE
    # Films may differ by more than images, and are held to the same.
    if difference <= least / 10:
        return least
    largest = max(rounding(run, images) for run in members)
    return max(least, min(_ROUNDINGS * largest, _COARSE_TOLERANCE))


def rounding(run: runs.Run, images: npt.NDArray[np.uint8]) -> float:
    """Returns what rounding does to the probabilities of a network.

    It is how far they move if each pixel that the network is fed is the next
    number above or below. Deep networks can make much of that, and what rounds
    its sums otherwise is then off by as much.
    """
    fed = np.asarray(network.normalise(run, tf.constant(images)))
    signs = np.random.default_rng(0).choice([-1, 1], fed.shape)
    moved = np.nextafter(fed, (np.inf * signs).astype(np.float32))
    first, second = (run.model.predict(x, verbose=0) for x in (fed, moved))
    return _difference(first, second)
