"""The batches of all epochs, each a function of its epoch and step."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from migration import targets as targets_lib
import pipeline
from pipeline import batching as batching_lib
from pipeline import data_source
from pipeline import example_order
from pipeline import plan
from pipeline import preprocessing
from pipeline import statistics as statistics_lib
from xray_tfds import parallel

# Options of `make_train_dataset` that change none of its batches, or which.
_NOT_OF_BATCHES = frozenset(
    {"epoch", "memory_budget_bytes", "num_parallel_calls"}
)

# Epochs whose draws are kept: the present one, and those of passes over the
# dataset that have begun.
_EPOCHS_KEPT = 4

# Values of a batch that one core is to have at least, about a millisecond.
_VALUES_PER_CORE = 2**19


class _Draws(NamedTuple):
    """All that is random in an epoch.

    Attributes:
        order: int64 `[num_examples]`, numbers of examples.
        batches: int64 `[steps, batch]`, those of each batch, padded.
        rows: int64 `[steps, batch]`, their rows of `params`.
        real: bool `[steps, batch]`, False for padding.
        params: Parameters by name, tensors `[num_examples, ...]`.
    """

    order: npt.NDArray[np.int64]
    batches: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    real: npt.NDArray[np.bool_]
    params: dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, eq=False)
class EpochBatches:
    """The batches of `pipeline.make_train_dataset`, in any order.

    The graph of that dataset is made ready anew whenever a pass begins, .1 s
    each time. Here a batch is one call of a function that is ready.

    Attributes:
        split: The images.
        config: How they are augmented.
        targets: What batches hold beside them.
        batch_size: As for `make_train_dataset`, like all below.
        shuffle: Whether each epoch has a fresh order.
        seed: Decides, with the epoch, all that is random.
        remainder: What becomes of a last batch that is not full.
        sample_weight: Whether batches carry weights.
        sampling: How often each example is drawn.
        statistics: Where `config` needs other than its own.
        jit_compile: Whether XLA compiles the transforms.
    """

    split: data_source.DataSource
    config: pipeline.AugmentConfig
    targets: targets_lib.Targets
    batch_size: int
    shuffle: bool
    seed: int
    remainder: batching_lib.Remainder = "keep"
    sample_weight: bool = False
    sampling: example_order.Sampling = "natural"
    statistics: pipeline.Statistics | None = None
    jit_compile: bool = True

    def __post_init__(self) -> None:
        """Checks the options as `make_train_dataset` does."""
        function = self.config.preprocessing_function
        if function is not None:
            preprocessing.as_graph_function(function, self.image_shape)
        # Now, and not at the first batch.
        statistics_lib.select(
            self.config, self.statistics, tf.TensorShape(self.image_shape)
        )
        example_order.check_sampling(self.sampling, self.shuffle, self.split)
        if not self.batching.steps:  # Looked at, it checks two more.
            raise ValueError(
                "`remainder` must not be 'drop' where a batch has more "
                "examples than there are: an epoch would be empty. Received: "
                f"remainder='drop', batch_size={self.batch_size} of "
                f"{self.split.num_examples}"
            )

    @classmethod
    def of_dataset(
        cls,
        split: data_source.DataSource,
        config: pipeline.AugmentConfig,
        targets: targets_lib.Targets,
        options: Mapping[str, Any],
    ) -> EpochBatches:
        """Returns the batches of a dataset made with the given options."""
        names = {field.name for field in dataclasses.fields(cls)}
        known = {k: v for k, v in options.items() if k in names}
        return cls(split, config, targets, **known)

    @classmethod
    def unknown(cls, options: Mapping[str, Any]) -> list[str]:
        """Returns the options by which batches of a dataset would differ."""
        names = {field.name for field in dataclasses.fields(cls)}
        return sorted(options.keys() - names - _NOT_OF_BATCHES)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image in a batch, in the data format of `config`."""
        return plan.image_shape(self.split, self.config)

    @functools.cached_property
    def batching(self) -> batching_lib.Batching:
        """How an epoch is cut into batches."""
        return batching_lib.make_batching(
            self.split.num_examples, self.batch_size, self.remainder, None
        )

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Returns the numbers of the examples in the order of an epoch."""
        return self._draw(epoch).order.copy()

    @property
    def is_weighted(self) -> bool:
        """Whether batches say which of their examples are real."""
        return self.sample_weight or self.batching.has_padding

    def make(self, epoch: int, step: int, *, as_numpy: bool = True) -> Any:
        """Returns a batch.

        Args:
            epoch: From 0.
            step: Number of the batch in the epoch, from 0.
            as_numpy: Whether the images are an array, or a tensor. All else is
                arrays.
        """
        images, index, real = self._make_images(epoch, step)
        return self.targets.make_element(
            images.numpy() if as_numpy else images,
            index,
            real if self.is_weighted else None,
        )

    def _make_images(
        self, epoch: int, step: int
    ) -> tuple[tf.Tensor, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Returns images of a batch, numbers of examples, which are real."""
        draws = self._draw(epoch)
        index, real = draws.batches[step], draws.real[step]
        with tf.device("CPU:0"):
            source = tf.constant(index)
            if self.split.images is None:
                source, _ = self.split.fetch(source, ())
            images = self._augment(
                source, tf.constant(draws.rows[step]), draws.params
            )
            size = int(real.sum())
            if self.batching.has_partial and size < len(real):
                # The batch was computed whole: XLA compiles for every shape.
                images, index, real = images[:size], index[:size], real[:size]
        return images, index, real

    @functools.cached_property
    def _draw(self) -> Any:
        @tf.function(autograph=False)
        def draw(epoch: tf.Tensor) -> tuple[tf.Tensor, ...]:
            draws = plan.draw_epoch(
                self.split,
                self.config,
                plan.make_key(self.seed, epoch),
                shuffle=self.shuffle,
                sampling=self.sampling,
            )
            places, real = self.batching.positions(
                tf.constant(0, tf.int64),
                tf.constant(self.batching.steps, tf.int64),
            )
            index = tf.gather(draws.order, places)
            rows = tf.gather(draws.rows, places)
            return draws.order, index, rows, real, draws.params

        # Concrete: TensorFlow warns of the fifth flow as of one traced anew.
        with tf.device("CPU:0"):
            concrete = draw.get_concrete_function(tf.TensorSpec([], tf.int64))

        @functools.lru_cache(_EPOCHS_KEPT)
        def draw_once(epoch: int) -> _Draws:
            with tf.device("CPU:0"):
                *numbers, params = concrete(tf.constant(epoch, tf.int64))
            order, index, rows, real = (number.numpy() for number in numbers)
            return _Draws(order, index, rows, real, params)

        return draw_once

    @functools.cached_property
    def _augment(self) -> Any:
        """From numbers or pixels of examples, rows and `params` to images.

        Concrete: to find what was traced would take as long as a small batch.
        """
        size = self.batching.batch_size
        numbers = tf.TensorSpec([size], tf.int64)
        pixels = tf.TensorSpec([size, *self.split.image_shape], tf.uint8)
        params = tf.nest.map_structure(
            lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype),
            self._draw(0).params,
        )

        @tf.function(autograph=False)
        def augment(
            source: tf.Tensor, rows: tf.Tensor, params: dict[str, tf.Tensor]
        ) -> tf.Tensor:
            params = {name: tf.gather(v, rows) for name, v in params.items()}
            if self.split.images is not None:
                source = tf.gather(self.split.images, source)
            return self._augment_in_parts(source, params)

        source = pixels if self.split.images is None else numbers
        # The flow has told of them when it was made.
        with statistics_lib.missing_ones_told():
            return augment.get_concrete_function(source, numbers, params)

    def _augment_in_parts(
        self, images: tf.Tensor, params: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        """Augments parts of a batch, which the graph runs side by side."""
        parts = _count_parts(*images.shape)
        features = {"image": images, "params": params}
        shares = tf.nest.map_structure(
            lambda tensor: tf.split(tensor, parts), features
        )
        augmented = [
            pipeline.augment_features(
                {
                    "image": shares["image"][part],
                    "params": {k: v[part] for k, v in shares["params"].items()},
                },
                self.config,
                self.statistics,
                jit_compile=self.jit_compile,
            )
            for part in range(parts)
        ]
        return tf.concat(augmented, axis=0)


def _count_parts(batch_size: int, *image_shape: int) -> int:
    """Returns into how many equal parts a batch is cut for the cores."""
    values = batch_size * int(np.prod(image_shape))
    most = max(1, min(parallel.num_cores(), values // _VALUES_PER_CORE))
    return max(n for n in range(1, most + 1) if batch_size % n == 0)
