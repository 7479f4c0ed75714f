"""`flow_from_directory`, with the arguments of Keras and batches of ours."""

from __future__ import annotations

from collections.abc import Sequence
import os
from typing import Any

from migration import arguments
from migration import decoding as decoding_lib
from migration import iterator
from migration import listing as listing_lib
from migration import targets as targets_lib
import pipeline
from pipeline import labels
from pipeline import subsets


class DirectoryFlow(iterator.FileFlow):
    """What `flow_from_directory` returns.

    Attributes:
        listing: The files.
    """

    allowed_class_modes = set(labels.LABEL_MODES)

    def __init__(
        self,
        generator: Any,
        listing: listing_lib.Listing,
        decoding: decoding_lib.Decoding,
        class_mode: labels.LabelMode,
        options: dict[str, Any],
    ) -> None:
        """Decodes the files, if they fit into memory.

        Args:
            generator: What the user passed.
            listing: The files.
            decoding: How to decode them.
            class_mode: What the labels are.
            options: For `pipeline.make_train_dataset`.
        """
        targets = targets_lib.Targets(
            class_mode,
            arguments.as_config(generator).dtype,
            labels=listing.classes,
            num_classes=len(listing.class_indices),
        )
        super().__init__(generator, listing, decoding, targets, options)
        self.listing = listing
        self.classes = self.labels = listing.classes
        self.class_indices = listing.class_indices
        self.num_classes = listing.num_classes
        self._close()


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
    save_to_dir: str | None = None,
    save_prefix: str = "",
    save_format: str = "png",
    follow_links: bool = False,
    subset: subsets.Subset | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    **dataset_options: Any,
) -> DirectoryFlow:
    """Does what Keras's `generator.flow_from_directory(...)` does.

    Files, their order, labels, decoding and resizing are Keras's; so is the
    distribution of batches. Images are decoded once, into memory, or in every
    epoch where they take more than `memory_budget_bytes`. What differs: the
    stream of random numbers, and no `save_to_dir`.

    Two flows with one seed transform example `i` of each alike, whatever else
    they do to it. So images and their masks stay together, in files of equal
    order:

        turned = pipeline.AugmentConfig(rotation_range=5)
        films = migration.flow_from_directory(
            turned, "DIR/films", class_mode=None, seed=1)
        masks = migration.flow_from_directory(
            turned, "DIR/masks", class_mode=None, seed=1)
        pairs = tf.data.Dataset.zip((films.dataset, masks.dataset))
        model.fit(pairs, epochs=5)

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
        save_to_dir: None or empty; others are refused.
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
    arguments.check_not_saved(save_to_dir)
    if class_mode not in labels.LABEL_MODES:
        raise ValueError(
            f"`class_mode` must be one of {labels.LABEL_MODES}. "
            f"Received: class_mode={class_mode!r}"
        )
    options = arguments.make_options(batch_size, shuffle, seed, dataset_options)
    decoding = decoding_lib.Decoding(
        target_size, color_mode, interpolation, keep_aspect_ratio
    )
    validation_split = arguments.as_config(generator).validation_split
    listing = listing_lib.list_directory(
        directory,
        classes=classes,
        follow_links=follow_links,
        subset=subset,
        validation_split=validation_split or 0,
    )
    if not listing.samples:
        raise ValueError(
            f"`directory` must hold images in class folders. None found in "
            f"{listing.directory}, classes {list(listing.class_indices)}. "
            f"Received: subset={subset!r}, validation_split={validation_split}"
        )
    return DirectoryFlow(generator, listing, decoding, class_mode, options)
