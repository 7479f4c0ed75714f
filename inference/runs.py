"""A run in its directory: its network, and how that is to be fed.

run = runs.open_run("runs/20261127-120000")
run.predict(images)                      # uint8 images -> probabilities
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import functools
import pathlib
from typing import Any

import keras
import tensorflow as tf

from disk import hashing
from inference import model_files
from inference import network_parts
from inference import run_files
import pipeline
from training import config as config_lib
from training.config import networks
from training.loop import compilation
from training.workdir import files
from training.workdir import metrics_file


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """What a run has left, opened.

    Attributes:
        workdir: Its directory.
        weights: Which of its two models this is: that of the best epoch, or
            that of the last.
        epoch: The epoch of these weights, from 1.
        sha256: Of the file of the model.
        model: The network, from what `augment` makes of images to
            probabilities; in the precision that it was trained in.
        network: Its name, such as "residual".
        augment: How images are normalised; nothing is augmented.
        statistics: For `augment`, where it needs any.
        class_names: In the order of the probabilities.
        image_shape: `(height, width, channels)` of an image of the records.
        settings: What decided its results, by the name of the flag.
        flags: The text of its flag file, by flag; empty for a run from Python.
        epochs: A record of metrics for each epoch, in order; None for NaN.
        data_fingerprint: Of the training and the validation images.
        info: All of `model.json`.
    """

    workdir: pathlib.Path
    weights: run_files.Weights
    epoch: int
    sha256: str
    model: keras.Model
    network: str
    augment: pipeline.AugmentConfig
    statistics: pipeline.Statistics | None
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    settings: dict[str, Any]
    flags: dict[str, str]
    epochs: list[dict[str, Any]]
    data_fingerprint: str
    info: dict[str, Any]

    @property
    def num_parameters(self) -> int:
        """How many numbers the network has learned or holds."""
        return int(self.model.count_params())

    @property
    def color_mode(self) -> str | None:
        """Of the prepared images; None if the records do not say."""
        return self.info.get("color_mode")

    @property
    def interpolation(self) -> str | None:
        """How images were resized; None if the records do not say."""
        return self.info.get("interpolation")

    @property
    def dataset(self) -> dict[str, Any]:
        """Name and options of the records that it was trained on."""
        found: dict[str, Any] = self.info["dataset"]
        return found

    @functools.cached_property
    def outputs(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """Function of uint8 `[batch, height, width, channels]`, traced once.

        It normalises the images as training did for its validation, and
        returns probabilities, float32 `[batch, num_classes]`, and what its last
        layer computes them from, float32 `[batch, num_features]`.
        """
        augment, statistics = self.augment, self.statistics
        parts = network_parts.split(self.model)
        # As in training: XLA rounds otherwise than TensorFlow's own kernels.
        asked = {"true": True, "false": False}.get(
            self.flags.get("jit_compile", "")
        )
        config = config_lib.TrainConfig(jit_compile=asked)
        choice = compilation.choose(config, augment)

        def compute(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features = parts.without_places(parts.features(images))
            return parts.head(features), tf.cast(features, tf.float32)

        if choice.evaluation:
            compute = tf.function(compute, jit_compile=True, autograph=False)

        def outputs(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features = {"image": images, "params": {}}
            return compute(
                pipeline.augment_features(features, augment, statistics)
            )

        spec = tf.TensorSpec([None, *self.image_shape], tf.uint8)
        traced: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] = (
            tf.function(outputs, input_signature=[spec], autograph=False)
        )
        return traced

    def predict(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the probabilities alone of `outputs`."""
        return self.outputs(images)[0]


def _read_class_names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or len(set(map(str, names))) < 2:
        raise TypeError("class_names are no list of two or more")
    return tuple(map(str, names))


def _read_image_shape(info: dict[str, Any]) -> tuple[int, int, int]:
    if len(info["image_size"]) != 2:
        raise TypeError("image_size are no two numbers")
    height, width = info["image_size"]
    return int(height), int(width), int(info["channels"])


def _read_network(info: dict[str, Any], path: pathlib.Path) -> str:
    try:
        return networks.check_name(info["model"])
    except ValueError as error:
        raise run_files.damaged(path / files.MODEL_INFO_FILE, error) from error


def open_run(
    workdir: str | pathlib.Path,
    *,
    weights: run_files.Weights = "best",
    option: str = "workdir",
) -> Run:
    """Opens the directory of a run; no code in it is run, nothing is written.

    Args:
        workdir: As of `train.py`.
        weights: "best" for the model of the best epoch, "last" for that of the
            last.
        option: That names the directory, for errors.

    Raises:
        ValueError: If it is no directory of a run, the run has no such model,
            or a file is damaged or not of this run.
    """
    path = pathlib.Path(workdir).expanduser()
    record = run_files.read_record(path, option)
    model_path = run_files.find_model(path, weights)
    info = run_files.read_info(path)
    try:
        image_shape = _read_image_shape(info)
        class_names = _read_class_names(info["class_names"])
        network = _read_network(info, path)
        augment = run_files.read_augment(path, info["preprocessing"])
        epochs = metrics_file.read_metrics(path)
        epoch = run_files.find_epoch(weights, info, record["settings"], epochs)
        info["dataset"]["name"]
    except (KeyError, TypeError, AttributeError) as error:
        raise run_files.damaged(path / files.MODEL_INFO_FILE, error) from error
    precision = record["settings"].get("mixed_precision", "none")
    sha256 = hashing.hash_file(model_path)
    model = model_files.load_model(
        model_path,
        network,
        image_shape,
        len(class_names),
        rescale=augment.rescale,
        precision="float32" if precision == "none" else precision,
    )
    # Not that of the metrics, which are written after it.
    epoch = run_files.read_epoch(model_path) or epoch
    if hashing.hash_file(model_path) != sha256:
        raise ValueError(
            f"{model_path} has changed while it was read: the run is being "
            "trained. Run the same command again, best when training has ended."
        )
    return Run(
        workdir=path,
        weights=weights,
        epoch=epoch,
        sha256=sha256,
        model=model,
        network=network,
        augment=augment,
        statistics=run_files.read_statistics(path, info.get("statistics")),
        class_names=class_names,
        image_shape=image_shape,
        settings=record["settings"],
        flags=run_files.read_flags(path),
        epochs=epochs,
        data_fingerprint=record["data"],
        info=info,
    )
