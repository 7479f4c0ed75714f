"""The datasets of a run, from its splits and its configuration."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port

import pipeline
from training.data import class_weights
from training.loop import epoch_metrics


class Inputs:
    """Makes the datasets of one run, all normalised alike.

    Attributes:
        splits: `training.data.splits.Splits`.
        augment: `pipeline.AugmentConfig`.
        statistics: `pipeline.Statistics` of the training images, where
            `augment` normalises by the data set; else None.
    """

    def __init__(self, config, splits):
        """Fits the statistics, if any are needed.

        Args:
            config: `training.config.TrainConfig`.
            splits: `training.data.splits.Splits`.
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
        """Returns what XLA should compile, fields of `StepOptions`."""
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        asked = self._config.jit_compile
        # XLA does not call oneDNN's convolutions, which train 1.5 to 2.6 times
        # as fast as its own. TensorFlow's others train at 60 % of XLA's speed.
        helps = on_gpu or not _has_onednn()
        # XLA refuses: "GPU MaxPool gradient ops do not yet have a deterministic
        # XLA implementation" (TensorFlow 2.21).
        can_train = not (on_gpu and self._config.deterministic)
        return {
            "compile_training": helps and can_train if asked is None else asked,
            "compile_evaluation": helps if asked is None else asked,
            # Launching the transforms one by one takes a GPU longer than doing
            # them. A CPU is slower for it: it computes twice what is fused.
            "compile_images": on_gpu and _is_continuous(self.augment),
        }

    def class_weights(self):
        """Returns what an example of each class counts in the training loss.

        Returns:
            float32 `[num_classes]`, or None where all count the same.
        """
        spec, counts = self._config.class_weight, None
        if spec == "balanced":
            counts = _label_counts(self.splits.train)
        return class_weights.resolve(spec, counts, self.splits.class_names)

    def train_progress(self):
        """Returns the `Progress` of a training pass that has not begun."""
        return epoch_metrics.Progress(
            self.splits.train.num_examples, self._config.batch_size
        )

    def validation_progress(self):
        """Likewise of a validation."""
        return epoch_metrics.Progress(
            self.splits.validation.num_examples, self._config.batch_size
        )

    def make_train_dataset(self, ctx=None, *, epoch=0, step=0):
        """Makes `(features, label, weight)` batches, shuffled.

        The features are augmented images, or what `train_images` makes them
        of. The dataset holds the epochs of the run, one after the other. It
        then begins again: a dataset that ends would have replicas agree on the
        end before each batch.

        Args:
            ctx: `tf.distribute.InputContext` of a strategy's worker.
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

    def train_filenames(self, epoch, step):
        """Returns the file names of a global batch of training images."""
        return pipeline.filenames_of_step(
            self.splits.train,
            self.splits.train.name,
            batch_size=self._config.batch_size,
            epoch=epoch,
            step=step,
            **self._order(),
        )

    def fingerprint(self):
        """Returns text that changes when an image or a label does."""
        splits = (self.splits.train, self.splits.validation)
        return " ".join(pipeline.fingerprint(split) for split in splits)

    def make_validation_dataset(self, ctx=None):
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
            num_epochs=1,
            **self._order(),
            **options,
        )
        images, labels, _ = next(iter(dataset))
        return images.numpy(), labels.numpy().argmax(axis=1)

    def _order(self):
        return {"seed": self._config.seed, "sampling": self._config.sampling}

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


def _has_onednn():
    """Whether TensorFlow's CPU kernels are oneDNN's, as on CPUs with AVX512.

    TensorFlow goes by the processor and TF_ENABLE_ONEDNN_OPTS, and has no
    public function that says what it chose.
    """
    return _pywrap_util_port.IsMklEnabled()


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


def _label_counts(split):
    """Returns how many examples each class has, int `[num_classes]`."""
    if isinstance(split, pipeline.Split):
        return np.bincount(split.labels, minlength=len(split.class_names))
    counts: Any = np.zeros(len(split.class_names), np.int64)
    for _, labels in pipeline.make_eval_dataset(
        split, split.name, label_mode="sparse"
    ):
        of_batch = labels.numpy().astype(np.int64)
        counts += np.bincount(of_batch, minlength=len(counts))
    return counts
