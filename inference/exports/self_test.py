"""Films that an export carries, to prove where it is opened that it works."""

from __future__ import annotations

import pathlib

import numpy as np
from numpy import typing as npt

from inference import predictor as predictor_lib
from inference.exports import manifest as manifest_lib
from xray_tfds.decode import png
from xray_tfds.phantom import cohort

FOLDER = "self_test"

# Another processor, and still more a GPU, rounds otherwise.
TOLERANCE = 0.005


def write(directory: pathlib.Path) -> dict[str, bytes]:
    """Draws a film of each kind of the synthetic sample, of no patient.

    Returns:
        Path in the directory -> content, a PNG.
    """
    (directory / FOLDER).mkdir()
    films = {}
    for film in cohort.plan(cohort.MIN_NUM_IMAGES):
        name = f"{FOLDER}/{film.kind}.png"
        if name not in films:
            films[name] = png.encode(cohort.draw(film)[..., np.newaxis])
            (directory / name).write_bytes(films[name])
    return films


def predict(
    predictor: predictor_lib.Predictor, films: dict[str, bytes]
) -> dict[str, npt.NDArray[np.float64]]:
    """Returns the probabilities of films."""
    images = [predictor.prepare(data) for data in films.values()]
    scored = predictor.predict(np.stack(images))
    return {name: each.probabilities for name, each in zip(films, scored)}


def check(
    predictor: predictor_lib.Predictor, manifest: manifest_lib.Manifest
) -> None:
    """Raises ValueError unless an export says here what it said when written.

    Args:
        predictor: The export.
        manifest: Its manifest.
    """
    films = {name: manifest.read(name) for name in manifest.self_test}
    for name, found in predict(predictor, films).items():
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
