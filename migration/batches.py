"""Single batches, by epoch and step, without a dataset."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import tensorflow as tf

import pipeline
from pipeline import batching as batching_lib
from pipeline import example_order
from pipeline import labels as labels_lib
from pipeline import plan

# Options of `make_train_dataset` that change none of its batches, or which.
_NOT_OF_BATCHES = frozenset(
    {"epoch", "memory_budget_bytes", "num_parallel_calls"}
)


@dataclasses.dataclass(frozen=True, eq=False)
class EpochBatches:
    """The batches of `pipeline.make_train_dataset`, in any order.

    A dataset takes .1 s to begin an epoch, and goes through it in order. Here a
    batch is one call of a function.

    Attributes:
        split: Images in memory.
        config: How they are augmented.
        label_mode: As for `make_train_dataset`, like all below.
        batch_size: Images in a batch.
        shuffle: Whether each epoch has a fresh order.
        seed: Decides, with the epoch, all that is random.
        remainder: What becomes of a last batch that is not full.
        sample_weight: Whether batches carry weights.
        sampling: How often each example is drawn.
        statistics: Where `config` needs other than its own.
        jit_compile: Whether XLA compiles the transforms.
    """

    split: pipeline.Split
    config: pipeline.AugmentConfig
    label_mode: labels_lib.LabelMode
    batch_size: int
    shuffle: bool
    seed: int
    remainder: batching_lib.Remainder = "keep"
    sample_weight: bool = False
    sampling: example_order.Sampling = "natural"
    statistics: pipeline.Statistics | None = None
    jit_compile: bool = True

    @classmethod
    def of_dataset(
        cls,
        split: pipeline.Split,
        config: pipeline.AugmentConfig,
        options: Mapping[str, Any],
    ) -> EpochBatches:
        """Returns the batches of a dataset made with the given options."""
        names = {field.name for field in dataclasses.fields(cls)}
        known = {k: v for k, v in options.items() if k in names}
        return cls(split, config, **known)

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

    def draw(self, epoch: int) -> batching_lib.Draws:
        """Returns the order of an epoch and every example's transform."""
        return plan.draw_epoch(
            self.split,
            self.config,
            plan.make_key(self.seed, epoch),
            shuffle=self.shuffle,
            sampling=self.sampling,
        )

    def make(self, draws: batching_lib.Draws, step: int) -> Any:
        """Returns a batch of an epoch.

        Args:
            draws: What the epoch draws.
            step: Number of the batch, from 0.

        Returns:
            What the dataset yields, as NumPy arrays.
        """
        with tf.device("CPU:0"):
            batch = self._make(draws, tf.constant(step, tf.int64))
        return tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)

    @functools.cached_property
    def _make(self) -> Any:
        maker = labels_lib.ElementMaker(
            self.label_mode,
            num_classes=len(self.split.class_names),
            dtype=self.config.dtype,
            weighted=self.sample_weight or self.batching.has_padding,
            trim=self.batching.has_partial,
        )

        def make(draws: batching_lib.Draws, step: tf.Tensor) -> Any:
            positions, real = self.batching.positions(step, step + 1)
            index = tf.gather(draws.order, positions[0])
            rows = tf.gather(draws.rows, positions[0])
            images, labels = self.split.fetch(index, ())
            params = {k: tf.gather(v, rows) for k, v in draws.params.items()}
            images = pipeline.augment_features(
                {"image": images, "params": params},
                self.config,
                self.statistics,
                jit_compile=self.jit_compile,
            )
            return maker.make_element(images, labels, real[0])

        return tf.function(make, autograph=False)
