"""The networks, by name."""

import keras
from keras import layers

# What the lesson's layers do to a height or width, in order: (size of the
# window, stride), all without padding.
_LESSON_WINDOWS = ((5, 3), (5, 5), (3, 1), (2, 2))


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
    return _BUILDERS[name](tuple(input_shape), num_classes)


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
    """The lesson's small network: about 1,200 weights on 256x256 images."""
    smallest = _smallest_size(_LESSON_WINDOWS)
    if min(input_shape[:2]) < smallest:
        raise ValueError(
            f"The model `lesson` needs images of at least {smallest}x{smallest}"
            f" pixels. Received: {input_shape[0]}x{input_shape[1]}. Prepare "
            "the images with a larger `image_size`."
        )
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


def _smallest_size(windows):
    """Returns the least size that leaves one pixel after all `windows`."""
    size = 1
    for window, stride in reversed(windows):
        size = (size - 1) * stride + window
    return size


_BUILDERS = {"lesson": _build_lesson}
