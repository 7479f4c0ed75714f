"""`flow_from_directory`, with the arguments of Keras and batches of ours."""

from __future__ import annotations

from collections.abc import Sequence
import os
import secrets
from typing import Any

from migration import batches as batches_lib
from migration import decoding as decoding_lib
from migration import flow as flow_lib
from migration import listing as listing_lib
import pipeline
from pipeline import labels
from pipeline import subsets


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
    save_to_dir: None = None,
    save_prefix: str = "",
    save_format: str = "png",
    follow_links: bool = False,
    subset: subsets.Subset | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    **dataset_options: Any,
) -> flow_lib.DirectoryFlow:
    """Does what Keras's `generator.flow_from_directory(...)` does.

    Files, their order, labels, decoding and resizing are Keras's; so is the
    distribution of batches. Images are decoded once, into memory. What differs:
    the stream of random numbers, and no `save_to_dir`.

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
        save_to_dir: None; others are refused.
        save_prefix: Unused, as in Keras without `save_to_dir`.
        save_format: Likewise.
        follow_links: Whether to follow links to folders below the classes.
        subset: "training" or "validation", by `validation_split`.
        interpolation: Filter for resizing, as in `keras.utils.load_img`.
        keep_aspect_ratio: Whether to cut instead of distort.
        **dataset_options: For `pipeline.make_train_dataset`.

    Raises:
        ValueError: If an argument or a file is not as it must be.
    """
    del save_prefix, save_format
    _check_arguments(save_to_dir, class_mode)
    config = _as_config(generator)
    decoding = decoding_lib.Decoding(
        target_size, color_mode, interpolation, keep_aspect_ratio
    )
    listing = _list_images(
        directory,
        classes=classes,
        follow_links=follow_links,
        subset=subset,
        validation_split=config.validation_split,
    )
    split = decoding_lib.load_split(listing, decoding, subset or "all")
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "seed": secrets.randbelow(2**31) if seed is None else seed,
        "shuffle": shuffle,
        "label_mode": class_mode,
        **dataset_options,
    }
    return flow_lib.DirectoryFlow(
        generator,
        listing,
        decoding,
        batches_lib.EpochBatches.of_dataset(split, config, options),
        pipeline.make_train_dataset(split, split.name, config, **options),
        epoch=options.get("epoch", 0),
        dataset_only=batches_lib.EpochBatches.unknown(options),
    )


def _check_arguments(save_to_dir: Any, class_mode: Any) -> None:
    """Raises ValueError for what only Keras does."""
    if save_to_dir is not None:
        raise ValueError(
            "`save_to_dir` must be left out: a dataset has no side effects. "
            "Save the batches that it yields."
        )
    if class_mode not in labels.LABEL_MODES:
        raise ValueError(
            f"`class_mode` must be one of {labels.LABEL_MODES}. "
            f"Received: class_mode={class_mode!r}"
        )


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
