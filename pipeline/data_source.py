"""What the pipeline asks of a split, wherever its images are."""

from __future__ import annotations

import abc
from typing import Any
from typing import Protocol
from typing import runtime_checkable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from disk import example_columns
from pipeline import batching as batching_lib


@runtime_checkable
class DataSource(Protocol):
    """One split of a data set, wherever its images are.

    `split.Split` holds them in memory, `array_record_split.ArrayRecordSplit`
    and `tfrecord_split.TFRecordSplit` read them as needed; `loading.open_split`
    decides.
    Examples have numbers from 0, in an order that never changes.

    A dataset calls `elements` for the epochs and `fetch` for the batches, both
    while its graph is traced. The other methods are called
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
        steps: batching_lib.Steps,
    ) -> tf.data.Dataset:
        """Returns the elements of an epoch, before their images are fetched.

        Args:
            batching: How the epoch is cut into batches.
            draws: Which examples the epoch draws, with which parameters.
            steps: Which part of the epoch is wanted.

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

        Reads all records if the labels are neither in memory nor beside them.
        """

    def read_columns(self) -> example_columns.ExampleColumns:
        """Returns all but the images, by the numbers of the examples.

        Reads all records if neither memory nor a file beside them has this, but
        decodes no image.
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


class RandomAccess(abc.ABC):
    """What a `DataSource` is whose examples are read by their numbers."""

    class_names: tuple[str, ...]

    def elements(
        self,
        batching: batching_lib.Batching,
        draws: batching_lib.Draws,
        steps: batching_lib.Steps,
    ) -> tf.data.Dataset:
        """As `DataSource.elements`; the payload is empty."""
        positions, real = batching.positions(*steps)
        index = tf.gather(draws.order, positions)
        row = tf.gather(draws.rows, positions)
        params = {name: tf.gather(v, row) for name, v in draws.params.items()}
        return tf.data.Dataset.from_tensor_slices((index, real, params, ()))

    @abc.abstractmethod
    def read_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.read_labels`."""

    def count_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.count_labels`."""
        return np.bincount(self.read_labels(), minlength=len(self.class_names))


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
    draws = batching_lib.Draws(order, order, {}, shuffled=False)
    ds = data.elements(batching, draws, steps)
    return ds.map(
        lambda index, real, _, payload: data.fetch(index, payload)[0][real]
    )
