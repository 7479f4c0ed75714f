"""What the images that a network was trained on look like.

Learned from them once, by whoever first asks, and kept in the run's directory:
where they lie in the network's own features, how far from there those of
validation are, and their mean in 8x8 pixels. `reference_fit` learns it; this
loads no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
import zipfile
import zlib

import numpy as np
from numpy import typing as npt

from evaluation import feature_distance
from inference import films
from training.workdir import atomic
from xray_tfds.audit import features as features_lib

FILE = "input_check.npz"

_SCHEMA = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """What images of the training look like.

    Attributes:
        model_sha256: Of the network.
        classes: Where they lie in the features of its last layer.
        most_distant: Distance (`feature_distance`) beyond which an image is
            not like them: the 99th percentile of validation.
        thumbnail: float64 `[64]`, their mean in 8x8 grey values.
    """

    model_sha256: str
    classes: feature_distance.Classes
    most_distant: float
    thumbnail: npt.NDArray[np.float64]


def thumbnail_of(pixels: films.Pixels) -> npt.NDArray[np.float64]:
    """Returns float64 `[64]`, an image in 8x8 grey values.

    Args:
        pixels: uint8 `[height, width, channels]`.
    """
    grey = films.to_image(pixels).convert("L")
    return np.asarray(features_lib.thumbnail_of(grey), np.float64)


def write(path: pathlib.Path, reference: Reference) -> None:
    """Writes a file of plain arrays, whole or not at all."""
    with atomic.replacing(path) as temporary:
        np.savez(
            temporary,
            schema=_SCHEMA,
            model_sha256=reference.model_sha256,
            means=reference.classes.means,
            precision=reference.classes.precision,
            most_distant=reference.most_distant,
            thumbnail=reference.thumbnail,
        )


def read(path: pathlib.Path) -> Reference:
    """Returns what `write` was given; runs nothing of what a file says.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in arrays.files}
        if int(values["schema"]) != _SCHEMA:
            raise ValueError("it is of another version")
        num_features = values["means"].shape[1]
        if (
            values["precision"].shape != (num_features, num_features)
            or values["thumbnail"].shape != (features_lib.THUMBNAIL_SIZE**2,)
            or not np.isfinite(values["precision"]).all()
        ):
            raise ValueError("its arrays do not fit together")
        return Reference(
            str(values["model_sha256"]),
            feature_distance.Classes(values["means"], values["precision"]),
            float(values["most_distant"]),
            values["thumbnail"],
        )
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {error.strerror or error}."
        ) from error
    except (
        *(AttributeError, EOFError, IndexError, KeyError, TypeError),
        *(ValueError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(
            f"{path} is damaged: {error!r:.120}. Remove it: it is made anew "
            "from the run's records."
        ) from error
