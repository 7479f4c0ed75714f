"""The networks, by name."""

import keras
from keras import layers


def build_model(name, input_shape, num_classes):
    """Builds a network that ends in class probabilities.

    Args:
        name: One of `training.config.MODELS`.
        input_shape: `(height, width, channels)` of the images.
        num_classes: Number of classes, at least 2.

    Returns:
        A `keras.Model` from float32 `[batch, height, width, channels]` to
        float32 `[batch, num_classes]`, rows summing to 1.

    Raises:
        ValueError: If `name` is unknown, `num_classes` below 2, or the images
            are too small for the network.
    """
    if num_classes < 2:
        raise ValueError(
            "`num_classes` must be at least 2. Received: "
            f"num_classes={num_classes}"
        )
    if name not in _BUILDERS:
        raise ValueError(
            f"`name` must be one of {', '.join(_BUILDERS)}. "
            f"Received: name={name}"
        )
    check_input_shape(name, input_shape)
    return _BUILDERS[name](tuple(input_shape), num_classes)


def check_input_shape(name, input_shape):
    """Raises where images are too small for a network.

    Args:
        name: One of `training.config.MODELS`.
        input_shape: `(height, width, channels)` of the images.

    Raises:
        ValueError: If a side is shorter than the network needs.
    """
    smallest = _SMALLEST_SIZE[name]
    if min(input_shape[:2]) < smallest:
        raise ValueError(
            f"The model `{name}` needs images of at least "
            f"{smallest}x{smallest} pixels. Prepare them with a larger "
            "`image_size`. Received: image_size="
            f"{input_shape[0]},{input_shape[1]}"
        )


def compile_model(model, learning_rate):
    """Attaches optimizer, loss and metrics, and creates their variables.

    Our loop trains without `fit`, but callbacks look for the optimizer in the
    model, and a compiled model can be evaluated once it is loaded again. AUC
    is left out on purpose: Keras's is binned, ours is computed from scores.
    """
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    # Variables cannot be created inside a `tf.function` that is traced twice.
    model.optimizer.build(model.trainable_variables)


def _build_lesson(input_shape, num_classes):
    """The lesson's small network: 522 weights on 256x256 grey images."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(2, 5, strides=3, activation="relu"),
            layers.MaxPooling2D(5),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(num_classes, activation="softmax"),
        ],
        name="lesson",
    )


_BUILDERS = {"lesson": _build_lesson}

# Pixels that leave one value after all layers. The lesson's shrink a side by
# 5 with stride 3, by 5, by 3 with stride 1, and by 2: (((2 + 2) * 5) - 1) * 3
# + 5.
_SMALLEST_SIZE = {"lesson": 62}
