"""A run as a file of Keras that takes pixels of 0 to 255.

`model.keras` of a run takes them multiplied by --rescale already. Here that is
the first layer, so that nobody has to know it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import pathlib
import zipfile

import keras
import numpy as np
from numpy import typing as npt
import tensorflow as tf

from inference import model_files
from inference import runs
from inference.exports import manifest as manifest_lib
from inference.exports import network as network_lib
import pipeline
from training import model as model_lib
from training.model import weight_arrays

FILE = "model.keras"

# All that Keras writes.
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}


def check(run: runs.Run) -> None:
    """Raises ValueError where layers cannot do what is done to images."""
    if run.augment != pipeline.AugmentConfig(rescale=run.augment.rescale):
        raise ValueError(
            "Layers of Keras cannot normalise images as the run does, by more "
            "than --rescale. Take --format=savedmodel, whose graph does it."
        )


def write(members: Sequence[runs.Run], directory: pathlib.Path) -> None:
    """Writes the networks of runs, from pixels of 0 to 255 to probabilities."""
    model = _wrap([run.model for run in members], members[0].augment.rescale)
    model.save(directory / FILE)


def load(
    manifest: manifest_lib.Manifest,
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Returns the function of uint8 images that an export is.

    Of the file only the arrays are taken; the layers are built anew.

    Raises:
        ValueError: If the file is none that `write` has written.
    """
    manifest.read(FILE)
    path = manifest.directory / FILE
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
    except weight_arrays.UNREADABLE as error:
        raise ValueError(f"{path} is no file of Keras: {error}") from error
    if members != _MEMBERS:
        raise ValueError(
            f"{path} must hold {', '.join(sorted(_MEMBERS))}. It holds "
            f"{', '.join(sorted(members))[:200]}."
        )
    rescale = manifest.model["rescale"]
    networks = [
        model_lib.build_model(
            str(member["network"]),
            manifest.image_shape,
            len(manifest.class_names),
            rescale=rescale,
            precision=str(member["precision"]),
        )
        for member in manifest.model.get("members", [manifest.model])
    ]
    model = _wrap(networks, rescale)
    model_files.fill(model, path, remedy=manifest_lib.REMEDY)
    scaling = model.layers[1]

    def predict(images: tf.Tensor) -> tf.Tensor:
        fed = network_lib.hide_shape(scaling(images))
        return network_lib.mean(
            [network(fed, training=False) for network in networks]
        )

    spec = tf.TensorSpec([None, *manifest.image_shape], tf.uint8)
    traced = tf.function(predict, input_signature=[spec], autograph=False)

    def compute(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(traced(tf.constant(images)))

    return compute


def _wrap(
    networks: Sequence[keras.Model], rescale: float | None
) -> keras.Model:
    """Returns a model that multiplies pixels first, the mean of networks."""
    shape = networks[0].input_shape[1:]
    pixels = keras.Input(shape, dtype="uint8", name="images")
    scaled = keras.layers.Rescaling(rescale or 1.0, dtype="float32")(pixels)
    if len(networks) == 1:
        [network] = networks
        return keras.Model(pixels, network(scaled), name=network.name)
    for number, network in enumerate(networks, start=1):
        # Layers of a model have different names.
        network.name = f"member_{number}"
    parts = [network(scaled) for network in networks]
    return keras.Model(pixels, keras.layers.Average()(parts), name="ensemble")
