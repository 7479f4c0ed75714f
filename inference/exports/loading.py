"""An export opened: the same `predictor.Predictor` as a run is.

    predictor = loading.open_export("exports/chest.onnx")

ONNX and LiteRT need no TensorFlow, and importing this loads none. What is in
the files is proved by hashes, and none of it is executed but the network.
"""

from __future__ import annotations

from collections.abc import Callable
import importlib
import pathlib
from typing import Any

import numpy as np
from numpy import typing as npt

from inference import predictor as predictor_lib
from inference.exports import libraries
from inference.exports import manifest as manifest_lib
from inference.exports import self_test
from training import quiet_import
import xray_tfds

# The others load none.
_NEED_TENSORFLOW = ("savedmodel", "keras")

_Compute = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def open_export(path: str | pathlib.Path) -> predictor_lib.Predictor:
    """Opens an export, and tries it on the films that it carries.

    Args:
        path: Directory that export.py has written, or the model's file in it.

    Raises:
        ValueError: If it is none, a file was changed, it does not work here, or
            a library is missing.
    """
    path = pathlib.Path(path).expanduser()
    manifest = manifest_lib.read(path.parent if path.is_file() else path)
    predictor = open_untried(manifest)
    self_test.check(predictor, manifest)
    return predictor


def open_untried(manifest: manifest_lib.Manifest) -> predictor_lib.Predictor:
    """Opens an export whose films' probabilities nobody knows yet.

    Args:
        manifest: Of the export.

    Raises:
        ValueError: As `open_export`.
    """
    config = xray_tfds.XrayConfig(
        class_names=manifest.class_names, **manifest.preparation
    )
    if config.image_shape != manifest.image_shape:
        raise ValueError(
            f"{manifest.directory / manifest_lib.FILE} contradicts itself: "
            f"images {config.image_shape} and {manifest.image_shape}."
        )
    compute, maps = _load(manifest)
    # LiteRT takes one image at a time: what fills a batch up would cost as much
    # as the images themselves.
    size = 1 if manifest.format == "litert" else manifest.batch_size

    def score(images: predictor_lib.Pixels) -> predictor_lib.Outputs:
        return predictor_lib.Outputs(_score_padded(compute, images, size))

    return predictor_lib.Predictor(
        name=str(manifest.directory),
        sha256=str(manifest.model["sha256"]),
        class_names=manifest.class_names,
        image_shape=manifest.image_shape,
        config=config,
        threshold=manifest.threshold,
        temperature=manifest.temperature,
        batch_size=manifest.batch_size,
        score=score,
        maps=maps,
        note=manifest.note,
        rule=manifest.rule,
    )


def _load(manifest: manifest_lib.Manifest) -> tuple[_Compute, Any]:
    """Returns functions of images, for probabilities and for maps if any."""
    libraries.check_runtime(manifest.format)
    if manifest.format in _NEED_TENSORFLOW:
        quiet_import.import_tensorflow()
    if manifest.format == "savedmodel":
        from inference.exports import savedmodel

        loaded = savedmodel.load(manifest)
        return loaded.score, loaded.maps
    module = importlib.import_module(
        f"inference.exports.{manifest.format}_file"
    )
    return module.load(manifest), None


def _score_padded(
    compute: _Compute, images: predictor_lib.Pixels, size: int
) -> npt.NDArray[np.float64]:
    """Scores images, none of which changes what is said of another.

    As `scoring.score_at_once`: the network sees batches of one size.
    """
    parts = []
    for start in range(0, max(len(images), 1), size):
        batch = images[start : start + size]
        lacking = np.zeros((size - len(batch), *batch.shape[1:]), np.uint8)
        scores = compute(np.concatenate([batch, lacking]))
        parts.append(scores[: len(batch)])
    return np.concatenate(parts).astype(np.float64)
