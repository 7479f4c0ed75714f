"""A split, opened: what the pipeline asks of it, and one held in memory."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import Protocol
from typing import runtime_checkable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import batching as batching_lib
from pipeline import fingerprints


@runtime_checkable
class DataSource(Protocol):
    """One split of a data set, wherever its images are.

    `Split` holds them in memory, `streaming.ArrayRecordSplit` and
    `streaming.TFRecordSplit` read them as needed; `loading.open_split` decides.
    Examples have numbers from 0, in an order that never changes.

    For each epoch a dataset calls `elements` once, while its graph is traced,
    and `fetch` for each batch, in a graph as well. The other methods are called
    eagerly, by whoever wants to know something about the split.
    """

    @property
    def name(self) -> str:
        """Such as "train"; errors name it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of the labels."""

    @property
    def num_examples(self) -> int:
        """How many examples the split has."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""

    @property
    def images(self) -> tf.Tensor | None:
        """All images, uint8 `[num_examples, ...]`; None unless in memory.

        Training copies them to its devices for `cache_on="device"`.
        """

    @property
    def reading(self) -> str:
        """How an epoch reads its files, in words; empty if in memory."""

    def elements(
        self,
        batching: batching_lib.Batching,
        draws: batching_lib.Draws,
        steps: tuple[tf.Tensor, tf.Tensor],
        *,
        shuffle: bool,
    ) -> tf.data.Dataset:
        """Returns the elements of an epoch, before their images are fetched.

        Args:
            batching: How the epoch is cut into batches.
            draws: Which examples the epoch draws, with which parameters.
            steps: Pair of int64 scalars: the first step of the epoch that is
                wanted, and that after the last.
            shuffle: Whether the order is anything but 0, 1, ...

        Returns:
            Dataset of example numbers int64 `[per_replica]`, flags of the real
            ones, their parameters, and a payload for `fetch`.
        """

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns uint8 images and int64 labels of the given examples.

        Args:
            index: int64 `[n]`, numbers of examples.
            payload: What `elements` yielded last.
        """

    def read_labels(self) -> npt.NDArray[np.int64]:
        """Returns the labels of all examples, `[num_examples]`.

        Called to draw classes equally often, and once in a graph.

        Raises:
            ValueError: If the files cannot say before an epoch reads them.
        """

    def count_labels(self) -> npt.NDArray[np.int64]:
        """Returns how many examples each class has, `[num_classes]`.

        Reads all records if the labels are not in memory.
        """

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """Returns the file names of the given examples, as for `fetch`."""

    def fingerprint(self) -> str:
        """Returns text that changes when an image or a label does.

        Training compares it before it resumes a run.
        """

    def check_records(self) -> None:
        """Reads all files to the end, after an error of whoever read them.

        Raises:
            ValueError: If one is damaged, missing or incomplete; names it.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A split held in memory; example `i` is number `i` of the listing.

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

    def elements(
        self,
        batching: batching_lib.Batching,
        draws: batching_lib.Draws,
        steps: tuple[tf.Tensor, tf.Tensor],
        *,
        shuffle: bool,
    ) -> tf.data.Dataset:
        """As `DataSource.elements`; the payload is empty."""
        del shuffle  # The order says it all.
        return batching_lib.slice_elements(batching, draws, steps)

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `DataSource.fetch`."""
        del payload
        return tf.gather(self.images, index), tf.gather(self.labels, index)

    def read_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.read_labels`."""
        return self.labels

    def count_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.count_labels`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

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


def check_name(data: DataSource, split: str) -> None:
    """Raises ValueError unless an opened split is the one asked for."""
    if data.name != split:
        raise ValueError(
            f"`split` must be the loaded one, {data.name!r}. "
            f"Received: split={split!r}"
        )


def image_batches(data: DataSource, batch_size: int) -> tf.data.Dataset:
    """Returns a dataset of all images of a split, in order, uint8."""
    batching = batching_lib.make_batching(
        data.num_examples, batch_size, "keep", None
    )
    order = tf.range(data.num_examples, dtype=tf.int64)
    steps = (tf.constant(0, tf.int64), tf.constant(batching.steps, tf.int64))
    ds = data.elements(
        batching, batching_lib.Draws(order, order, {}), steps, shuffle=False
    )
    return ds.map(
        lambda index, real, _, payload: data.fetch(index, payload)[0][real]
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
