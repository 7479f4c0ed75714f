"""The lesson's network."""

import keras
from keras import layers


def build(input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Builds the lesson's small network: 522 weights on 256x256 grey images."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(2, 5, strides=3, activation="relu"),
            layers.MaxPooling2D(5),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            # In float32, whatever the others compute in.
            layers.Dense(num_classes, activation="softmax", dtype="float32"),
        ],
        name="lesson",
    )
