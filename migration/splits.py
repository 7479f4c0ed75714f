"""Where a flow's images are: in memory, of any values, or in their files."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from disk import example_columns
import pipeline
from pipeline import data_source
from xray_tfds import parallel


@dataclasses.dataclass(frozen=True, eq=False)
class UnlabelledSplit(pipeline.Split):
    """Images in memory that have no class each, of any values.

    They are uint8 or float32, and `labels` are zeros: what goes with an image
    the flow adds to a batch.
    """

    @classmethod
    def of_images(
        cls, images: tf.Tensor, name: str, filenames: Sequence[str]
    ) -> UnlabelledSplit:
        """Returns a split of images `[num_examples, ...]`."""
        return cls(
            name=name,
            images=images,
            labels=np.zeros(len(filenames), np.int64),
            filenames=tuple(filenames),
            patients=tuple(filenames),
            class_names=(),
        )

    def __post_init__(self) -> None:
        """Checks nothing: who makes one has."""

    def read_labels(self) -> npt.NDArray[np.int64]:
        """Raises ValueError."""
        raise _no_classes()


@dataclasses.dataclass(frozen=True, eq=False)
class FileSplit(data_source.RandomAccess):
    """Images that are decoded when a batch needs them, in every epoch.

    What `pipeline.data_source.DataSource` asks.

    Attributes:
        name: What errors call it.
        filepaths: Path of each example.
        filenames: Its name.
        image_shape: `(height, width, channels)`.
        decode: From a path to uint8 pixels of that shape; raises ValueError.
        labels: int64 `[num_examples]`; None where there is no class for each.
        class_names: Names in the order of the labels.
    """

    name: str
    filepaths: tuple[str, ...]
    filenames: tuple[str, ...]
    image_shape: tuple[int, int, int]
    decode: Callable[[str], npt.NDArray[np.uint8]]
    labels: npt.NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()

    images = None
    reading = "decoded from its files in every epoch"

    @property
    def num_examples(self) -> int:
        """How many examples the split has."""
        return len(self.filepaths)

    def fetch(
        self, index: tf.Tensor, payload: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `DataSource.fetch`; decodes the files, on all cores."""
        del payload
        labels = self.labels
        if labels is None:
            labels = np.zeros(self.num_examples, np.int64)
        if tf.executing_eagerly():
            # An error of a file stays what it is.
            images = tf.constant(self._read(index.numpy()))
        else:
            images = tf.numpy_function(self._read, [index], tf.uint8)
        shape = [*index.shape, *self.image_shape]
        return tf.ensure_shape(images, shape), tf.gather(labels, index)

    def read_labels(self) -> npt.NDArray[np.int64]:
        """As `DataSource.read_labels`."""
        if self.labels is None:
            raise _no_classes()
        return self.labels

    def read_columns(self) -> example_columns.ExampleColumns:
        """As `DataSource.read_columns`; nobody knows the patients."""
        unknown = ("",) * self.num_examples
        return example_columns.ExampleColumns(
            self.read_labels(), self.filenames, unknown
        )

    def filenames_of(self, index: tf.Tensor, payload: Any) -> tuple[str, ...]:
        """As `DataSource.filenames_of`."""
        del payload
        return tuple(self.filenames[i] for i in index.numpy())

    def check_records(self) -> None:
        """As `DataSource.check_records`: decodes all files."""
        for _ in parallel.ordered_map(self.decode, self.filepaths):
            pass

    def fingerprint(self) -> str:
        """As `DataSource.fingerprint`; reads all files."""
        labels = None if self.labels is None else self.labels.tolist()
        described = [self.name, self.class_names, self.filenames, labels]
        digest = hashlib.sha256(json.dumps(described).encode())
        for path in self.filepaths:
            content = pathlib.Path(path).read_bytes()
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()

    def _read(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        paths = [self.filepaths[i] for i in index]
        return np.stack(list(parallel.ordered_map(self.decode, paths)))


def _no_classes() -> ValueError:
    return ValueError(
        "`sampling` must be 'natural' where examples have no class each. "
        "Received: sampling='balanced'"
    )
