"""Films that an export carries, to prove where it is opened that it works."""

from __future__ import annotations

import math
import pathlib
from typing import Any
from typing import TYPE_CHECKING

from PIL import Image
import numpy as np
from numpy import typing as npt

from inference import predictor as predictor_lib
from inference.exports import manifest as manifest_lib
from xray_tfds.curate import examine
from xray_tfds.decode import errors
from xray_tfds.decode import png
from xray_tfds.phantom import cohort

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

FOLDER = "self_test"

# Another processor, and still more a GPU, rounds otherwise.
TOLERANCE = 0.005


def write(
    directory: pathlib.Path, config: config_lib.XrayConfig
) -> dict[str, bytes]:
    """Draws a film of each kind of the synthetic sample, of no patient.

    Args:
        directory: Of the export.
        config: By which films are prepared, all of these too.

    Returns:
        Path in the directory -> content, a PNG.
    """
    (directory / FOLDER).mkdir()
    films = {}
    for film in cohort.plan(cohort.MIN_NUM_IMAGES):
        name = f"{FOLDER}/{film.kind}.png"
        if name not in films:
            films[name] = _fit(cohort.draw(film), config)
            (directory / name).write_bytes(films[name])
    return films


def _fit(pixels: npt.NDArray[np.uint8], config: config_lib.XrayConfig) -> bytes:
    """Returns the PNG of a film, in a size that is not left out."""
    data = png.encode(pixels[..., np.newaxis])
    try:
        examine.decode(data, config)
    except errors.BadFile:
        # In a multiple of what the network is shown it has pixels enough.
        height, width = config.image_size
        needed = config.min_image_size
        if config.harmonize != "none":
            needed = max(needed, config.common_size)
        factor = math.ceil(needed / min(height, width))
        image = Image.fromarray(pixels).resize(
            (factor * width, factor * height)
        )
        data = png.encode(np.asarray(image)[..., np.newaxis])
    return data


def predict(
    predictor: predictor_lib.Predictor, films: dict[str, bytes]
) -> dict[str, npt.NDArray[np.float64]]:
    """Returns the probabilities of films."""
    images = [predictor.prepare(data) for data in films.values()]
    scored = predictor.predict(np.stack(images))
    return {name: each.probabilities for name, each in zip(films, scored)}


def describe(
    predictor: predictor_lib.Predictor, films: dict[str, bytes]
) -> list[dict[str, Any]]:
    """Returns `self_test` of a manifest: what is said of films."""
    return [
        {"file": name, "probabilities": probabilities.tolist()}
        for name, probabilities in predict(predictor, films).items()
    ]


def check(
    predictor: predictor_lib.Predictor, manifest: manifest_lib.Manifest
) -> None:
    """Raises ValueError unless an export says here what it said when written.

    Args:
        predictor: The export.
        manifest: Its manifest.
    """
    for name, found in predict(predictor, manifest.read_tests()).items():
        expected = np.array(manifest.self_test[name])
        difference = float(np.max(np.abs(found - expected)))
        # NaN is no match, either.
        if not difference <= TOLERANCE:
            raise ValueError(
                f"The export in {manifest.directory} does not work on this "
                f"machine: for its own film {name} it says {found.round(4)}, "
                f"and said {expected.round(4)} when it was written. Update "
                "the library that runs it, or export again: python export.py."
            )
