"""What a training run is made of, checked before any work is done.

Imports neither TensorFlow nor Keras, so that a wrong value is reported at
once and not after the seconds that importing them takes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import typing
from typing import Any

if typing.TYPE_CHECKING:
    import pipeline

MODELS = ("lesson",)
STRATEGIES = ("default", "mirrored")
PLACES = ("host", "device")
COLOR_MODES = ("grayscale", "rgb", "rgba")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the images come from: a folder of images, or a prepared dataset.

    Attributes:
        images_dir: Folder of class folders, with or without split folders; it
            is prepared first if need be. Exactly one of this and `dataset`.
        dataset: Name of a prepared TFDS dataset, e.g. `"xray_tfds"`.
        data_dir: Where prepared records are written or found; None for TFDS's
            own place.
        image_size: `(height, width)` in pixels. None, here and below, means
            the builder's default for `images_dir`, and whatever it was
            prepared with for `dataset`.
        color_mode: One of `COLOR_MODES`.
        interpolation: One of `INTERPOLATIONS`.
        class_names: Folder names in label order.
        builder_config: Further options of the builder, by name.
    """

    images_dir: str | None = None
    dataset: str | None = None
    data_dir: str | None = None
    image_size: tuple[int, int] | None = None
    color_mode: str | None = None
    interpolation: str | None = None
    class_names: tuple[str, ...] | None = None
    builder_config: dict[str, Any] | None = None

    def __post_init__(self):
        if (self.images_dir is None) == (self.dataset is None):
            raise ValueError(
                "Exactly one of `images_dir` (a folder of images) and "
                "`dataset` (a prepared dataset) must be given. Received: "
                f"images_dir={self.images_dir}, dataset={self.dataset}"
            )
        if self.images_dir is not None and not os.path.isdir(self.images_dir):
            raise ValueError(
                "`images_dir` must be an existing directory. Received: "
                f"images_dir={self.images_dir}"
            )
        if self.image_size is not None and not _is_size(self.image_size):
            raise ValueError(
                "`image_size` must be two positive ints, height and width. "
                f"Received: image_size={self.image_size}"
            )
        _check_choice("color_mode", self.color_mode, (None, *COLOR_MODES))
        _check_choice(
            "interpolation", self.interpolation, (None, *INTERPOLATIONS)
        )
        _check_class_names(self.class_names)

    def image_options(self):
        """Returns the options that were given, as a dict by name."""
        options = {
            "image_size": self.image_size,
            "color_mode": self.color_mode,
            "interpolation": self.interpolation,
            "class_names": self.class_names,
        }
        given = {name: v for name, v in options.items() if v is not None}
        return {**(self.builder_config or {}), **given}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train: model, hyper-parameters, augmentation, devices, output.

    Attributes:
        workdir: Directory of the run's files, absent or without a run in it.
            None for a new one under `runs/`, named by the time.
        model: One of `MODELS`.
        batch_size: Global batch size: the replicas share it.
        epochs: How many times the training split is gone through.
        learning_rate: Of Adam.
        seed: Of everything random: initial weights, order, augmentation.
        strategy: One of `STRATEGIES`.
        num_virtual_devices: Split the CPU into so many logical devices, for
            trying `strategy="mirrored"` without GPUs. 0 for real devices.
        deterministic: Whether equal seeds give bit-identical results on GPUs
            too, at some cost in speed. On CPUs they always do.
        augment: What is done to training images, and how all images are
            scaled. None for `pipeline.AugmentConfig()`.
        augment_on: "host", or "device" to transform images within the training
            step, for hosts that cannot keep up. The values are the same.
        cache_on: "host", or "device" to keep the uint8 images there; only with
            `augment_on="device"` and splits within the memory budget.
        memory_budget_gb: Most GiB that the images of a split may take in the
            host's memory; beyond it they are read as needed.
    """

    workdir: str | None = None
    model: str = "lesson"
    batch_size: int = 32
    epochs: int = 5
    learning_rate: float = 0.005
    seed: int = 0
    strategy: str = "default"
    num_virtual_devices: int = 0
    deterministic: bool = True
    augment: pipeline.AugmentConfig | None = None
    augment_on: str = "host"
    cache_on: str = "host"
    memory_budget_gb: float = 4.0

    def __post_init__(self):
        _check_choice("model", self.model, MODELS)
        _check_choice("strategy", self.strategy, STRATEGIES)
        _check_choice("augment_on", self.augment_on, PLACES)
        _check_choice("cache_on", self.cache_on, PLACES)
        if self.cache_on == "device" and self.augment_on == "host":
            raise ValueError(
                "`cache_on` must be host unless augment_on=device. Received: "
                f"cache_on={self.cache_on}, augment_on={self.augment_on}"
            )
        if not 0 < self.memory_budget_gb < math.inf:
            raise ValueError(
                "`memory_budget_gb` must be a positive number. Received: "
                f"memory_budget_gb={self.memory_budget_gb}"
            )
        _check_int("batch_size", self.batch_size, 1)
        _check_int("epochs", self.epochs, 1)
        # Keras seeds NumPy, whose seeds are 32 bits wide.
        _check_int("seed", self.seed, 0, 2**32 - 1)
        _check_int("num_virtual_devices", self.num_virtual_devices, 0)
        if not (0 < self.learning_rate and math.isfinite(self.learning_rate)):
            raise ValueError(
                "`learning_rate` must be a positive number. Received: "
                f"learning_rate={self.learning_rate}"
            )
        if self.num_virtual_devices and self.strategy == "default":
            raise ValueError(
                "`num_virtual_devices` needs strategy=mirrored: the default "
                "strategy uses one device. Received: num_virtual_devices="
                f"{self.num_virtual_devices}, strategy={self.strategy}"
            )


def parse_number(text):
    """Returns the float that `text` is, a fraction such as `"1/255"` too."""
    numerator, slash, denominator = text.partition("/")
    value = float(numerator)
    return value / float(denominator) if slash else value


def parse_range(text):
    """Returns an amount as Keras takes it, from the text of a flag.

    `"0.1"` is a float (a fraction of the size), `"10"` an int (pixels), and
    `"-8,0,8"` a list to choose from.
    """
    values = [_int_or_float(part) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def parse_pair(text):
    """Returns the number or the pair of numbers that `text` is."""
    values = tuple(float(part) for part in text.split(","))
    return values if len(values) > 1 else values[0]


def parse_size(text):
    """Returns `(height, width)` from text: one int for a square, or two."""
    sizes = tuple(int(part) for part in text.split(","))
    return sizes * 2 if len(sizes) == 1 else sizes


def parse_names(text):
    """Returns a tuple of the names that `text` lists."""
    return tuple(name.strip() for name in text.split(","))


def parse_object(text):
    """Returns the dictionary that a JSON object spells."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _int_or_float(text):
    try:
        return int(text)
    except ValueError:
        return float(text)


def _is_size(value):
    return len(value) == 2 and all(
        isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in value
    )


def _check_choice(name, value, choices):
    if value not in choices:
        names = ", ".join(str(c) for c in choices if c is not None)
        raise ValueError(
            f"`{name}` must be one of {names}. Received: {name}={value}"
        )


def _check_int(name, value, lowest, highest=None):
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int or value < lowest or (highest and value > highest):
        bounds = f"of at least {lowest}"
        if highest:
            bounds = f"from {lowest} to {highest}"
        raise ValueError(
            f"`{name}` must be an int {bounds}. Received: {name}={value}"
        )


def _check_class_names(names):
    if names is None:
        return
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise ValueError(
            "`class_names` must be at least two different folder names. "
            f"Received: class_names={','.join(names)}"
        )
