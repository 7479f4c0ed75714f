"""The few numbers of each image that models without a look at the lungs see.

They are the audit's: what tells the classes of a folder apart before training
(`xray_tfds.audit`) is what a network has to surpass after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt

from evaluation import nulls
from inference import films
from xray_tfds.audit import features as features_lib

# Columns of `features_lib.describe_container` that a build's table tells: all
# but the sums of JPEG's quantisation tables.
_NUM_CONTAINER = features_lib.ASPECT + 1

_NOT_KNOWN = (
    "The records do not say of what size and kind the files were that they"
    " were made of."
)


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What is measured of a set of images, in the order of its keys.

    Attributes:
        labels: int64 `[n]`, class indices.
        patients: str `[n]`.
        thumbnails: float64 `[n, 64]`, grey values 0 to 255.
        borders: float64 `[n, 124]`, grey values 0 to 255.
        containers: float64 `[n, 4]`, of the original file: logarithms of bytes
            per pixel, width, height and width by height; NaN if unknown.
        kinds: str `[n]`, format and mode of the original, such as "JPEG L".
    """

    labels: npt.NDArray[np.int64]
    patients: npt.NDArray[np.str_]
    thumbnails: npt.NDArray[np.float64]
    borders: npt.NDArray[np.float64]
    containers: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.str_]

    def take(self, order: npt.NDArray[np.intp]) -> ImageFeatures:
        """Returns the same in another order."""
        return ImageFeatures(
            **{name: each[order] for name, each in vars(self).items()}
        )


def measure(
    batches: Iterable[films.Pixels],
    labels: npt.NDArray[np.int64],
    patients: npt.NDArray[np.str_],
    rows: Sequence[Mapping[str, str] | None],
) -> ImageFeatures:
    """Measures images as the records hold them, and the files behind them.

    Args:
        batches: uint8 `[batch, height, width, channels]` each, one image after
            the other; gone through once.
        labels: int64 `[n]`, class indices.
        patients: str `[n]`.
        rows: Of the build's `files.csv`, one for each image; `None` for one
            that it does not list.
    """
    thumbnails, borders = [], []
    for batch in batches:
        for pixels in batch:
            grey = films.to_image(pixels).convert("L")
            thumbnails.append(features_lib.thumbnail_of(grey))
            borders.append(features_lib.border_of(grey))
    return ImageFeatures(
        labels=labels,
        patients=patients,
        thumbnails=np.array(thumbnails),
        borders=np.array(borders),
        containers=np.array([_describe_container(row) for row in rows]),
        kinds=np.array([_describe_kind(row) for row in rows]),
    )


def make_nulls(
    train: ImageFeatures, evaluated: ImageFeatures
) -> tuple[nulls.Null, ...]:
    """Returns what each null model is told.

    Args:
        train: Of the images that the network was trained on.
        evaluated: Of those that it is evaluated on.
    """
    categories = np.unique(train.kinds)
    containers = [
        np.hstack([each.containers, _one_hot(each.kinds, categories)])
        for each in (train, evaluated)
    ]
    is_known = all(
        np.isfinite(each.containers).any() for each in (train, evaluated)
    )
    return (
        _make_null(
            "8x8 thumbnail",
            "The image in 8x8 pixels: exposure, position and outline, and"
            " nothing finer.",
            train,
            (train.thumbnails, evaluated.thumbnails),
        ),
        _make_null(
            "border pixels",
            "The outermost 3 % of the image: markers, collimators and padding,"
            " and little lung.",
            train,
            (train.borders, evaluated.borders),
        ),
        _make_null(
            "file metadata",
            "Width, height, aspect, bytes per pixel, format and colour mode of"
            " the original file, and no pixel.",
            train,
            (containers[0], containers[1]) if is_known else None,
        ),
    )


def _make_null(
    name: str,
    description: str,
    train: ImageFeatures,
    values: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None,
) -> nulls.Null:
    return nulls.Null(
        name=name,
        description=description,
        train_features=values and values[0],
        train_labels=train.labels,
        features=values and values[1],
        reason="" if values else _NOT_KNOWN,
    )


def _describe_container(
    row: Mapping[str, str] | None,
) -> npt.NDArray[np.float64]:
    names = ("num_bytes", "width", "height")
    try:
        numbers = [float((row or {}).get(name) or "0") for name in names]
    except ValueError:
        numbers = [0.0]
    if min(numbers) <= 0:
        return np.full(_NUM_CONTAINER, np.nan)
    return np.asarray(features_lib.describe_container(*numbers))[
        :_NUM_CONTAINER
    ]


def _describe_kind(row: Mapping[str, str] | None) -> str:
    return f"{row['format']} {row['mode']}" if row else ""


def _one_hot(
    kinds: npt.NDArray[np.str_], categories: npt.NDArray[np.str_]
) -> npt.NDArray[np.float64]:
    """Returns `[n, categories]`; only 0 for a kind that training never saw."""
    is_kind = kinds[:, np.newaxis] == categories
    return np.asarray(is_kind, np.float64)
