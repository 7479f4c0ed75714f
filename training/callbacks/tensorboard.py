"""Scalars, images and hyper-parameters for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import pathlib
import typing
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api as hparams_api
import tensorflow as tf

from training.callbacks import base

if typing.TYPE_CHECKING:
    from training.loop import throughput

# About as many points as a screen has columns; each costs a look at the device.
_POINTS_AN_EPOCH = 100
_MOST_IMAGES = 24


class TensorBoardWriter(base.DefaultCallback):
    """Writes events of training and of validation into two directories."""

    def __init__(
        self,
        directory: pathlib.Path,
        meter: throughput.ThroughputMeter,
        *,
        images: Callable[[], np.ndarray] | None = None,
        hparams: Mapping[str, Any] | None = None,
    ) -> None:
        """Opens the files at the first event.

        Args:
            directory: Of the events.
            meter: Of the training passes.
            images: Returns augmented images float `[num_images, height, width,
                channels]` to show once, if any.
            hparams: Values by name, to tell runs apart by.
        """
        super().__init__()
        self._meter = meter
        self._images = images
        self._hparams = hparams or {}
        self._is_new = not directory.exists()
        self._directory = directory
        self._writers: dict = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Writes the hyper-parameters, when the run is new."""
        if self._is_new and self._hparams:
            with self._writer("validation").as_default():
                hparams_api.hparams(_plain(self._hparams))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Notes the epoch, by which steps are counted on."""
        self._epoch = epoch
        self._next_step = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Writes the scalars of a step, if it is time to."""
        if batch < self._next_step:
            return
        steps = self.params["steps"]
        self._next_step = batch + max(steps // _POINTS_AN_EPOCH, 1)
        values = {
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
            "learning_rate": self._learning_rate(),
            "images_per_second": self._meter.images_per_second,
            "input_wait_share": self._meter.input_wait_share,
        }
        step = self._epoch * steps + batch + 1
        self._write("train", {f"step_{k}": v for k, v in values.items()}, step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the metrics of an epoch, and images after the first one."""
        train = {k: v for k, v in logs.items() if not k.startswith("val_")}
        validation = {
            k.removeprefix("val_"): v for k, v in logs.items() if k not in train
        }
        for name, values in (("train", train), ("validation", validation)):
            epochs = {f"epoch_{k}": v for k, v in values.items()}
            self._write(name, epochs, epoch + 1)
        if epoch == 0 and self._images is not None:
            with self._writer("train").as_default():
                tf.summary.image(
                    "augmented",
                    _to_unit_range(self._images()),
                    step=0,
                    max_outputs=_MOST_IMAGES,
                )
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, name: str) -> tf.summary.SummaryWriter:
        if name not in self._writers:
            self._writers[name] = tf.summary.create_file_writer(
                str(self._directory / name)
            )
        return self._writers[name]

    def _learning_rate(self) -> float:
        # Mirrored variables are no numbers, but have a value.
        return float(self.model.optimizer.learning_rate.numpy())

    def _write(self, name: str, values: Mapping[str, float], step: int) -> None:
        with self._writer(name).as_default():
            for tag, value in values.items():
                tf.summary.scalar(tag, value, step=step)


def _to_unit_range(images: np.ndarray) -> np.ndarray:
    """Returns images of three channels or one, their values from 0 to 1."""
    low, high = images.min(), images.max()
    scaled = (images - low) / (high - low if high > low else 1)
    return scaled.astype(np.float32)


def _plain(hparams: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values of the types that the HParams page knows."""
    known = (bool, int, float, str)
    return {
        name: value if isinstance(value, known) else str(value)
        for name, value in hparams.items()
    }
