"""Reads a prepared split into memory, in the order a directory lists it."""

import dataclasses
import posixpath
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from pipeline import batching as batching_lib
from pipeline import buffers
from pipeline import fingerprints

DEFAULT_MEMORY_BUDGET_BYTES = 4 * 2**30
_READ_BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A split held in memory; example `i` is number `i` of the listing.

    Attributes:
        name: Such as "train"; an error names it.
        images: uint8 tensor `[num_examples, height, width, channels]`.
        labels: int64 array `[num_examples]`, index into `class_names`.
        filenames: Paths relative to the split's directory.
        patients: Patient key of each example.
        class_names: Names in the order of the labels.
        origin: Identifies the records that the split was read from; None for
            images that came from elsewhere (`fingerprints.fingerprint`).
    """

    name: str
    images: Any
    labels: np.ndarray
    filenames: tuple[str, ...]
    patients: tuple[str, ...]
    class_names: tuple[str, ...]
    origin: str | None = None

    def __post_init__(self):
        """Checks that all columns have the same length."""
        for field in ("labels", "filenames", "patients"):
            if len(getattr(self, field)) != self.num_examples:
                raise ValueError(
                    f"`{field}` must have one entry for each of the "
                    f"{self.num_examples} images. Received: "
                    f"len({field})={len(getattr(self, field))}"
                )

    @classmethod
    def from_arrays(
        cls, images, labels, *, class_names, name="train", **kwargs
    ):
        """Wraps images that are already in memory, in the given order.

        Args:
            images: uint8 `[num_examples, height, width, channels]`; copied.
            labels: int `[num_examples]`, index into `class_names`.
            class_names: Names in the order of the labels.
            name: What errors call the split.
            **kwargs: `filenames` and `patients`; by default numbered.

        Returns:
            A `Split`.
        """
        numbered = tuple(str(i) for i in range(len(labels)))
        with tf.device("CPU:0"):
            images = tf.constant(images)
        return cls(
            name=name,
            images=images,
            labels=np.asarray(labels, np.int64),
            filenames=tuple(kwargs.pop("filenames", numbered)),
            patients=tuple(kwargs.pop("patients", numbered)),
            class_names=tuple(class_names),
            **kwargs,
        )

    def elements(self, batching, order, rows, drawn, steps, shuffle):
        """Returns the elements of an epoch, before their images are fetched.

        Args:
            batching: `batching.Batching`.
            order: int64 `[num_examples]`, the epoch's order.
            rows: int64 `[num_examples]`, the rows of `drawn` in that order.
            drawn: Dictionary of parameters `[num_examples]`.
            steps: Pair of int64 scalars: the first step of the epoch that is
                wanted, and that after the last.
            shuffle: Whether `order` is anything but 0, 1, ...

        Returns:
            `tf.data.Dataset` of example numbers int64 `[per_replica]`, flags of
            the real ones, their parameters, and a payload for `fetch`.
        """
        del shuffle  # The order says it all.
        return batching_lib.slice_elements(batching, order, rows, drawn, steps)

    def fetch(self, index, payload):
        """Returns uint8 images and int64 labels of the given examples.

        Args:
            index: int64 `[n]`, numbers of examples.
            payload: What `elements` yielded last.
        """
        del payload
        return tf.gather(self.images, index), tf.gather(self.labels, index)

    def read_labels(self):
        """Returns int64 `[num_examples]`."""
        return self.labels

    def filenames_of(self, index, payload):
        """Returns the file names of the given examples, as for `fetch`."""
        del payload
        return tuple(self.filenames[i] for i in index.numpy())

    @property
    def num_examples(self) -> int:
        """How many examples the split has."""
        return int(self.images.shape[0])

    @property
    def image_shape(self) -> tuple[int, ...]:
        """`(height, width, channels)`."""
        return tuple(self.images.shape[1:])


def load_split(data, split, *, memory_budget_bytes=DEFAULT_MEMORY_BUDGET_BYTES):
    """Reads a split of a prepared data set into memory, once.

    Args:
        data: TFDS builder, its prepared directory, or a `Split`, which is
            returned as it is if its name matches.
        split: Name of the split, such as "train".
        memory_budget_bytes: Most bytes the decoded images may take.

    Returns:
        `Split` sorted as `flow_from_directory` lists files: by label, then
        directory, then file name; whatever order the records have.

    Raises:
        ValueError: If the split does not exist, is empty or exceeds the budget.
        RuntimeError: If the records do not hold as many examples as promised.
    """
    if isinstance(data, Split):
        return check_name(data, split)
    builder = as_builder(data)
    num_bytes = decoded_bytes(builder, split)
    if num_bytes > memory_budget_bytes:
        raise ValueError(
            f"Split {split!r} takes {num_bytes:,} bytes decoded, which is more "
            "than `memory_budget_bytes`. Raise the budget if the machine has "
            "the memory, or build the data set with a smaller `image_size`. "
            f"Received: memory_budget_bytes={memory_budget_bytes}"
        )
    num_examples = builder.info.splits[split].num_examples
    columns = _read_columns(builder, split, num_examples)
    labels = builder.info.features["label"]
    order = _listing_order(columns["label"], columns["filename"])
    buffers.permute_in_place(columns["image"], order)
    return Split(
        name=split,
        images=buffers.adopt(columns["image"]),
        labels=columns["label"][order],
        filenames=tuple(columns["filename"][i] for i in order),
        patients=tuple(columns["patient"][i] for i in order),
        class_names=tuple(labels.names),
        origin=fingerprints.of_records(builder, split),
    )


def check_name(data, split):
    """Returns an opened split, if it is the one that was asked for."""
    if data.name != split:
        raise ValueError(
            f"`split` must be the loaded one, {data.name!r}. "
            f"Received: split={split!r}"
        )
    return data


def as_builder(data):
    """Returns a TFDS builder as it is, or that of a prepared directory."""
    if isinstance(data, tfds.core.DatasetBuilder):
        return data
    return tfds.builder_from_directory(data)


def is_array_record(builder):
    """Whether the records of a prepared builder give random access."""
    return builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD


def array_record_source(builder, split):
    """Returns the serialized examples of an ArrayRecord split, by number.

    Raises:
        RuntimeError: If its files do not hold as many as promised.
    """
    info = builder.info.splits[split]
    # The source itself takes its length from the promise.
    count = tfds.core.file_adapters.ArrayRecordFileAdapter.num_examples
    _check_count(
        builder, split, info.num_examples, sum(map(count, info.filepaths))
    )
    return builder.as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )


def decoded_bytes(builder, split):
    """Returns how many bytes the images of a split take in memory.

    Raises:
        ValueError: If the split does not exist or is empty.
    """
    if split not in builder.info.splits:
        raise ValueError(
            f"`split` must be one of {', '.join(builder.info.splits)} in "
            f"{builder.data_dir}. Received: split={split!r}"
        )
    num_examples = builder.info.splits[split].num_examples
    if not num_examples:
        raise ValueError(f"Split {split!r} of {builder.data_dir} is empty.")
    shape = builder.info.features["image"].shape
    return num_examples * int(np.prod(shape))


def _read_columns(builder, split, num_examples):
    """Returns images, labels, file names and patients in record order."""
    ds = _examples(builder, split)
    shape = builder.info.features["image"].shape
    images = buffers.empty_aligned((num_examples, *shape))
    labels: Any = np.empty([num_examples], np.int64)
    text: dict[str, list[str]] = {"filename": [], "patient": []}
    start = 0
    batches = ds.batch(_READ_BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
    for batch in batches.as_numpy_iterator():
        stop = start + len(batch["label"])
        if stop <= num_examples:
            images[start:stop] = batch["image"]
            labels[start:stop] = batch["label"]
        for name, values in text.items():
            values.extend(value.decode() for value in batch[name])
        start = stop
    _check_count(builder, split, num_examples, start)
    return {"image": images, "label": labels, **text}


def _check_count(builder, split, num_examples, count):
    """Raises RuntimeError unless a split's files hold all its records."""
    if count != num_examples:
        raise RuntimeError(
            f"Split {split!r} of {builder.data_dir} should have {num_examples} "
            f"examples, but its records hold {count}. They are incomplete or "
            "damaged: build the data set again."
        )


def _examples(builder, split):
    """Returns the dataset of a split's decoded examples, in record order."""
    if not is_array_record(builder):
        return builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    # TFDS reads this format in Python only.
    source = array_record_source(builder, split)

    def read(index):
        return np.array(source.__getitems__(index.tolist()), object)

    ds = tf.data.Dataset.range(len(source)).batch(_READ_BATCH_SIZE)
    ds = ds.map(lambda index: tf.numpy_function(read, [index], tf.string))
    return ds.unbatch().map(
        builder.info.features.deserialize_example,
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def _listing_order(labels, filenames):
    """Returns the permutation that sorts as `flow_from_directory` lists."""
    return sorted(
        range(len(filenames)),
        key=lambda i: (labels[i], *posixpath.split(filenames[i])),
    )
