"""The network in a `.keras` file of a run, without running what it says.

The file is taken for what it is, arrays: the layers are those that this program
builds, and the file must describe the same. So no code of a file is ever
imported or called, and a Lambda layer in it is refused like any other that the
network does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
import pathlib
from typing import Any
import zipfile

import keras

from training import errors
from training import model as model_lib
from training.model import weight_arrays

# Where Keras puts the layers in a `.keras` archive; those of the largest
# network that there is take 1 MB.
_LAYERS_FILE = "config.json"
_MOST_BYTES = 64 * 2**20


def load_model(
    path: pathlib.Path,
    network: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    rescale: float | None,
    precision: str,
) -> keras.Model:
    """Builds a network and gives it the weights of a file.

    Args:
        path: A `.keras` file that a run has written.
        network: Its name, and the next as for `training.model.build_model`.
        image_shape: `(height, width, channels)`.
        num_classes: Number of classes.
        rescale: What pixels of 0 to 255 are multiplied by.
        precision: What it computes in.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: If the file is damaged or of another network.
    """
    model = model_lib.build_model(
        network, image_shape, num_classes, rescale=rescale, precision=precision
    )
    outputs = _num_outputs(_read_layers(path, _REMEDY))
    if outputs not in (None, num_classes):
        raise ValueError(
            f"{path} has {outputs} outputs, but the run has {num_classes} "
            f"classes: it is of another run. {_REMEDY}"
        )
    fill(model, path, remedy=_REMEDY)
    return model


def fill(model: keras.Model, path: pathlib.Path, *, remedy: str) -> None:
    """Gives a model the weights of a file that describes the same layers.

    Args:
        model: As this program has built it.
        path: A `.keras` file.
        remedy: What mends it, a sentence.

    Raises:
        ValueError: If the file is damaged or of another network.
    """
    if list(_layer_names(_read_layers(path, remedy))) != list(
        _layer_names(json.loads(model.to_json()))
    ):
        raise ValueError(
            f"{path} holds other layers than the network {model.name}, which "
            f"it should: it is another model's, or was changed. {remedy}"
        )
    try:
        model_lib.load_saved_weights(model, path)
    except ValueError as error:
        # The error itself speaks of the flag --weights.
        reason = error.__cause__ or error
        raise ValueError(
            f"{path} cannot be loaded: {errors.first_line(reason)}. {remedy}"
        ) from error


_REMEDY = (
    "Restore the file, take the other of the run's two models (--model=last or "
    "--model=best), or train again."
)


def _read_layers(path: pathlib.Path, remedy: str) -> dict[str, Any]:
    """Returns what a `.keras` file says of its layers, as JSON.

    Raises:
        ValueError: If it is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_LAYERS_FILE).file_size > _MOST_BYTES:
                raise ValueError(f"{_LAYERS_FILE} is far too large")
            layers = json.loads(archive.read(_LAYERS_FILE))
        if not isinstance(layers, dict):
            raise ValueError(f"{_LAYERS_FILE} is no JSON object")
    except (*weight_arrays.UNREADABLE, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged, or no model of Keras ({os.path.getsize(path)} "
            f"bytes): {errors.first_line(error)}. {remedy}"
        ) from error
    return layers


def _layer_names(node: Any) -> Iterator[str]:
    """Yields the class of each layer, those of nested networks in place.

    Their own names are numbered by what was built before in a process.
    """
    config = node.get("config") if isinstance(node, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict):
            yield str(layer.get("registered_name") or layer.get("class_name"))
            yield from _layer_names(layer)


def _num_outputs(node: dict[str, Any]) -> int | None:
    """Returns how many units the last layer has; None if it does not say."""
    try:
        units = node["config"]["layers"][-1]["config"]["units"]
    except (KeyError, IndexError, TypeError):
        return None
    return units if isinstance(units, int) else None
