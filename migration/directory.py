"""`flow_from_directory`, with the arguments of Keras and batches of ours."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import functools
import os
import secrets
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from migration import listing as listing_lib
import pipeline
from pipeline import labels
from pipeline import subsets
from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds.decode import images


@dataclasses.dataclass(frozen=True, eq=False)
class DirectoryFlow:
    """The dataset, and what a Keras iterator knows of its files.

    Attributes:
        dataset: One pass is one epoch.
        listing: The files.
        split: Their decoded images.
        batch_size: Images in a batch.
    """

    dataset: tf.data.Dataset
    listing: listing_lib.Listing
    split: pipeline.Split
    batch_size: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        return self.split.image_shape

    def __getattr__(self, name: str) -> Any:
        """Finds `filenames`, `samples`, ... where Keras's iterator has them."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.listing, name)

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.listing.samples // self.batch_size)


def flow_from_directory(
    generator: pipeline.AugmentConfig | Any,
    directory: str | os.PathLike[str],
    target_size: tuple[int, int] = (256, 256),
    color_mode: str = "rgb",
    classes: Sequence[str] | None = None,
    class_mode: labels.LabelMode = "categorical",
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int | None = None,
    *,
    follow_links: bool = False,
    subset: subsets.Subset | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    **dataset_options: Any,
) -> DirectoryFlow:
    """Makes the dataset of Keras's `generator.flow_from_directory(...)`.

    Files, their order, labels, decoding and resizing are Keras's; so is the
    distribution of batches. Images are decoded once, into memory. What differs:
    the stream of random numbers, a dataset of one epoch a pass in place of an
    endless iterator, and no `save_to_dir`.

    Args:
        generator: `pipeline.AugmentConfig`, or a live `ImageDataGenerator`,
            fitted or not.
        directory: Folder of class folders.
        target_size: `(height, width)` in pixels.
        color_mode: "grayscale", "rgb" or "rgba".
        classes: Names of the class folders, in the order of their indices.
        class_mode: "categorical", "binary", "sparse", "input" or None.
        batch_size: Images in a batch.
        shuffle: Whether each epoch has a fresh order.
        seed: Any; None draws one.
        follow_links: Whether to follow links to folders below the classes.
        subset: "training" or "validation", by `validation_split`.
        interpolation: Filter for resizing, as in `keras.utils.load_img`.
        keep_aspect_ratio: Whether to cut instead of distort.
        **dataset_options: For `pipeline.make_train_dataset`.

    Raises:
        ValueError: If an argument or a file is not as it must be.
    """
    if "save_to_dir" in dataset_options:
        raise ValueError(
            "`save_to_dir` must be left out: a dataset has no side effects. "
            "Save the batches that it yields."
        )
    config = _as_config(generator)
    listing = _list_images(
        directory,
        classes=classes,
        follow_links=follow_links,
        subset=subset,
        validation_split=config.validation_split,
    )
    split = _load_split(
        listing,
        subset or "all",
        color_mode=color_mode,
        image_size=tuple(target_size),
        interpolation=interpolation,
        keep_aspect_ratio=keep_aspect_ratio,
    )
    dataset = pipeline.make_train_dataset(
        split,
        split.name,
        config,
        batch_size=batch_size,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        shuffle=shuffle,
        label_mode=class_mode,
        **{"statistics": config.statistics} | dataset_options,
    )
    return DirectoryFlow(dataset, listing, split, batch_size)


def _as_config(
    generator: pipeline.AugmentConfig | Any,
) -> pipeline.AugmentConfig:
    if isinstance(generator, pipeline.AugmentConfig):
        return generator
    return pipeline.AugmentConfig.from_keras(generator)


def _list_images(
    directory: str | os.PathLike[str], **options: Any
) -> listing_lib.Listing:
    """Lists a directory that must hold images."""
    listing = listing_lib.list_directory(directory, **options)
    if not listing.samples:
        raise ValueError(
            f"`directory` must hold images in class folders. None found in "
            f"{listing.directory}, classes {list(listing.class_indices)}"
        )
    return listing


def _load_split(
    listing: listing_lib.Listing, name: str, **options: Any
) -> pipeline.Split:
    """Decodes all files into memory, on all cores.

    Args:
        listing: The files.
        name: What errors call the split.
        **options: For `images.load_image`.
    """
    config_lib.check_one_of(
        "color_mode", options["color_mode"], images.COLOR_MODES
    )
    config_lib.check_one_of(
        "interpolation", options["interpolation"], images.INTERPOLATIONS
    )
    channels = images.COLOR_MODES[options["color_mode"]]
    shape = (listing.samples, *options["image_size"], channels)
    pixels: npt.NDArray[np.uint8] = np.empty(shape, np.uint8)
    decoded = parallel.ordered_map(
        functools.partial(_load, **options),
        listing.filepaths,
        total=listing.samples,
        desc="Decoding",
    )
    for index, image in enumerate(decoded):
        pixels[index] = image
    return pipeline.Split.from_arrays(
        pixels,
        listing.classes,
        class_names=tuple(listing.class_indices),
        name=name,
        filenames=listing.filenames,
    )


def _load(path: str, **options: Any) -> npt.NDArray[np.uint8]:
    with open(path, "rb") as file:
        data = file.read()
    try:
        pixels = images.load_image(data, **options)
    except images.ImageError as error:
        raise ValueError(f"Cannot decode {path}: {error}") from error
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"{path} has {8 * pixels.itemsize}-bit grey values, which Keras "
            "would not scale either. Convert the file to 8 bits."
        )
    return pixels
