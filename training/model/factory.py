"""From a name to a network that is ready to be trained."""

from collections.abc import Iterator
import contextlib

import keras

from training import keras_settings
from training.config import networks
from training.model import applications
from training.model import lesson
from training.model import residual

_POLICIES = {
    "float32": "float32",
    "float16": "mixed_float16",
    "bfloat16": "mixed_bfloat16",
}


def build_model(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    rescale: float | None = None,
    precision: str = "float32",
) -> keras.Model:
    """Builds a network that ends in class probabilities.

    Args:
        name: One of `networks.NETWORKS`.
        input_shape: `(height, width, channels)` of the images.
        num_classes: Number of classes, at least 2.
        rescale: What pixels of 0 to 255 were multiplied by, None for 1: the
            networks of `keras.applications` scale them as they need.
        precision: "float32", or "float16" or "bfloat16" to compute in, with
            weights and probabilities in float32.

    Returns:
        A model from float32 `[batch, height, width, channels]` to
        float32 `[batch, num_classes]`, rows summing to 1.

    Raises:
        ValueError: If `name` or `precision` is unknown, `num_classes` below 2,
            or the images are too small for the network; or if settings of
            Keras would change it.
    """
    keras_settings.check()
    if num_classes < 2:
        raise ValueError(
            "`num_classes` must be at least 2. Received: "
            f"num_classes={num_classes}"
        )
    if precision not in _POLICIES:
        raise ValueError(
            f"`precision` must be one of {', '.join(_POLICIES)}. "
            f"Received: precision={precision}"
        )
    networks.check_name(name)
    check_input_shape(name, input_shape)
    with _policy(_POLICIES[precision]):
        if name == "lesson":
            return lesson.build(input_shape, num_classes)
        if name.startswith("residual"):
            return residual.build(
                input_shape,
                num_classes,
                antialiased=name == "residual_antialiased",
            )
        return applications.build(
            name, input_shape, num_classes, rescale or 1.0
        )


def check_input_shape(name: str, input_shape: tuple[int, int, int]) -> None:
    """Raises where images are too small for a network.

    Args:
        name: One of `networks.NETWORKS`.
        input_shape: `(height, width, channels)` of the images.

    Raises:
        ValueError: If a side is shorter than the network needs.
    """
    smallest = networks.smallest_size(name)
    if min(input_shape[:2]) < smallest:
        raise ValueError(
            f"The model `{name}` needs images of at least "
            f"{smallest}x{smallest} pixels. Prepare them with "
            f"--image_size={smallest},{smallest} (`image_size`) or more. "
            "Received: image_size="
            f"{input_shape[0]},{input_shape[1]}"
        )


def compile_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    label_smoothing: float = 0.0,
) -> None:
    """Attaches optimizer, loss and metrics, and creates their variables.

    Our loop trains without `fit`, but callbacks look for the optimizer in the
    model, and a compiled model can be evaluated once it is loaded again. AUC
    is left out on purpose: Keras's is binned, ours is computed from scores.
    """
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing
        ),
        metrics=["accuracy"],
    )
    # Variables cannot be created inside a `tf.function` that is traced twice.
    model.optimizer.build(model.trainable_variables)


@contextlib.contextmanager
def _policy(name: str) -> Iterator[None]:
    """Makes a policy that of all layers that are built in a block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
