"""The batches of all epochs, each a function of its epoch and step."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import functools
import itertools
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
from pipeline import input_pipeline
from pipeline import plan
from pipeline import preprocessing
from pipeline import xla
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
        params: Parameters by name, each `[num_examples, ...]`.
    """

    order: npt.NDArray[np.int64]
    batches: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    real: npt.NDArray[np.bool_]
    params: dict[str, npt.NDArray[Any]]


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
        example_order.check_sampling(self.sampling, self.shuffle, self.split)
        self.batching  # Checks two more.

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

    def make(self, epoch: int, step: int) -> Any:
        """Returns a batch, as NumPy arrays.

        Args:
            epoch: From 0.
            step: Number of the batch in the epoch, from 0.
        """
        images, index, real = self._make_images(epoch, step)
        return self.targets.make_element(images.numpy(), index, real)

    def make_dataset(
        self, epoch: int, num_parallel_calls: int = tf.data.AUTOTUNE
    ) -> tf.data.Dataset:
        """Returns a dataset of the same batches; each pass is the next epoch.

        Args:
            epoch: Number of the first epoch.
            num_parallel_calls: Batches computed at once.

        Raises:
            ValueError: If labels, weights or inputs are no tensors.
        """
        steps = self.batching.steps
        passes = itertools.count(epoch)
        spec = self._make_spec()

        def begin() -> npt.NDArray[np.int64]:
            return np.arange(steps) + steps * next(passes)

        def make(number: tf.Tensor) -> list[Any]:
            images, index, real = self._make_images(*divmod(int(number), steps))
            element = self.targets.make_element(images, index, real)
            return [tf.convert_to_tensor(x) for x in tf.nest.flatten(element)]

        def make_batch(number: tf.Tensor) -> Any:
            flat_spec = tf.nest.flatten(spec)
            tensors = tf.py_function(
                make, [number], [s.dtype for s in flat_spec]
            )
            for tensor, tensor_spec in zip(tensors, flat_spec):
                tensor.set_shape(tensor_spec.shape)
            return tf.nest.pack_sequence_as(spec, tensors)

        # As few and as small functions as may be: each is made ready anew for
        # every pass. So batches are numbered on from epoch to epoch.
        ds = tf.data.Dataset.range(1).map(
            lambda _: tf.ensure_shape(
                tf.numpy_function(begin, [], tf.int64), [steps]
            )
        )
        ds = ds.unbatch().map(
            xla.without_autograph(make_batch),
            num_parallel_calls=num_parallel_calls,
            deterministic=True,
        )
        ds = ds.apply(tf.data.experimental.assert_cardinality(steps))
        ds = ds.with_options(input_pipeline.make_options())
        return ds.prefetch(tf.data.AUTOTUNE)

    def _make_spec(self) -> Any:
        """Returns what elements of the dataset are."""
        size = None if self.batching.has_partial else self.batching.batch_size
        images = np.zeros((1, *self.image_shape), np.float32)
        real = np.ones(1, bool) if self._is_weighted else None
        first: npt.NDArray[np.int64] = np.zeros(1, np.int64)
        element = self.targets.make_element(
            tf.cast(images, self.config.dtype), first, real
        )

        def describe(array: Any) -> tf.TensorSpec:
            try:
                tensor = tf.convert_to_tensor(array)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    "Labels, weights and inputs must be numbers or texts, of "
                    "one shape for all examples, for a dataset. Received: "
                    f"{np.asarray(array, object)[0]!r} for the first"
                ) from error
            return tf.TensorSpec([size, *tensor.shape[1:]], tensor.dtype)

        if isinstance(element, list):
            # Inputs alone: of a pair, Keras would take the second for labels.
            element = (tuple(element),)
        return tf.nest.map_structure(describe, element)

    def _make_images(
        self, epoch: int, step: int
    ) -> tuple[tf.Tensor, npt.NDArray[np.int64], Any]:
        """Returns images of a batch, numbers of examples, which are real."""
        draws = self._draw(epoch)
        index, real = draws.batches[step], draws.real[step]
        with tf.device("CPU:0"):
            images, _ = self.split.fetch(tf.constant(index), ())
            params = {
                name: tf.constant(values[draws.rows[step]])
                for name, values in draws.params.items()
            }
            images = self._augment(images, params)
            size = int(real.sum())
            if self.batching.has_partial and size < len(real):
                # The batch was computed whole: XLA compiles for every shape.
                images, index, real = images[:size], index[:size], real[:size]
        return images, index, real if self._is_weighted else None

    @property
    def _is_weighted(self) -> bool:
        return self.sample_weight or self.batching.has_padding

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

        @functools.lru_cache(_EPOCHS_KEPT)
        def draw_once(epoch: int) -> _Draws:
            with tf.device("CPU:0"):
                drawn = draw(tf.constant(epoch, tf.int64))
            return _Draws(*tf.nest.map_structure(np.asarray, drawn))

        return draw_once

    @functools.cached_property
    def _augment(self) -> Any:
        def augment(images: tf.Tensor, params: dict[str, tf.Tensor]) -> Any:
            return pipeline.augment_features(
                {"image": images, "params": params},
                self.config,
                self.statistics,
                jit_compile=self.jit_compile,
            )

        def augment_in_parts(
            images: tf.Tensor, params: dict[str, tf.Tensor]
        ) -> tf.Tensor:
            parts = _count_parts(*images.shape)
            shares = tf.nest.map_structure(
                lambda tensor: tf.split(tensor, parts), (images, params)
            )
            # The executor of the graph runs them side by side.
            return tf.concat(
                [
                    augment(
                        shares[0][i], {k: v[i] for k, v in shares[1].items()}
                    )
                    for i in range(parts)
                ],
                axis=0,
            )

        return tf.function(augment_in_parts, autograph=False)


def _count_parts(batch_size: int, *image_shape: int) -> int:
    """Returns into how many equal parts a batch is cut for the cores."""
    values = batch_size * int(np.prod(image_shape))
    most = max(1, min(parallel.num_cores(), values // _VALUES_PER_CORE))
    return max(n for n in range(1, most + 1) if batch_size % n == 0)
