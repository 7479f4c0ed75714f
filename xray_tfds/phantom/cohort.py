"""Who is in the synthetic sample: its patients, and the films of each."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from xray_tfds.curate import split_assignment
from xray_tfds.phantom import anatomy
from xray_tfds.phantom import film as film_lib
from xray_tfds.phantom import pneumonia

# Belongs to the seed: raise it when the same seed draws other images.
VERSION = 1
CLASSES = ("normal", "pneumonia")
# Each class of validation and of test gets a twelfth, train gets the rest.
MIN_NUM_IMAGES = 12

# How many patients have 1, 2, 3, 4 images.
_IMAGES_PER_PATIENT = (0.68, 0.18, 0.09, 0.05)
# The two kinds of each class; patients of every kind are numbered on their own.
_KINDS = {"normal": ("IM", "NORMAL2-IM"), "pneumonia": ("bacteria", "virus")}
# Part of the seed of a patient.
_KIND_NUMBERS = {"IM": 0, "NORMAL2-IM": 1, "bacteria": 2, "virus": 3}


@dataclasses.dataclass(frozen=True)
class Film:
    """One image to be drawn.

    Attributes:
        path: Posix path below the sample's directory.
        split: One of `split_assignment.SPLITS`.
        label: One of `CLASSES`.
        kind: "IM", "NORMAL2-IM", "bacteria" or "virus".
        patient: Number of the patient among those of its kind.
        index: Number of the film among those of its patient, from 1.
    """

    path: str
    split: str
    label: str
    kind: str
    patient: int
    index: int


def plan(num_images: int, seed: int = 0) -> list[Film]:
    """Says which images the sample has, without drawing any.

    Args:
        num_images: Number of images, at least `MIN_NUM_IMAGES`.
        seed: Integer >= 0; says how many films each patient has.

    Returns:
        List of `Film`. A patient lives in one split.

    Raises:
        ValueError: If there are not enough images for every split and class,
            or if the seed is negative.
    """
    if num_images < MIN_NUM_IMAGES:
        raise ValueError(
            f"`num_images` must be at least {MIN_NUM_IMAGES}, so that no "
            f"split lacks a class. Received: num_images={num_images}"
        )
    if seed < 0:
        raise ValueError(f"`seed` must not be negative. Received: seed={seed}")
    rng = np.random.default_rng([seed, VERSION])
    patients = {kind: itertools.count(1) for kind in _KIND_NUMBERS}
    running = {kind: itertools.count(1) for kind in _KIND_NUMBERS}
    films = []
    for split, label, count in _counts(num_images):
        while count:
            kind = _KINDS[label][rng.integers(2)]
            size = 1 + int(rng.choice(4, p=_IMAGES_PER_PATIENT))
            size = min(size, count)
            count -= size
            patient = next(patients[kind])
            for index in range(1, size + 1):
                name = _file_name(kind, patient, index, size, running[kind])
                path = f"{split}/{label}/{name}"
                films.append(Film(path, split, label, kind, patient, index))
    return films


def _counts(num_images):
    """Yields `(split, label, count)`; no count is 0."""
    twelfth = num_images // MIN_NUM_IMAGES
    rest = num_images - 4 * twelfth
    counts = (rest - rest // 2, rest // 2, *[twelfth] * 4)
    yield from zip(
        *zip(*itertools.product(split_assignment.SPLITS, CLASSES)), counts
    )


def _file_name(kind, patient, index, size, running):
    if kind in _KINDS["pneumonia"]:
        return f"person{patient}_{kind}_{next(running)}.jpeg"
    # The public data set adds a number only where a patient has several films.
    suffix = f"-{index:04d}" if size > 1 else ""
    return f"{kind}-{patient:04d}-0001{suffix}.jpeg"


def draw(film: Film, seed: int = 0) -> np.ndarray:
    """Draws one image.

    Args:
        film: `Film`.
        seed: Integer >= 0, the same for the whole sample.

    Returns:
        uint8 `[height, width]`, a function of the arguments alone.
    """
    key = [seed, VERSION, _KIND_NUMBERS[film.kind], film.patient]
    # A patient keeps anatomy and disease; a film has its own view and noise.
    rng = np.random.default_rng(key)
    body = anatomy.sample_anatomy(rng)
    disease = None
    if film.label == "pneumonia":
        disease = pneumonia.sample_pneumonia(rng, film.kind)
    rng = np.random.default_rng([*key, film.index])
    return film_lib.render(body, disease, film_lib.sample_view(rng), rng)
