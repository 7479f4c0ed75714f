"""The datasets of a run, from its splits and its configuration."""

import math

import tensorflow as tf

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
        self._on_device: dict[str, tf.Variable] = {}
        # Standardisation and whitening switch centring on.
        if self.augment.featurewise_center:
            self.statistics = pipeline.fit_statistics(
                _all_images(splits.train, self.augment), self.augment
            )

    def cache_on_device(self):
        """Copies the images to every device, if the configuration says so.

        Called in the scope of the strategy that trains.
        """
        if self._config.cache_on == "device":
            for split in (self.splits.train, self.splits.validation):
                self._on_device[split.name] = tf.Variable(
                    split.images, trainable=False
                )

    def train_images(self, features):
        """Returns the images of a training batch, on a replica.

        Args:
            features: What `make_train_dataset` yields first: images, or what
                they are to be made of.
        """
        return self._images(features, self.splits.train)

    def validation_images(self, features):
        """Likewise for validation."""
        return self._images(features, self.splits.validation)

    def _images(self, features, split):
        if self._config.augment_on == "host":
            return features
        return pipeline.augment_features(
            features,
            self.augment,
            self.statistics,
            images=self._on_device.get(split.name),
        )

    def compilation(self):
        """Returns what XLA should compile: arguments of `PassRunner`."""
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        return {
            # XLA refuses: "GPU MaxPool gradient ops do not yet have a
            # deterministic XLA implementation" (TensorFlow 2.21).
            "compile_training": not (on_gpu and self._config.deterministic),
            # Launching the transforms one by one takes a GPU longer than doing
            # them. A CPU is slower for it: it computes twice what is fused.
            "compile_images": on_gpu and _is_continuous(self.augment),
        }

    @property
    def train_steps(self):
        """Number of global batches in a pass over the training split."""
        return self._num_steps(self.splits.train)

    @property
    def validation_steps(self):
        """Number of global batches in a pass over the validation split."""
        return self._num_steps(self.splits.validation)

    def make_train_dataset(self, ctx=None):
        """Makes `(features, label, weight)` batches, shuffled.

        The features are augmented images, or what `train_images` makes them
        of. A pass over the dataset is all epochs of the run, one by one.

        Args:
            ctx: `tf.distribute.InputContext` of a strategy's worker.
        """
        return pipeline.make_train_dataset(
            self.splits.train,
            self.splits.train.name,
            self.augment,
            seed=self._config.seed,
            # Passes that are counted have a state, for whose sake TensorFlow's
            # deterministic operations make batches one by one, and none ahead.
            num_epochs=self._config.epochs,
            **self._places(),
            **self._common(ctx),
        )

    def make_validation_dataset(self, ctx=None):
        """Makes `(features, label, weight)` batches, each example once."""
        return pipeline.make_eval_dataset(
            self.splits.validation,
            self.splits.validation.name,
            self.augment,
            **self._places(),
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
            num_epochs=1,
            **options,
        )
        images, labels, _ = next(iter(dataset))
        return images.numpy(), labels.numpy().argmax(axis=1)

    def _places(self):
        return {
            "augment_on": self._config.augment_on,
            "cache_on": self._config.cache_on,
        }

    def _common(self, ctx):
        return {
            "batch_size": self._config.batch_size,
            "sample_weight": True,
            "statistics": self.statistics,
            "ctx": ctx,
        }

    def _num_steps(self, split):
        return math.ceil(split.num_examples / self._config.batch_size)


def _is_continuous(augment):
    """Whether a rounding of a coordinate can be no more than a rounding.

    Within a compiled step, XLA computes coordinates with fewer roundings than
    the host does. That must not decide about a pixel.
    """
    return (
        augment.fill_mode in ("nearest", "reflect")
        and augment.interpolation_order == 1
        and augment.brightness_range is None
        and augment.preprocessing_function is None
    )


def _all_images(split, augment):
    """Returns what `fit_statistics` takes: a split, or batches of images."""
    if isinstance(split, pipeline.Split):
        return split
    raw = pipeline.AugmentConfig(data_format=augment.data_format)
    return pipeline.make_eval_dataset(split, split.name, raw, label_mode=None)
