"""The datasets of a run, from its splits and its configuration."""

import math

import pipeline


class Inputs:
    """Makes the datasets of one run, all normalised alike.

    Attributes:
        splits: `training.data.Splits`.
        augment: `pipeline.AugmentConfig`.
        statistics: `pipeline.Statistics` of the training images, where
            `augment` normalises by the data set; else None.
    """

    def __init__(self, config, splits):
        """Fits the statistics, if any are needed.

        Args:
            config: `training.config.TrainConfig`.
            splits: `training.data.Splits`.
        """
        self._config = config
        self.splits = splits
        self.augment = config.augment or pipeline.AugmentConfig()
        self.statistics = None
        # Standardisation and whitening switch centring on.
        if self.augment.featurewise_center:
            self.statistics = pipeline.fit_statistics(
                splits.train, self.augment
            )

    @property
    def train_steps(self):
        """Number of global batches in a pass over the training split."""
        return self._num_steps(self.splits.train)

    @property
    def validation_steps(self):
        """Number of global batches in a pass over the validation split."""
        return self._num_steps(self.splits.validation)

    def make_train_dataset(self, ctx=None):
        """Makes `(image, label, weight)` batches, augmented and shuffled.

        A pass over the dataset is an epoch, the next pass the next epoch.

        Args:
            ctx: `tf.distribute.InputContext` of a strategy's worker.
        """
        return pipeline.make_train_dataset(
            self.splits.train,
            self.splits.train.name,
            self.augment,
            seed=self._config.seed,
            **self._common(ctx),
        )

    def make_validation_dataset(self, ctx=None):
        """Makes `(image, label, weight)` batches, each example once."""
        return pipeline.make_eval_dataset(
            self.splits.validation,
            self.splits.validation.name,
            self.augment,
            **self._common(ctx),
        )

    def first_train_images(self, count):
        """Returns the first images of the first epoch, and their labels.

        Order and augmentation of an example depend on seed and epoch alone, so
        these are the very images that the network is shown first.

        Args:
            count: How many, at most.

        Returns:
            float32 `[num_images, height, width, channels]`, int
            `[num_images]`.
        """
        options = self._common(None)
        options["batch_size"] = min(count, self.splits.train.num_examples)
        dataset = pipeline.make_train_dataset(
            self.splits.train,
            self.splits.train.name,
            self.augment,
            seed=self._config.seed,
            **options,
        )
        images, labels, _ = next(iter(dataset))
        return images.numpy(), labels.numpy().argmax(axis=1)

    def _common(self, ctx):
        return {
            "batch_size": self._config.batch_size,
            "sample_weight": True,
            "statistics": self.statistics,
            "ctx": ctx,
        }

    def _num_steps(self, split):
        return math.ceil(split.num_examples / self._config.batch_size)
