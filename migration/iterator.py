"""What an iterator of Keras is to its users, over batches of ours."""

from __future__ import annotations

from collections.abc import Mapping
import functools
import operator
import threading
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from migration import arguments
from migration import batch_dataset
from migration import batches as batches_lib
from migration import decoding as decoding_lib
from migration import listing as listing_lib
from migration import targets as targets_lib
import pipeline
from pipeline import data_source
from pipeline import loading

# Names in Keras's iterators -> why they are not here.
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

# What may be set: what an iterator counts, to go on elsewhere.
_FREE = ("batch_index", "total_batches_seen", "lock")


class Flow(keras.utils.PyDataset):
    """Endless batches of NumPy arrays, and `dataset`, one epoch a pass.

    `fit`, `evaluate` and `predict` of a Keras model take either; the dataset
    computes several batches at once. Epochs and their batches are the same in
    both: pure functions of the seed.

    `fit` starts an iterator for each epoch, .03 s of a processor. For small
    data let it keep one, of the same epochs:

        model.fit(flow.dataset.repeat(), steps_per_epoch=len(flow), epochs=5)

    Attributes:
        split: The images.
        image_data_generator: What the flow was made of.
        batch_index: Number of the batch that `next` gives.
        total_batches_seen: How many batches were made.

    All others are those of Keras's iterators, with their values. They cannot be
    set: batches are made ready for them.
    """

    white_list_formats = listing_lib.ENDINGS

    # Names of other iterators -> why they are not here.
    missing: Mapping[str, str] = {}

    def __init__(
        self,
        generator: Any,
        split: data_source.DataSource,
        targets: targets_lib.Targets,
        options: Mapping[str, Any],
    ) -> None:
        """Describes the flow; nothing is drawn yet.

        Args:
            generator: What the user passed.
            split: The images.
            targets: What batches hold beside them.
            options: For `pipeline.make_train_dataset`.

        Raises:
            ValueError: If an option is not as it must be.
        """
        # One thread of Keras's: a batch is computed by all cores, and several
        # threads would wait for each other .1 s at the end of an epoch.
        super().__init__(workers=1)
        config = arguments.as_config(generator)
        self._batches = batches_lib.EpochBatches.of_dataset(
            split, config, targets, options
        )
        self._options = dict(options)
        self._dataset_only = batches_lib.EpochBatches.unknown(options)
        if self._dataset_only:
            self.dataset  # Checks them.
        self.image_data_generator = generator
        self.split = split
        self.sample_weight = targets.weights
        self.samples = self.n = split.num_examples
        self.image_shape = self._batches.image_shape
        self.data_format = config.data_format
        self.dtype = config.dtype
        self.batch_size = self._batches.batch_size
        self.shuffle = self._batches.shuffle
        self.seed = self._batches.seed
        self.lock = threading.Lock()
        self._index_array: npt.NDArray[np.int64] | None = None
        self.batch_index = 0
        self.total_batches_seen = 0
        self._next_epoch = options.get("epoch", 0)

    @property
    def index_array(self) -> npt.NDArray[np.int64] | None:
        """Numbers of the examples in the order of the epoch.

        None before the first; if set to None, a new one begins.
        """
        return self._index_array

    @index_array.setter
    def index_array(self, value: None) -> None:
        if value is not None:
            raise _fixed("index_array")
        self._index_array = None

    @functools.cached_property
    def dataset(self) -> tf.data.Dataset:
        """The same batches; its next pass is the next epoch.

        Whatever was asked of the flow itself does not count.
        """
        if not self._dataset_only:
            names = ("epoch", "num_parallel_calls")
            options = {k: v for k, v in self._options.items() if k in names}
            return batch_dataset.make_dataset(self._batches, **options)
        split = self._batches.split
        try:
            label_mode = self._batches.targets.check_label_mode()
        except ValueError as error:
            raise ValueError(
                f"`{', '.join(self._dataset_only)}` must be left out where "
                f"{error}"
            ) from None
        return pipeline.make_train_dataset(
            split,
            split.name,
            self._batches.config,
            label_mode=label_mode,
            **self._options,
        )

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
            if self._index_array is None:
                self._begin_epoch()
            epoch = self._next_epoch - 1
            self.total_batches_seen += 1
        return self._batches.make(epoch, step)

    def __iter__(self) -> Flow:
        """Returns the flow itself: epoch follows epoch, without an end."""
        return self

    def __next__(self) -> Any:
        """Returns the next batch; behind the last, the first of a new epoch."""
        with self.lock:
            step = self._check_step(self.batch_index)
            if self._index_array is None or step == 0:
                self._begin_epoch()
            epoch = self._next_epoch - 1
            self.batch_index = (step + 1) % len(self)
            self.total_batches_seen += 1
        return self._batches.make(epoch, step)

    def on_epoch_end(self) -> None:
        """Begins an epoch: a fresh order if shuffled, fresh transforms."""
        with self.lock:
            self._begin_epoch()

    def reset(self) -> None:
        """Makes `next` begin a new epoch."""
        self.batch_index = 0

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses another value of what batches were made ready for.

        Keras's iterators heed it. Here it would be shown, and not used.
        """
        arguments.check_attribute(name, value)
        if name in self.__dict__.get("_made", ()):
            raise _fixed(name)
        super().__setattr__(name, value)

    def _close(self) -> None:
        """Ends the making: what is set from now on is not ours."""
        names = {name for name in vars(self) if not name.startswith("_")}
        self._made = names.difference(_FREE)

    def __getattr__(self, name: str) -> Any:
        """Says why a name of Keras's iterators is not here."""
        reason = _MISSING.get(name) or self.missing.get(name)
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}"
            + (f": {reason}" if reason else "")
        )

    def _begin_epoch(self) -> None:
        self._index_array = self._batches.order(self._next_epoch)
        self._next_epoch += 1

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


def _fixed(name: str) -> AttributeError:
    return AttributeError(
        f"`{name}` of a flow cannot be set: its batches are made ready when it "
        "is made. Make another flow with other arguments."
    )


class FileFlow(Flow):
    """A flow of files that were listed.

    Attributes:
        filenames: Their names.
        filepaths: Their paths.
    """

    def __init__(
        self,
        generator: Any,
        files: listing_lib.Files,
        decoding: decoding_lib.Decoding,
        targets: targets_lib.Targets,
        options: Mapping[str, Any],
    ) -> None:
        """Decodes the files, if they fit into memory.

        Args:
            generator: As for `Flow`, like the last two.
            files: The files.
            decoding: How to decode them.
            targets: What batches hold beside the images.
            options: For `pipeline.make_train_dataset`.

        Raises:
            ValueError: If an option or a file is not as it must be.
        """
        split = decoding_lib.open_split(
            files,
            decoding,
            files.subset or "all",
            memory_budget_bytes=options.get(
                "memory_budget_bytes", loading.DEFAULT_MEMORY_BUDGET_BYTES
            ),
        )
        super().__init__(generator, split, targets, options)
        self.directory = files.directory
        self.subset = files.subset
        self.filenames = list(files.filenames)
        self.filepaths = list(files.filepaths)
        self.class_mode = targets.class_mode
        self.target_size = decoding.target_size
        self.color_mode = decoding.color_mode
        self.interpolation = decoding.interpolation
        self.keep_aspect_ratio = decoding.keep_aspect_ratio
