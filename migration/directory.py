"""`flow_from_directory`, with the arguments of Keras and batches of ours."""

import dataclasses
import functools
import secrets
from typing import Any

import numpy as np

from migration import listing as listing_lib
import pipeline
from xray_tfds import config as config_lib
from xray_tfds import parallel
from xray_tfds.decode import images


@dataclasses.dataclass(frozen=True, eq=False)
class DirectoryFlow:
    """The dataset, and what a Keras iterator knows of its files.

    Attributes:
        dataset: `tf.data.Dataset`; one pass is one epoch.
        listing: `Listing` of the files.
        split: `pipeline.Split` of the decoded images.
        image_shape: `(height, width, channels)`.
        batch_size: int.
    """

    dataset: Any
    listing: listing_lib.Listing
    split: pipeline.Split
    image_shape: tuple[int, int, int]
    batch_size: int

    def __getattr__(self, name):
        """Finds `filenames`, `samples`, ... where Keras's iterator has them."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.listing, name)

    def __len__(self):
        """Number of batches in an epoch."""
        return -(-self.listing.samples // self.batch_size)


def flow_from_directory(
    generator,
    directory,
    target_size=(256, 256),
    color_mode="rgb",
    classes=None,
    class_mode="categorical",
    batch_size=32,
    shuffle=True,
    seed=None,
    *,
    follow_links=False,
    subset=None,
    interpolation="nearest",
    keep_aspect_ratio=False,
    **dataset_options,
):
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
        batch_size: int.
        shuffle: Whether each epoch has a fresh order.
        seed: int; None draws one.
        follow_links: Whether to follow links to folders below the classes.
        subset: "training" or "validation", by `validation_split`.
        interpolation: Filter for resizing, as in `keras.utils.load_img`.
        keep_aspect_ratio: Whether to cut instead of distort.
        **dataset_options: For `pipeline.make_train_dataset`.

    Returns:
        `DirectoryFlow`.

    Raises:
        ValueError: If an argument or a file is not as it must be.
    """
    if "save_to_dir" in dataset_options:
        raise ValueError(
            "`save_to_dir` must be left out: a dataset has no side effects. "
            "Save the batches that it yields."
        )
    config = generator
    if not isinstance(config, pipeline.AugmentConfig):
        config = pipeline.AugmentConfig.from_keras(generator)
    config_lib.check_one_of("color_mode", color_mode, images.COLOR_MODES)
    config_lib.check_one_of(
        "interpolation", interpolation, images.INTERPOLATIONS
    )
    listing = listing_lib.list_directory(
        directory,
        classes=classes,
        follow_links=follow_links,
        subset=subset,
        validation_split=config.validation_split,
    )
    if not listing.samples:
        raise ValueError(
            f"`directory` must hold images in class folders. None found in "
            f"{listing.directory}, classes {list(listing.class_indices)}"
        )
    load = functools.partial(
        _load,
        color_mode=color_mode,
        image_size=tuple(target_size),
        interpolation=interpolation,
        keep_aspect_ratio=keep_aspect_ratio,
    )
    shape = (*target_size, images.COLOR_MODES[color_mode])
    split = _load_split(listing, load, shape, subset or "all")
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
    return DirectoryFlow(dataset, listing, split, shape, batch_size)


def _load_split(listing, load, shape, name):
    """Decodes all files into a `pipeline.Split`, on all cores."""
    pixels: Any = np.empty((listing.samples, *shape), np.uint8)
    decoded = parallel.ordered_map(
        load, listing.filepaths, total=listing.samples, desc="Decoding"
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


def _load(path, **options):
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
