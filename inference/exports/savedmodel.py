"""A run as a SavedModel: from the bytes of a film to what is decided.

| signature | takes | returns |
|---|---|---|
| `serving_default` | `image_bytes`, strings `[n]`: JPEG, PNG, BMP | `probabilities`, `calibrated`: float32 `[n, num_classes]`; `decision`: int64 `[n]`; `class_names`: strings `[n, num_classes]` |
| `serve_images` | `images`, uint8 `[n, height, width, channels]` | the same |
| `prepare` | `image_bytes` | `images`, as the next takes them |
| `explain` | `images` | `activation_map`, float32 `[n, height, width]`, of the class `decision`; `class_maps` `[n, num_classes, height, width]` |

TensorFlow alone loads it; nothing of ours is imported.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import pathlib
import re
import tempfile
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from numpy import typing as npt
import tensorflow as tf

from evaluation import calibration
from inference import activation_maps
from inference import runs
from inference.exports import decoding
from inference.exports import graph_operations
from inference.exports import manifest as manifest_lib
from inference.exports import network
from training import errors
from xray_tfds import config as config_lib

FILE = "saved_model.pb"

_NO_PLAIN_NAME = re.compile(r"[\[\\\ud800-\udfff]")


class Decision(NamedTuple):
    """How a model is used; as of `predictor.Predictor`."""

    threshold: float | None
    temperature: float | None


def write(
    members: Sequence[runs.Run],
    config: config_lib.XrayConfig,
    decision: Decision,
    directory: pathlib.Path,
) -> None:
    """Writes runs with all that happens to a film before and after them.

    Args:
        members: The run, or several; maps are those of the first.
        config: By which its records were prepared.
        decision: How it is used.
        directory: Of the export.
    """
    run = members[0]
    score = network.function_of(members)
    prepare = decoding.make_decoder(config)

    def serve_images(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return _decide(score(images), run.class_names, decision)

    def serve(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return serve_images(prepare(image_bytes))

    def explain(images: tf.Tensor) -> dict[str, tf.Tensor]:
        decided = serve_images(images)["decision"]
        fed = network.normalise(run, images)
        found = activation_maps.maps_of_classes(run.model, fed)
        return {
            "activation_map": tf.gather(found, decided, batch_dims=1),
            "class_maps": found,
            "decision": decided,
        }

    files = tf.TensorSpec([None], tf.string, "image_bytes")
    pixels = tf.TensorSpec([None, *run.image_shape], tf.uint8, "images")
    archive = keras.export.ExportArchive()
    for member in members:
        archive.track(member.model)
    for name, function, spec in (
        ("serving_default", serve, files),
        ("serve_images", serve_images, pixels),
        (
            "prepare",
            lambda image_bytes: {"images": prepare(image_bytes)},
            files,
        ),
        ("explain", explain, pixels),
    ):
        traced = tf.function(function, input_signature=[spec], autograph=False)
        archive.add_endpoint(name, traced)
    with _plainly_named(directory) as path:
        try:
            archive.write_out(path, verbose=False)
        except tf.errors.OpError as error:
            # TensorFlow's word for a full disk.
            raise OSError(errors.first_line(error)) from error


class SavedModel(NamedTuple):
    """The signatures of an export, as functions of arrays.

    Attributes:
        score: From uint8 images to float32 probabilities.
        maps: From the same and int64 classes to float32 maps.
        serve: From the contents of files to all that is said of them.
        prepare: From the contents of files to uint8 images.
    """

    score: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
    maps: Callable[
        [npt.NDArray[np.uint8], npt.NDArray[np.int64]], npt.NDArray[np.float32]
    ]
    serve: Callable[[list[bytes]], dict[str, npt.NDArray[Any]]]
    prepare: Callable[[list[bytes]], npt.NDArray[np.uint8]]


def load(manifest: manifest_lib.Manifest) -> SavedModel:
    """Loads an export, if it holds nothing that an export cannot hold.

    Raises:
        ValueError: If a file was changed, or the graph could read or write
            files.
    """
    for name in manifest.files:
        manifest.read(name)
    graph_operations.check(manifest.read(FILE), manifest.directory / FILE)
    try:
        with _plainly_named(manifest.directory) as path:
            loaded = tf.saved_model.load(path)
        signatures = dict(loaded.signatures)
        serve, serve_images = (
            signatures[name] for name in ("serving_default", "serve_images")
        )
        prepare, explain = signatures["prepare"], signatures["explain"]
    except Exception as error:
        # TensorFlow has many words for what it cannot load.
        raise ValueError(
            f"{manifest.directory} is no SavedModel of export.py: "
            f"{str(error)[:200]}"
        ) from error

    def score(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        found = serve_images(images=tf.constant(images))["probabilities"]
        return np.asarray(found)

    def maps(
        images: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        found = explain(images=tf.constant(images))["class_maps"]
        return np.asarray(found)[np.arange(len(classes)), classes]

    def serve_files(data: list[bytes]) -> dict[str, npt.NDArray[Any]]:
        found = serve(image_bytes=tf.constant(data))
        # Keeps the loaded variables alive as long as the signatures.
        assert loaded is not None
        return {name: np.asarray(value) for name, value in found.items()}

    def prepare_files(data: list[bytes]) -> npt.NDArray[np.uint8]:
        return np.asarray(prepare(image_bytes=tf.constant(data))["images"])

    return SavedModel(score, maps, serve_files, prepare_files)


@contextlib.contextmanager
def _plainly_named(directory: pathlib.Path) -> Iterator[str]:
    """Yields a path of a directory that TensorFlow takes as it stands.

    Where it restores weights a path is a pattern to it, so that it finds none
    below "runs [1]"; and it takes none that is no UTF-8.
    """
    # On Windows a backslash is no part of a name, and links are for a few.
    if not _NO_PLAIN_NAME.search(directory.as_posix()):
        yield str(directory)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder, "export")
        link.symlink_to(directory.resolve(), target_is_directory=True)
        yield str(link)


def _decide(
    probabilities: tf.Tensor, class_names: tuple[str, ...], decision: Decision
) -> dict[str, tf.Tensor]:
    """Returns what `serving_default` does, of a batch of probabilities."""
    exact = tf.cast(probabilities, tf.float64)
    decided = (
        tf.argmax(exact, axis=1)
        if decision.threshold is None
        else tf.cast(exact[:, 1] >= decision.threshold, tf.int64)
    )
    calibrated = exact
    if decision.temperature is not None:
        calibrated = _calibrate(exact, decision.temperature)
    number = tf.shape(probabilities)[0]
    return {
        "probabilities": probabilities,
        "calibrated": tf.cast(calibrated, tf.float32),
        "decision": decided,
        "class_names": tf.tile(tf.constant([class_names]), [number, 1]),
    }


def _calibrate(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns float64 `[n, num_classes]`, as `calibration.apply`."""
    low, high = calibration.BOUNDS
    clipped = tf.clip_by_value(probabilities, low, high)
    logits = tf.math.log(clipped)
    if clipped.shape[1] == 2:
        odds = logits[:, 1] - tf.math.log1p(-clipped[:, 1])
        logits = tf.stack([tf.zeros_like(odds), odds], axis=1)
    return tf.nn.softmax(logits / temperature)
