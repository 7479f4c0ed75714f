"""Where the images of a run come from."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from training.config import checks

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
        if self.image_size is not None and not checks.is_size(self.image_size):
            raise ValueError(
                "`image_size` must be two positive ints, height and width. "
                f"Received: image_size={self.image_size}"
            )
        checks.check_choice("color_mode", self.color_mode, (None, *COLOR_MODES))
        checks.check_choice(
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


def _check_class_names(names):
    if names is None:
        return
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise ValueError(
            "`class_names` must be at least two different folder names. "
            f"Received: class_names={','.join(names)}"
        )
