"""Statistics of a data set, for featurewise normalisation and ZCA."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import functools
from typing import Any
from typing import TYPE_CHECKING
import warnings

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import data_source
from pipeline import detail
from pipeline import whitening

if TYPE_CHECKING:
    from pipeline import config as config_lib

_BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """What `ImageDataGenerator.fit` learns; None for what was not needed.

    Attributes:
        mean: `[1, 1, channels]`, or `[channels, 1, 1]` for channels first; in
            units after `rescale`.
        std: Likewise.
        zca_whitening_matrix: `[size, size]` for images of `size` values.
    """

    mean: npt.NDArray[np.float32] | None = None
    std: npt.NDArray[np.float32] | None = None
    zca_whitening_matrix: npt.NDArray[np.float64] | None = None

    @functools.cached_property
    def zca_factors(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Matrices to multiply by in turn, instead of by the ZCA matrix.

        Computed once, since it takes seconds; in float64.
        """
        if self.zca_whitening_matrix is None:
            return ()
        matrix = np.asarray(self.zca_whitening_matrix, np.float64)
        return whitening.factors(matrix)


class _Moments:
    """Running mean and scatter of rows of numbers, in float64.

    Batches are merged by Chan's formula, which loses no digits to a large mean.
    The scatter is that of each column, or of all pairs of columns.
    """

    def __init__(self, pairs: bool) -> None:
        self._pairs = pairs
        self.count = 0
        self.mean = np.zeros(())
        self.scatter = np.zeros(())

    def add(self, rows: npt.NDArray[np.float64]) -> None:
        """Merges float64 `[number, columns]`."""
        count = self.count + len(rows)
        mean = rows.mean(0)
        step = np.atleast_2d(mean - self.mean)
        step_weight = self.count * len(rows) / count
        self.scatter = (
            self.scatter
            + self._products(rows - mean)
            + self._products(step) * step_weight
        )
        self.mean = self.mean + step[0] * (len(rows) / count)
        self.count = count

    def _products(
        self, rows: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        products: npt.NDArray[np.float64]
        products = rows.T @ rows if self._pairs else np.square(rows).sum(0)
        return products


def fit_statistics(
    dataset: data_source.DataSource | tf.data.Dataset,
    config: config_lib.AugmentConfig,
) -> Statistics:
    """Computes mean, standard deviation and ZCA matrix in one pass.

    Equals `ImageDataGenerator.fit` without its `augment`: only `rescale` is
    applied first, and `local_contrast_normalization`, which Keras does not
    have. Memory does not grow with the number of images.

    Args:
        dataset: An opened split, or a dataset whose elements are, or begin
            with, a batch `[batch, height, width, channels]` of raw grey levels
            (channels first if `config` says so).
        config: Says which statistics are needed.

    Returns:
        `Statistics`, for `standardize` and the datasets.

    Raises:
        ValueError: If there is no image, or `config.zca_whitening` is on and an
            image has more than `whitening.MAX_SIZE` values.
    """
    channels_first = config.data_format == "channels_first"
    by_channel, by_value = _Moments(pairs=False), _Moments(pairs=True)
    for images in _image_batches(dataset, config):
        if channels_first:
            channels = np.moveaxis(images, 1, -1)
        else:
            channels = images
        by_channel.add(channels.reshape(-1, channels.shape[-1]))
        if config.zca_whitening:
            whitening.check_size(images.shape[1:])
            by_value.add(images.reshape(len(images), -1))
    if not by_channel.count:
        raise ValueError("`dataset` must have at least one image.")
    shape = (-1, 1, 1) if channels_first else (1, 1, -1)
    std = np.sqrt(by_channel.scatter / by_channel.count)
    mean: npt.NDArray[np.float32] = np.reshape(by_channel.mean, shape).astype(
        np.float32
    )
    return Statistics(
        mean=mean if config.featurewise_center else None,
        std=(
            np.reshape(std, shape).astype(np.float32)
            if config.featurewise_std_normalization
            else None
        ),
        zca_whitening_matrix=(
            _zca_matrix(by_value, mean, images.shape[1:], config.zca_epsilon)
            if config.zca_whitening
            else None
        ),
    )


def select(
    config: config_lib.AugmentConfig,
    statistics: Statistics | None,
    image_shape: tf.TensorShape,
) -> list[npt.NDArray[Any] | None]:
    """Returns mean, std and ZCA matrix; None for what is off or missing.

    A step whose statistic is missing is warned of, and skipped, as in Keras.

    Args:
        config: What is normalised.
        statistics: Those of the data set; None means those of `config`.
        image_shape: Of an image in a batch, as far as it is known.

    Raises:
        ValueError: If they are of other images.
    """
    wanted = (
        ("featurewise_center", "mean"),
        ("featurewise_std_normalization", "std"),
        ("zca_whitening", "zca_whitening_matrix"),
    )
    found = []
    statistics = statistics or config.statistics
    for flag, name in wanted:
        value = getattr(statistics, name, None)
        if getattr(config, flag) and value is None:
            warnings.warn(
                f"`{flag}` is on but `statistics` has no `{name}`: the step is "
                "skipped. Compute it with `pipeline.fit_statistics`.",
                stacklevel=4,
            )
        found.append(value if getattr(config, flag) else None)
    _check_fit(found, image_shape)
    return found


@contextlib.contextmanager
def missing_ones_told() -> Iterator[None]:
    """Leaves the warnings of `select` out: there were such already."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`\w+` is on but `statistics` has")
        yield


def _check_fit(
    found: Sequence[npt.NDArray[Any] | None], image_shape: tf.TensorShape
) -> None:
    """Raises ValueError where TensorFlow would widen an image, or fail."""
    *moments, matrix = found
    sizes = [np.shape(each) for each in moments if each is not None]
    for shape in sizes:
        try:
            widened = tf.broadcast_static_shape(
                tf.TensorShape(shape), image_shape
            )
        except ValueError:
            widened = tf.TensorShape([0])
        if not image_shape.is_compatible_with(widened):
            raise _misfit(shape, image_shape)
    size = image_shape.num_elements()
    if matrix is not None and size not in (None, len(matrix)):
        raise _misfit(np.shape(matrix), image_shape)


def _misfit(shape: tuple[int, ...], image_shape: tf.TensorShape) -> ValueError:
    return ValueError(
        "`statistics` must be fitted to images of the same shape. Received: "
        f"statistics of shape {shape}, images of shape {tuple(image_shape)}"
    )


def _image_batches(
    dataset: data_source.DataSource | tf.data.Dataset,
    config: config_lib.AugmentConfig,
) -> Iterator[npt.NDArray[np.float64]]:
    """Yields rescaled batches."""
    if isinstance(dataset, data_source.DataSource):
        dataset = data_source.image_batches(dataset, _BATCH_SIZE)
        if config.data_format == "channels_first":
            dataset = dataset.map(lambda x: tf.transpose(x, [0, 3, 1, 2]))
    for element in dataset:
        images = element[0] if isinstance(element, tuple) else element
        images = np.asarray(images, np.float32)
        if images.ndim != 4:
            raise ValueError(
                "`dataset` must yield batches of images, of rank 4. "
                f"Received: images.shape={images.shape}"
            )
        # Rounded to float32 as the images that it will normalise.
        images = images * np.float32(config.rescale or 1)
        if config.local_contrast_normalization:
            images = _normalize_contrast(images, config)
        yield images.astype(np.float64)


def _normalize_contrast(
    images: npt.NDArray[np.float32], config: config_lib.AugmentConfig
) -> npt.NDArray[np.float32]:
    axis = 1 if config.data_format == "channels_first" else -1
    normalized = detail.normalize(tf.constant(np.moveaxis(images, axis, -1)))
    return np.moveaxis(normalized.numpy(), -1, axis)


def _zca_matrix(
    moments: _Moments,
    mean: npt.NDArray[np.float32],
    image_shape: tuple[int, ...],
    epsilon: float,
) -> npt.NDArray[np.float64]:
    # Keras centres by the mean of each channel, not of each value.
    offset = moments.mean - np.broadcast_to(mean, image_shape).reshape(-1)
    gram = moments.scatter + moments.count * np.outer(offset, offset)
    return whitening.zca_matrix(gram, moments.count, epsilon)
