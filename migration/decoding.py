"""Files into pixels, as Keras's `load_img` does it."""

from __future__ import annotations

import dataclasses
import functools
import logging
import operator
import threading
from typing import Any

from PIL import Image
import numpy as np
import numpy.typing as npt

from migration import listing as listing_lib
from migration import splits
import pipeline
from pipeline import buffers
from pipeline import checks
from pipeline import data_source
from xray_tfds import parallel
from xray_tfds.decode import images
from xray_tfds.decode import limits
from xray_tfds.decode import quiet


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How a file becomes pixels; the arguments of `keras.utils.load_img`.

    Attributes:
        target_size: `(height, width)` in pixels.
        color_mode: "grayscale", "rgb" or "rgba".
        interpolation: Filter for resizing.
        keep_aspect_ratio: Whether to cut instead of distort.
    """

    target_size: tuple[int, int]
    color_mode: str
    interpolation: str
    keep_aspect_ratio: bool

    def __post_init__(self) -> None:
        """Checks the arguments."""
        object.__setattr__(self, "target_size", _as_size(self.target_size))
        checks.check_choice(
            "color_mode", self.color_mode, tuple(images.COLOR_MODES)
        )
        checks.check_choice(
            "interpolation", self.interpolation, tuple(images.INTERPOLATIONS)
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        height, width = self.target_size
        return height, width, images.COLOR_MODES[self.color_mode]


def open_split(
    files: listing_lib.Files,
    decoding: Decoding,
    name: str,
    *,
    memory_budget_bytes: int,
) -> data_source.DataSource:
    """Decodes all files into memory, once, on all cores, if they fit.

    Args:
        files: The files.
        decoding: How to decode them.
        name: What errors call the split.
        memory_budget_bytes: Most bytes the images may take to be kept in
            memory. Beyond it they are decoded again in every epoch.

    Raises:
        ValueError: If there is no file, or one of those that are decoded here
            cannot be read, or has more than 8 bits.
    """
    shape = (files.samples, *decoding.image_shape)
    decode = functools.partial(
        _load, decoding=decoding, first_deep=threading.Lock()
    )
    labels, names = files.labels, files.class_names
    if np.prod(shape) > memory_budget_bytes:
        logging.warning(
            "%d images of %s take more than `memory_budget_bytes`=%d: they are "
            "decoded again in every epoch",
            *(files.samples, decoding.image_shape, memory_budget_bytes),
        )
        return splits.FileSplit(
            name=name,
            filepaths=tuple(files.filepaths),
            filenames=tuple(files.filenames),
            image_shape=decoding.image_shape,
            decode=decode,
            labels=labels,
            class_names=names,
        )
    pixels = buffers.empty_aligned(shape)
    decoded = parallel.ordered_map(
        decode, files.filepaths, total=files.samples, desc="Decoding"
    )
    for index, image in enumerate(decoded):
        pixels[index] = image
    images = buffers.adopt(pixels)
    if labels is None:
        return splits.UnlabelledSplit.of_images(images, name, files.filenames)
    return pipeline.Split.from_arrays(
        images, labels, class_names=names, name=name, filenames=files.filenames
    )


def _load(
    path: str, decoding: Decoding, first_deep: threading.Lock
) -> npt.NDArray[np.uint8]:
    quiet.silence()
    with limits.naming(path):
        pixels, is_deep = _decode(path, decoding)
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"{path} has {8 * pixels.itemsize}-bit grey values, which Keras "
            "would not scale either. Convert the file to 8 bits."
        )
    if is_deep and first_deep.acquire(blocking=False):  # Kept: said once.
        logging.warning(
            "%s has more than 8 bits. As in Keras, its values are not scaled "
            "but cut to whole numbers from 0 to 255: most of a film of 16 bits "
            "is white. Convert such files to 8 bits. Others of this flow are "
            "not named.",
            path,
        )
    return pixels


def _decode(path: str, decoding: Decoding) -> tuple[npt.NDArray[Any], bool]:
    """Returns the pixels of a file, and whether it has more than 8 bits."""
    try:
        # By content, in any format that PIL knows, as Keras does.
        with Image.open(path) as image:
            image.load()
            pixels = images.convert_and_resize(
                image,
                color_mode=decoding.color_mode,
                image_size=decoding.target_size,
                interpolation=decoding.interpolation,
                keep_aspect_ratio=decoding.keep_aspect_ratio,
            )
            return pixels, image.mode.startswith(("I", "F"))
    except MemoryError:
        raise  # The machine's, not the file's.
    except Exception as error:
        # PIL's decoders raise whatever a corrupt header leads them to, in words
        # that may be the file's.
        raise ValueError(f"Cannot decode {path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "its content is no image that Pillow knows"
    if isinstance(error, images.ImageError):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return "it has more than twice PIL.Image.MAX_IMAGE_PIXELS pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"it is truncated or corrupt ({type(error).__name__})"


def _as_size(size: Any) -> tuple[int, int]:
    """Returns height and width as a tuple of ints."""
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise ValueError(
            "`target_size` must be a pair of positive ints, height and width. "
            f"Received: target_size={size!r}"
        )
    return height, width
