"""A run as ONNX; run without TensorFlow.

The network is frozen and its graph converted: Keras 3.15's own export to ONNX
writes files for EfficientNetV2 and ConvNeXt that cannot be run, and returns
without an error.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import pathlib
from typing import TYPE_CHECKING

import numpy as np
from numpy import typing as npt

from inference.exports import manifest as manifest_lib
from training import errors

if TYPE_CHECKING:
    from inference import runs

FILE = "model.onnx"

# Has all that our networks need, and is read by ONNX Runtime from 1.14 on.
_OPSET = 17


def check(run: runs.Run) -> None:
    """Raises ValueError where the network of a run has no form in ONNX."""
    if run.network.startswith("ConvNeXt"):
        raise ValueError(
            f"{run.network} cannot be written as ONNX: tf2onnx knows no form "
            "of its activation, the error function. Take --format=litert or "
            f"--format=savedmodel. Received: model={run.network}"
        )


def write(members: Sequence[runs.Run], directory: pathlib.Path) -> None:
    """Writes the networks of runs, from uint8 images to probabilities."""
    from tf2onnx import convert

    from inference.exports import network

    frozen = network.freeze(members, None)
    [feed], [output] = frozen.inputs, frozen.outputs
    model, _ = convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[feed.name],
        output_names=[output.name],
        opset=_OPSET,
        tensors_to_rename={feed.name: "images", output.name: "probabilities"},
    )
    (directory / FILE).write_bytes(model.SerializeToString())


def load(
    manifest: manifest_lib.Manifest,
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Returns the function of uint8 images that an export is.

    Raises:
        ValueError: If the file is none that can be run.
    """
    import onnxruntime

    # From bytes: a file of ONNX can name others to be read beside it.
    data = manifest.read(FILE)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )
        [feed], [output] = session.get_inputs(), session.get_outputs()
        names = feed.name, output.name
    except Exception as error:
        # ONNX Runtime's own classes have no public name.
        raise ValueError(
            f"{manifest.directory / FILE} is no network that ONNX Runtime "
            f"can run: {errors.first_line(error)}"
        ) from error

    def compute(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(session.run([names[1]], {names[0]: images})[0])

    return compute
