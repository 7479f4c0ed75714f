"""What Keras's `DirectoryIterator` is to its users, over images in memory."""

from __future__ import annotations

from collections.abc import Collection
import operator
import threading
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from migration import batches as batches_lib
from migration import decoding as decoding_lib
from migration import listing as listing_lib
from pipeline import batching as batching_lib
from pipeline import labels as labels_lib
from xray_tfds import parallel

# Names in Keras's iterator -> why they are not here.
_MISSING = {
    **dict.fromkeys(
        ("save_to_dir", "save_prefix", "save_format"),
        "nothing is saved: save the batches",
    ),
    **dict.fromkeys(
        ("index_generator", "set_processing_attrs"),
        "it is how Keras's iterator works inside",
    ),
    "next": "pass the flow to next()",
}


class DirectoryFlow(keras.utils.PyDataset):
    """Endless batches of NumPy arrays, and `dataset`, one epoch a pass.

    `fit`, `evaluate` and `predict` of a Keras model take either; the dataset
    computes several batches at once. Epochs and their batches are the same in
    both: pure functions of the seed.

    Attributes:
        dataset: Its next pass is the next epoch, whatever was asked of the flow
            itself.
        listing: The files.
        split: Their decoded images.
        image_data_generator: What the flow was made of.
        index_array: Numbers of the examples in the order of the epoch; None
            before the first.
        batch_index: Number of the batch that `next` gives.
        total_batches_seen: How many batches were made.

    All others are those of Keras's iterator, with its values.
    """

    allowed_class_modes = set(labels_lib.LABEL_MODES)
    sample_weight = None
    white_list_formats = listing_lib.ENDINGS

    def __init__(
        self,
        generator: Any,
        listing: listing_lib.Listing,
        decoding: decoding_lib.Decoding,
        batches: batches_lib.EpochBatches,
        dataset: tf.data.Dataset,
        *,
        epoch: int = 0,
        dataset_only: Collection[str] = (),
    ) -> None:
        """Describes the flow; nothing is drawn yet.

        Args:
            generator: What the user passed.
            listing: The files.
            decoding: How they were decoded.
            batches: The batches.
            dataset: The same batches.
            epoch: Number of the first epoch.
            dataset_only: Options that only the dataset heeds: the flow has no
                batches then.
        """
        # Threads, in which TensorFlow computes batches for `fit`.
        super().__init__(workers=parallel.num_cores())
        self.image_data_generator = generator
        self.listing = listing
        self.split = batches.split
        self.dataset = dataset
        self.directory = listing.directory
        self.subset = listing.subset
        self.filenames = list(listing.filenames)
        self.filepaths = list(listing.filepaths)
        self.classes = self.labels = listing.classes
        self.class_indices = listing.class_indices
        self.num_classes = listing.num_classes
        self.samples = self.n = listing.samples
        self.target_size = decoding.target_size
        self.color_mode = decoding.color_mode
        self.interpolation = decoding.interpolation
        self.keep_aspect_ratio = decoding.keep_aspect_ratio
        self.image_shape = batches.image_shape
        self.data_format = batches.config.data_format
        self.dtype = batches.config.dtype
        self.class_mode = batches.label_mode
        self.batch_size = batches.batch_size
        self.shuffle = batches.shuffle
        self.seed = batches.seed
        self.lock = threading.Lock()
        self.index_array: npt.NDArray[np.int64] | None = None
        self.batch_index = 0
        self.total_batches_seen = 0
        self._batches = batches
        self._dataset_only = dataset_only
        self._next_epoch = epoch
        self._draws: batching_lib.Draws | None = None

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return self._batches.batching.steps

    def __getitem__(self, index: int) -> Any:
        """Returns a batch of the present epoch.

        Args:
            index: Number of the batch, from 0.

        Raises:
            ValueError: If there is no such batch.
        """
        step = self._check_step(index)
        with self.lock:
            draws = self._draws or self._begin_epoch()
            self.total_batches_seen += 1
        return self._batches.make(draws, step)

    def __iter__(self) -> DirectoryFlow:
        """Returns the flow itself: epoch follows epoch, without an end."""
        return self

    def __next__(self) -> Any:
        """Returns the next batch; behind the last, the first of a new epoch."""
        with self.lock:
            step = self._check_step(self.batch_index)
            draws = self._draws
            if draws is None or step == 0:
                draws = self._begin_epoch()
            self.batch_index = (step + 1) % len(self)
            self.total_batches_seen += 1
        return self._batches.make(draws, step)

    def on_epoch_end(self) -> None:
        """Begins an epoch: a fresh order if shuffled, fresh transforms."""
        with self.lock:
            self._begin_epoch()

    def reset(self) -> None:
        """Makes `next` begin a new epoch."""
        self.batch_index = 0

    def __getattr__(self, name: str) -> Any:
        """Says why a name of Keras's iterator is not here."""
        reason = _MISSING.get(name)
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}"
            + (f": {reason}" if reason else "")
        )

    def _begin_epoch(self) -> batching_lib.Draws:
        draws = self._batches.draw(self._next_epoch)
        self._next_epoch += 1
        self.index_array = draws.order.numpy()
        self._draws = draws
        return draws

    def _check_step(self, index: int) -> int:
        """Returns the number of a batch that the flow has."""
        if self._dataset_only:
            raise ValueError(
                f"`{', '.join(self._dataset_only)}` must be left out where the "
                "flow itself is to give batches. Pass `flow.dataset` to `fit`, "
                "or iterate over it."
            )
        step = operator.index(index)
        if not 0 <= step < len(self):
            raise ValueError(
                f"`index` must be from 0 to {len(self) - 1}, the batches of an "
                f"epoch. Received: index={step}"
            )
        return step
