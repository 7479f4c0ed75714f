"""The datasets of a run, from its splits and its configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

import pipeline
from pipeline import data_source
from training import config as config_lib
from training.data import class_weights
from training.data import splits as splits_lib
from training.loop import epoch_metrics


class Inputs:
    """Makes the datasets of one run, all normalised alike.

    Attributes:
        splits: What the run reads.
        augment: How images are made.
        statistics: Those of the training images, where `augment` normalises by
            the data set; else None.
    """

    def __init__(
        self, config: config_lib.TrainConfig, splits: splits_lib.Splits
    ) -> None:
        """Fits the statistics, if any are needed.

        Args:
            config: The run's options.
            splits: What the run reads.
        """
        self._config = config
        self.splits = splits
        self.augment = config.augment or pipeline.AugmentConfig()
        self.statistics: pipeline.Statistics | None = None
        # By identity: both splits of a program may have one name.
        self._on_device: dict[int, tf.Variable] = {}
        # Standardisation and whitening switch centring on.
        if self.augment.featurewise_center:
            with splits.naming_damage():
                self.statistics = pipeline.fit_statistics(
                    splits.train, self.augment
                )

    def cache_on_device(self) -> None:
        """Copies the images to every device, if the configuration says so.

        Called in the scope of the strategy that trains.

        Raises:
            ValueError: If they are not in memory, which they are copied from.
        """
        if self._config.cache_on == "device":
            for split in (self.splits.train, self.splits.validation):
                if split.images is None:
                    raise ValueError(
                        "`cache_on` must be host for images beyond the memory "
                        "budget: add --cache_on=host, or more GiB by "
                        "--memory_budget_gb. Received: cache_on=device, "
                        f"memory_budget_gb={self._config.memory_budget_gb}, "
                        f"too little for the split {split.name}"
                    )
                self._on_device[id(split)] = tf.Variable(
                    split.images, trainable=False
                )

    def train_images(self, features: Any) -> tf.Tensor:
        """Returns the images of a training batch, on a replica.

        Args:
            features: What `make_train_dataset` yields first: images, or what
                they are to be made of.
        """
        return self._images(features, self.splits.train)

    def validation_images(self, features: Any) -> tf.Tensor:
        """Likewise for validation."""
        return self._images(features, self.splits.validation)

    def _images(
        self, features: Any, split: data_source.DataSource
    ) -> tf.Tensor:
        if self._config.augment_on == "host":
            return features
        return pipeline.augment_features(
            features,
            self.augment,
            self.statistics,
            images=self._on_device.get(id(split)),
        )

    def class_weights(self) -> npt.NDArray[np.float32] | None:
        """Returns what an example of each class counts in the training loss.

        Returns:
            `[num_classes]`, or None where all count the same.
        """
        return class_weights.resolve(
            self._config.class_weight,
            self.splits.train.count_labels,
            self.splits.class_names,
        )

    def train_progress(self) -> epoch_metrics.Progress:
        """Returns the `Progress` of a training pass that has not begun."""
        return epoch_metrics.Progress(
            self.splits.train.num_examples, self._config.batch_size
        )

    def validation_progress(self) -> epoch_metrics.Progress:
        """Likewise of a validation."""
        return epoch_metrics.Progress(
            self.splits.validation.num_examples, self._config.batch_size
        )

    def make_train_dataset(
        self,
        ctx: tf.distribute.InputContext | None = None,
        *,
        epoch: int = 0,
        step: int = 0,
    ) -> tf.data.Dataset:
        """Makes `(features, label, weight)` batches, shuffled.

        The features are augmented images, or what `train_images` makes them
        of. The dataset holds the epochs of the run, one after the other. It
        then begins again: a dataset that ends would have replicas agree on the
        end before each batch.

        Args:
            ctx: The strategy's context on this worker.
            epoch: Which epoch comes first.
            step: Which of its global batches comes first.
        """
        ds = pipeline.make_train_dataset(
            self.splits.train,
            self.splits.train.name,
            self.augment,
            epoch=epoch,
            step=step,
            # Passes that are counted have a state, for whose sake TensorFlow's
            # deterministic operations make batches one by one, and none ahead.
            num_epochs=max(self._config.epochs - epoch, 1),
            **self._order(),
            **self._places(),
            **self._common(ctx),
        )
        return ds.repeat()

    def train_filenames(self, epoch: int, step: int) -> tuple[str, ...]:
        """Returns the file names of a global batch of training images."""
        return pipeline.filenames_of_step(
            self.splits.train,
            self.splits.train.name,
            batch_size=self._config.batch_size,
            epoch=epoch,
            step=step,
            **self._order(),
        )

    def fingerprint(self) -> str:
        """Returns text that changes when an image or a label does."""
        splits = (self.splits.train, self.splits.validation)
        return " ".join(pipeline.fingerprint(split) for split in splits)

    def make_validation_dataset(
        self, ctx: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Makes `(features, label, weight)` batches, each example once a pass.

        One pass follows the other, as in training.
        """
        ds = pipeline.make_eval_dataset(
            self.splits.validation,
            self.splits.validation.name,
            self.augment,
            **self._places(),
            **self._common(ctx),
        )
        return ds.repeat()

    def first_train_images(
        self, count: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Returns the first images of the first epoch, and their labels.

        Order and augmentation of an example depend on seed and epoch alone, so
        these are the very images that the network is shown first.

        Args:
            count: How many, at most.

        Returns:
            `[num_images, height, width, channels]` and `[num_images]`.
        """
        options = self._common(None)
        options["batch_size"] = min(count, self.splits.train.num_examples)
        dataset = pipeline.make_train_dataset(
            self.splits.train,
            self.splits.train.name,
            self.augment,
            num_epochs=1,
            **self._order(),
            **options,
        )
        images, labels, _ = next(iter(dataset))
        return images.numpy(), labels.numpy().argmax(axis=1)

    def _order(self) -> dict[str, Any]:
        return {"seed": self._config.seed, "sampling": self._config.sampling}

    def _places(self) -> dict[str, Any]:
        return {
            "augment_on": self._config.augment_on,
            "cache_on": self._config.cache_on,
        }

    def _common(self, ctx: tf.distribute.InputContext | None) -> dict[str, Any]:
        return {
            "batch_size": self._config.batch_size,
            "sample_weight": True,
            "statistics": self.statistics,
            "ctx": ctx,
        }
