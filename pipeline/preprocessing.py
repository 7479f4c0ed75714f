"""The user's `preprocessing_function`, tried on two images before it is used.

Keras calls it for each image, with a NumPy array. A graph calls it once, with a
symbol that stands for every image: functions of NumPy fail, and what Python
draws at random is drawn once for all images. So it is called as Keras calls it,
several times, and traced, and the results are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
import functools
import time
from typing import Any
import warnings

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import checks

# How often a function is called to see whether its results differ, and for how
# many seconds it goes on beyond the least. A function that changes every second
# image is missed once in 2**14 times at the least, in 2**62 at the most.
_MIN_CALLS, _MAX_CALLS = 14, 62
_SECONDS = 1.0

# Differences that count, as a share of the largest value. Repeated calls differ
# in the order of parallel sums, NumPy and TensorFlow in their approximations.
_REPEAT_TOLERANCE, _GRAPH_TOLERANCE = 1e-6, 1e-5

_UNKNOWN_SIZE = 64  # pixels; for images whose size a graph does not know

_SEED = (3, 14)  # any


def as_graph_function(
    function: Callable[..., Any], image_shape: Iterable[int | None]
) -> Callable[..., tf.Tensor]:
    """Returns what a graph calls in place of a user's function.

    A function that works on tensors becomes part of the graph. One of NumPy
    arrays is called outside of it, with a warning.

    Args:
        function: Of one float32 image, or of an image and its seed, int32
            `[2]`. It is called here, once for each shape of images.
        image_shape: Shape of one image; None for an unknown size.

    Returns:
        Function of the same arguments, as tensors. It returns float32 of the
        image's shape.

    Raises:
        ValueError: If the function draws at random, fails, or returns anything
            but numbers in the shape of the image.
    """
    sizes = tuple(size or _UNKNOWN_SIZE for size in image_shape)
    return _as_graph_function(_ById(function), sizes)


class _ById:
    """A callable as a key of a cache: it may not be hashable itself."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.function is self.function

    def __hash__(self) -> int:
        return id(self.function)


@functools.lru_cache(maxsize=64)
def _as_graph_function(
    key: _ById, image_shape: tuple[int, ...]
) -> Callable[..., tf.Tensor]:
    trial = _Trial(key.function, image_shape)
    # A dataset traces what it calls: this is not to become part of its graph.
    with tf.init_scope(), tf.device("CPU:0"):
        trial.call_eagerly()
        trial.check_repeats()
        traced = tf.function(trial.call)
        reason = trial.compare(traced)
    if not reason:
        return lambda *inputs: tf.cast(traced(*inputs), tf.float32)
    if not trial.takes_arrays:
        raise trial.error(f"must work in a graph. There it {reason}")
    warnings.warn(
        "`preprocessing_function` works on NumPy arrays but not in a graph. It "
        "is called outside of it, which is slow: Python takes one image at a "
        "time. Write it with TensorFlow's operations, such as "
        f"tf.clip_by_value for np.clip. {trial.received}",
        stacklevel=2,
    )
    return _call_numpy(trial)


class _Trial:
    """A user's function, called on two images.

    Attributes:
        call: The function, with the seed as its second argument if it has one.
        takes_arrays: Whether it works on NumPy arrays, as Keras calls it.
        results: Of the two images.
        received: The function, as errors name it.
    """

    def __init__(
        self, function: Callable[..., Any], image_shape: tuple[int, ...]
    ) -> None:
        self.call = _with_positional_seed(function)
        self.takes_arrays = True
        self.received = f"Received: preprocessing_function={function!r}"
        self.results: list[npt.NDArray[Any]] = []
        has_seed = checks.seed_parameter(function) is not None
        seed = [np.array(_SEED, np.int32)] if has_seed else []
        self._inputs = [[image, *seed] for image in _make_images(image_shape)]

    def error(self, text: str) -> ValueError:
        """Returns an error that names the argument and the function."""
        return ValueError(f"`preprocessing_function` {text}. {self.received}")

    def call_eagerly(self) -> None:
        """Sets `results` to what Keras would get, or fails."""
        try:
            self.results = self._run(self.call)
        except Exception as error:
            # A method of tensors alone, say. Keras has no use for it.
            self.takes_arrays = False
            try:
                self.results = self._run(self.call)
            except Exception:
                raise self.error(
                    "must work on one image, as an array or a tensor. It "
                    f"raised {_describe(error)}"
                ) from error
        for (image, *_), result in zip(self._inputs, self.results):
            self.check_result(result, image.shape)

    def check_result(
        self, result: npt.NDArray[Any], image_shape: tuple[int, ...]
    ) -> None:
        """Raises ValueError unless a result is an image like the argument."""
        if result.dtype.kind not in "biuf" or result.shape != image_shape:
            raise self.error(
                f"must return numbers of the shape of the image, {image_shape}."
                f" It returned {result.dtype} of shape {result.shape}"
            )

    def check_repeats(self) -> None:
        """Raises ValueError unless equal images give equal results."""
        end = time.monotonic() + _SECONDS
        for number in range(1, _MAX_CALLS // 2 + 1):
            if not _all_close(
                self._run(self.call), self.results, _REPEAT_TOLERANCE
            ):
                raise self.error(
                    "must give equal results for equal images, but it draws at "
                    "random, which a graph would do once for all images. Make "
                    "it a function of (image, seed) that draws by the seed "
                    "alone, as tf.image.stateless_random_flip_left_right or "
                    "np.random.default_rng(seed) do; or use a layer in the "
                    "model, such as keras.layers.RandomContrast"
                )
            if number >= _MIN_CALLS // 2 and time.monotonic() > end:
                return

    def compare(self, traced: Callable[..., Any]) -> str:
        """Returns what a traced function does wrong; empty if nothing."""
        try:
            results = self._run(traced, tf.constant)
        except Exception as error:
            return f"raises {_describe(error)}"
        if _all_close(results, self.results, _GRAPH_TOLERANCE):
            return ""
        return "returns other values"

    def _run(
        self,
        call: Callable[..., Any],
        convert: Callable[[Any], Any] | None = None,
    ) -> list[npt.NDArray[Any]]:
        """Calls a function on each image, which it may change in place."""
        convert = convert or (np.array if self.takes_arrays else tf.constant)
        return [
            np.asarray(call(*map(convert, inputs))) for inputs in self._inputs
        ]


def _with_positional_seed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a plain function, as AutoGraph needs it, of the same inputs."""
    parameter = checks.seed_parameter(function)
    if parameter is None:
        return lambda image: function(image)
    if parameter.kind is parameter.KEYWORD_ONLY:
        return lambda image, seed: function(image, **{parameter.name: seed})
    return lambda image, seed: function(image, seed)


def _make_images(shape: tuple[int, ...]) -> list[npt.NDArray[np.float32]]:
    """Returns two images of whole grey levels: noise, and a slope."""
    numbers: npt.NDArray[np.int64] = np.arange(np.prod(shape))
    # Knuth's multiplicative hash: The Art of Computer Programming 3, 6.4.
    noise = numbers * 2654435761 % 2**32 >> 24
    slope = numbers * 256 // len(numbers)
    return [
        levels.reshape(shape).astype("float32") for levels in (noise, slope)
    ]


def _all_close(
    actual: list[npt.NDArray[Any]],
    expected: list[npt.NDArray[Any]],
    tolerance: float,
) -> bool:
    return all(
        a.shape == e.shape
        and a.dtype.kind in "biuf"
        and np.allclose(
            a.astype(np.float64),
            e.astype(np.float64),
            rtol=0,
            atol=tolerance * np.max(np.abs(e), initial=0, where=np.isfinite(e)),
            equal_nan=True,
        )
        for a, e in zip(actual, expected)
    )


def _describe(error: Exception) -> str:
    """Returns the type and the last line of an error, which says most."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1].strip()}"


def _call_numpy(trial: _Trial) -> Callable[..., tf.Tensor]:
    """Returns a graph's function that calls one of NumPy arrays."""

    def run(*inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        # Copies: the arrays are the graph's own memory.
        result = np.asarray(trial.call(*map(np.array, inputs)))
        trial.check_result(result, inputs[0].shape)
        return result.astype(np.float32)

    def call(image: tf.Tensor, *seed: tf.Tensor) -> tf.Tensor:
        result = tf.numpy_function(
            run, [image, *seed], tf.float32, stateful=False
        )
        return tf.ensure_shape(result, image.shape)

    return call
