"""`flow`, with the arguments of Keras and batches of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
import warnings

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from migration import arguments
from migration import iterator
from migration import splits
from migration import targets as targets_lib
import pipeline
from pipeline import buffers
from pipeline import checks
from pipeline import subsets

_NO_CLASSES = "`flow` takes labels as they are, without classes: see `flow.y`"
_NO_FILES = "the images came as an array, not from files"


class ArrayFlow(iterator.Flow):
    """What `flow` returns.

    Attributes:
        y: The labels, or None.
        x_misc: The further inputs.
    """

    missing = {
        **dict.fromkeys(
            ("class_indices", "class_mode", "classes", "labels", "num_classes"),
            _NO_CLASSES,
        ),
        **dict.fromkeys(
            ("color_mode", "directory", "filenames", "filepaths")
            + ("interpolation", "keep_aspect_ratio", "subset"),
            _NO_FILES,
        ),
        "target_size": "images keep their size: see `flow.image_shape`",
    }

    def __init__(
        self,
        generator: Any,
        images: npt.NDArray[Any],
        targets: targets_lib.Targets,
        options: Mapping[str, Any],
    ) -> None:
        """Copies the images.

        Args:
            generator: What the user passed.
            images: `[num_examples, height, width, channels]`, or channels first
                if the generator says so; any numbers.
            targets: What batches hold beside them.
            options: For `pipeline.make_train_dataset`.
        """
        config = arguments.as_config(generator)
        split = splits.UnlabelledSplit.of_images(
            _copy_images(images, config),
            "x",
            [str(i) for i in range(len(images))],
        )
        super().__init__(generator, split, targets, options)
        self.y = targets.labels
        self.x_misc = list(targets.inputs)
        self._close()

    @property
    def x(self) -> npt.NDArray[Any]:
        """The images as Keras keeps them, `[num_examples, ...]`; a copy."""
        images = tf.cast(self.split.images, self.dtype).numpy()
        if self.data_format == "channels_first":
            images = np.moveaxis(images, -1, 1)
        return images


def flow(
    generator: pipeline.AugmentConfig | Any,
    x: Any,
    y: Any = None,
    batch_size: int = 32,
    shuffle: bool = True,
    sample_weight: Any = None,
    seed: int | None = None,
    save_to_dir: str | None = None,
    save_prefix: str = "",
    save_format: str = "png",
    ignore_class_split: bool = False,
    subset: subsets.Subset | None = None,
    **dataset_options: Any,
) -> ArrayFlow:
    """Does what Keras's `generator.flow(...)` does.

    The images are copied: as uint8 if that is what they are, else as float32.
    Two flows with one seed transform example `i` of each alike:

        turned = pipeline.AugmentConfig(rotation_range=5)
        films = migration.flow(turned, x, seed=1)
        masks = migration.flow(turned, y, seed=1)
        pairs = tf.data.Dataset.zip((films.dataset, masks.dataset))

    Args:
        generator: `pipeline.AugmentConfig`, or a live `ImageDataGenerator`,
            fitted or not.
        x: Images `[num_examples, height, width, channels]`, or channels first
            if `generator` says so, of any numbers; or a pair of them and
            another input, or a list of others, `[num_examples, ...]`.
        y: Labels `[num_examples, ...]`, given as they are; None for none.
        batch_size: Images in a batch.
        shuffle: Whether each epoch has a fresh order.
        sample_weight: `[num_examples]`, or None. Not used without `y`.
        seed: Any; None draws one.
        save_to_dir: None or empty; others are refused.
        save_prefix: Unused, as in Keras without `save_to_dir`.
        save_format: Likewise.
        ignore_class_split: Whether `subset` may separate labels that only one
            part has.
        subset: "training" or "validation": the first examples, as many as
            `validation_split` says, are "validation".
        **dataset_options: For `pipeline.make_train_dataset`.

    Raises:
        ValueError: If an argument is not as it must be.
    """
    del save_prefix, save_format
    arguments.check_not_saved(save_to_dir)
    options = arguments.make_options(batch_size, shuffle, seed, dataset_options)
    config = arguments.as_config(generator)
    images, inputs = _separate_inputs(x)
    _check_lengths(images, inputs, y, sample_weight)
    rows = slice(0, None)
    if subset is not None:
        rows = _select_rows(subset, len(images), config)
        if y is not None and not ignore_class_split:
            _check_same_labels(np.asarray(y), rows.start or rows.stop or 0)
    images = np.asarray(images[rows])
    _check_images(images, config)
    targets = targets_lib.Targets(
        None if y is None else "raw",
        config.dtype,
        labels=None if y is None else np.asarray(y)[rows],
        weights=_select_weights(sample_weight, rows, config),
        inputs=tuple(array[rows] for array in inputs),
    )
    return ArrayFlow(generator, images, targets, options)


def _separate_inputs(x: Any) -> tuple[Any, list[Any]]:
    """Returns the images and the further inputs."""
    if not isinstance(x, (tuple, list)):
        return x, []
    if len(x) != 2:
        # Keras passes over all behind the second.
        raise ValueError(
            "`x` must be an array, or a pair of images and another input, or a "
            "list of others: (images, [a, b]); np.stack makes an array of a "
            f"list of images. Received: {type(x).__name__} of {len(x)}"
        )
    images, others = x
    others = others if isinstance(others, list) else [others]
    return images, [np.asarray(array) for array in others]


def _check_lengths(
    images: Any, inputs: list[Any], y: Any, sample_weight: Any
) -> None:
    number = _length("x", images)
    for name, array in (
        *(("x", array) for array in inputs),
        ("y", y),
        ("sample_weight", sample_weight),
    ):
        if array is not None and _length(name, array) != number:
            raise ValueError(
                f"`{name}` must have an entry for each of the {number} "
                f"images. Received: {len(array)}"
            )


def _length(name: str, array: Any) -> int:
    # Of a text or a dict, too, NumPy makes no axis.
    if not np.ndim(array):
        raise ValueError(
            f"`{name}` must be an array or a list, with an entry for each "
            f"image. Received: {type(array).__name__}"
        )
    return len(array)


def _select_rows(
    subset: str, num_examples: int, config: pipeline.AugmentConfig
) -> slice:
    """Returns which examples a subset has."""
    checks.check_choice("subset", subset, subsets.SUBSETS)
    end = int(num_examples * (config.validation_split or 0))
    if subset == "validation" and num_examples and not end:
        raise ValueError(
            "`subset` must not be 'validation' where it has no images: set "
            "`validation_split` of the generator. Received: "
            f"validation_split={config.validation_split} of {num_examples}"
        )
    return slice(0, end) if subset == "validation" else slice(end, None)


def _select_weights(
    sample_weight: Any, rows: slice, config: pipeline.AugmentConfig
) -> npt.NDArray[Any] | None:
    """Returns the weights, of which example `i` of a subset takes entry `i`."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight)
    if not config.keras_quirks:
        return weights[rows]
    if rows.start:
        warnings.warn(
            f"`sample_weight` goes to the wrong examples, as in Keras: example "
            f"i of subset='training', which is {rows.start} + i of all, takes "
            "entry i. Slice `x`, `y` and `sample_weight` yourself, or pass "
            "AugmentConfig(keras_quirks=False, ...).",
            stacklevel=3,
        )
    return weights


def _check_same_labels(y: Any, end: int) -> None:
    first, second = np.unique(y[:end]), np.unique(y[end:])
    if not np.array_equal(first, second):
        raise ValueError(
            "`y` must have the same labels in both subsets: shuffle `x` and "
            "`y` if they are sorted by label, or pass ignore_class_split=True. "
            f"Received: {len(first)} labels in the first {end}, {len(second)} "
            "in the others, not all the same"
        )


def _check_images(
    images: npt.NDArray[Any], config: pipeline.AugmentConfig
) -> None:
    if images.ndim != 4 or not images.size:
        raise ValueError(
            "`x` must have four axes, [num_examples, height, width, channels], "
            f"none of them empty. Received: x.shape={images.shape}"
        )
    axis = 1 if config.data_format == "channels_first" else 3
    if images.shape[axis] not in (1, 3, 4):
        warnings.warn(
            f"`x` has {images.shape[axis]} channels on axis {axis}, where "
            f"data_format={config.data_format!r} has 1, 3 or 4. "
            f"Received: x.shape={images.shape}",
            stacklevel=3,
        )


def _copy_images(
    images: npt.NDArray[Any], config: pipeline.AugmentConfig
) -> tf.Tensor:
    """Returns images with channels last, uint8 or float32."""
    dtype = tf.as_dtype(config.dtype).as_numpy_dtype
    if images.dtype != np.uint8 or not np.can_cast(np.uint8, dtype):
        if dtype not in (np.float32, np.float64):
            # Rounded as in Keras, which computes in this type.
            images = images.astype(dtype)
    if config.data_format == "channels_first":
        images = np.moveaxis(images, 1, -1)
    kept = np.uint8 if images.dtype == np.uint8 else np.float32
    copy = buffers.empty_aligned(images.shape, kept)
    np.copyto(copy, images, casting="unsafe")
    return buffers.adopt(copy)
