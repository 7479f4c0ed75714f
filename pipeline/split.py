"""A split held in memory, and the checks of what it holds."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from disk import example_columns
from pipeline import data_source
from pipeline import fingerprints


@dataclasses.dataclass(frozen=True, eq=False)
class Split(data_source.RandomAccess):
    """A `data_source.DataSource` in memory, in the order of its listing.

    Attributes:
        name: Such as "train"; an error names it.
        images: uint8 `[num_examples, height, width, channels]`.
        labels: int64 `[num_examples]`, index into `class_names`.
        filenames: Paths relative to the split's directory.
        patients: Patient key of each example.
        class_names: Names in the order of the labels.
        origin: Identifies the records that the split was read from; None for
            images that came from elsewhere.
    """

    name: str
    images: tf.Tensor
    labels: npt.NDArray[np.int64]
    filenames: tuple[str, ...]
    patients: tuple[str, ...]
    class_names: tuple[str, ...]
    origin: str | None = None

    def __post_init__(self) -> None:
        """Checks each column, and that all have the same length."""
        _check_images(self.images)
        _check_class_names(self.class_names)
        for field in ("labels", "filenames", "patients"):
            if len(getattr(self, field)) != self.num_examples:
                raise ValueError(
                    f"`{field}` must have one entry for each of the "
                    f"{self.num_examples} images. Received: "
                    f"len({field})={len(getattr(self, field))}"
                )
        _check_label_range(self.labels, len(self.class_names))

    @classmethod
    def from_arrays(
        cls,
        images: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        class_names: Sequence[str],
        name: str = "train",
        filenames: Sequence[str] | None = None,
        patients: Sequence[str] | None = None,
    ) -> Split:
        """Wraps images that are already in memory, in the given order.

        Args:
            images: uint8 `[num_examples, height, width, channels]`; copied.
            labels: Whole numbers `[num_examples]`, index into `class_names`.
            class_names: Names in the order of the labels.
            name: What errors call the split.
            filenames: Paths; by default numbered.
            patients: Keys of the patients; by default one for each image.

        Raises:
            ValueError: If images, labels or names are not as they must be.
        """
        if isinstance(class_names, str):
            raise ValueError(
                "`class_names` must be a sequence of names. "
                f"Received: class_names={class_names!r}"
            )
        numbers = _as_labels(labels)
        numbered = [str(i) for i in range(len(numbers))]
        with tf.device("CPU:0"):
            images = tf.constant(images)
        return cls(
            name=name,
            images=images,
            labels=numbers,
            filenames=tuple(numbered if filenames is None else filenames),
            patients=tuple(numbered if patients is None else patients),
            class_names=tuple(class_names),
        )

    @property
    def num_examples(self) -> int:
        """How many examples the split has."""
        return int(self.images.shape[0])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def reading(self) -> str:
        """Empty: nothing is read."""
        return ""

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `DataSource.fetch`."""
        del payload
        return tf.gather(self.images, index), tf.gather(self.labels, index)

    def read_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.read_labels`."""
        return self.labels

    def read_columns(self) -> example_columns.ExampleColumns:
        """As `DataSource.read_columns`."""
        return example_columns.ExampleColumns(
            self.labels, self.filenames, self.patients
        )

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """As `DataSource.filenames_of`."""
        del payload
        return tuple(self.filenames[i] for i in index.numpy())

    def check_records(self) -> None:
        """As `DataSource.check_records`: there is nothing to read."""

    def fingerprint(self) -> str:
        """As `DataSource.fingerprint`."""
        if self.origin is not None:
            return self.origin
        return fingerprints.of_arrays(
            [self.name, self.class_names, self.filenames, self.patients],
            self.images,
            self.labels,
        )


def _check_images(images: tf.Tensor) -> None:
    """Raises ValueError unless images are uint8 and of rank 4."""
    shape = tuple(images.shape)
    if len(shape) != 4:
        remedy = ""
        if len(shape) == 3:
            remedy = " Pass images[..., None] if they are grey, without an axis"
            remedy += " of channels; images[None] if it is one image."
        raise ValueError(
            "`images` must have four axes, [num_examples, height, width, "
            f"channels].{remedy} Received: images.shape={shape}"
        )
    if 0 in shape:
        raise ValueError(
            "`images` must hold at least one image, of at least one pixel. "
            f"Received: images.shape={shape}"
        )
    if tf.as_dtype(images.dtype) != tf.uint8:
        raise ValueError(
            "`images` must be uint8, grey levels from 0 to 255. "
            f"{_to_uint8(np.asarray(images))}"
        )


def _to_uint8(images: npt.NDArray[Any]) -> str:
    """Returns how images of another type become uint8, and what they are."""
    lowest, highest = images.min(), images.max()
    if images.dtype.kind == "f" and 0 <= lowest <= highest <= 1:
        remedy = "Pass (255 * images).round().astype(np.uint8)"
    elif 0 <= lowest <= highest <= 255:
        remedy = "Pass images.astype(np.uint8)"
    else:
        remedy = "Scale them to 0 to 255, then pass images.astype(np.uint8)"
    return (
        f"{remedy}. Received: images.dtype={images.dtype}, values from "
        f"{lowest} to {highest}"
    )


def _check_class_names(class_names: tuple[str, ...]) -> None:
    if not class_names or not all(isinstance(n, str) for n in class_names):
        raise ValueError(
            "`class_names` must be one or more names, as text. "
            f"Received: class_names={class_names}"
        )
    if len(set(class_names)) != len(class_names):
        raise ValueError(
            "`class_names` must differ from each other. "
            f"Received: class_names={class_names}"
        )


def _as_labels(labels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Returns labels as int64; raises ValueError unless they are whole."""
    given = np.asarray(labels)
    if given.ndim != 1:
        raise ValueError(
            "`labels` must be one class number for each image, of one axis. "
            "Pass labels.argmax(axis=1) if they are one-hot. "
            f"Received: labels.shape={given.shape}"
        )
    if given.dtype.kind not in "biuf":
        raise ValueError(
            "`labels` must be whole numbers, indices into `class_names`. "
            f"Received: labels.dtype={given.dtype}"
        )
    whole = np.isfinite(given) & (given == np.floor(given))
    if not whole.all():
        first = int(np.argmin(whole))
        raise ValueError(
            "`labels` must be whole numbers, indices into `class_names`. "
            f"Received: labels[{first}]={given[first]}"
        )
    return given.astype(np.int64)


def _check_label_range(labels: npt.NDArray[np.int64], num_classes: int) -> None:
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        first = int(outside[0])
        raise ValueError(
            f"`labels` must be from 0 to {num_classes - 1}, indices into the "
            f"{num_classes} `class_names`. Received: "
            f"labels[{first}]={labels[first]}"
        )
