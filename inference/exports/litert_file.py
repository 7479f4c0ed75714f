"""A run as LiteRT (TensorFlow Lite); run without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import pathlib
import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy import typing as npt

from inference.exports import manifest as manifest_lib
from training import errors

if TYPE_CHECKING:
    from inference import runs

FILE = "model.tflite"

# Computed in float64 (`pipeline.intensity`), of which LiteRT has neither means
# nor products.
_NEED_FLOAT64 = (
    *("samplewise_center", "samplewise_std_normalization", "zca_whitening"),
)


def check(run: runs.Run) -> None:
    """Raises ValueError where images of a run are normalised in float64."""
    found = [name for name in _NEED_FLOAT64 if getattr(run.augment, name)]
    if found:
        raise ValueError(
            "LiteRT cannot normalise images as the run does, in float64. Take "
            "--format=onnx or --format=savedmodel. Received: "
            f"{', '.join(f'{name}=True' for name in found)}"
        )


def write(members: Sequence[runs.Run], directory: pathlib.Path) -> None:
    """Writes the networks of runs, from one uint8 image to probabilities.

    Only LiteRT's own operations are used, none of TensorFlow's.
    """
    import tensorflow as tf

    from inference.exports import network

    frozen = network.freeze(members, 1)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    (directory / FILE).write_bytes(converter.convert())


def load(
    manifest: manifest_lib.Manifest,
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Returns the function of uint8 images that an export is.

    Raises:
        ValueError: If the file is none that can be run.
    """
    from ai_edge_litert import interpreter as interpreter_lib

    data = manifest.read(FILE)
    try:
        interpreter = interpreter_lib.Interpreter(model_content=data)
        interpreter.allocate_tensors()
        [feed] = interpreter.get_input_details()
        [output] = interpreter.get_output_details()
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{manifest.directory / FILE} is no network that LiteRT can run: "
            f"{errors.first_line(error)}"
        ) from error
    if feed["shape"].tolist() != [1, *manifest.image_shape]:
        raise ValueError(
            f"{manifest.directory / FILE} takes images {feed['shape']}, and "
            f"its {manifest_lib.FILE} says {manifest.image_shape}."
        )
    # An interpreter holds the image that it works on.
    lock = threading.Lock()

    def compute(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        rows = []
        with lock:
            for image in images:
                interpreter.set_tensor(feed["index"], image[np.newaxis])
                interpreter.invoke()
                rows.append(interpreter.get_tensor(output["index"])[0])
        return np.stack(rows)

    return compute
