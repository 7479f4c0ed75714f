"""The networks that there are, for whoever must not wait for Keras to load."""

import difflib

# Of `keras.applications`, in Keras 3.15.
APPLICATIONS = (
    *(f"ConvNeXt{size}" for size in "Tiny Small Base Large XLarge".split()),
    *(f"DenseNet{depth}" for depth in (121, 169, 201)),
    *(f"EfficientNetB{number}" for number in range(8)),
    *(f"EfficientNetV2{size}" for size in "B0 B1 B2 B3 S M L".split()),
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    *(f"ResNet{depth}" for depth in (50, 101, 152)),
    *(f"ResNet{depth}V2" for depth in (50, 101, 152)),
    "VGG16",
    "VGG19",
    "Xception",
)

# Trained from scratch: nobody published weights for them.
OWN = ("lesson", "residual", "residual_antialiased")

NETWORKS = (*OWN, "efficientnet_lite0", *APPLICATIONS)

# Pixels that leave one value after all layers. The lesson's shrink a side by
# 5 with stride 3, by 5, by 3 with stride 1, and by 2: (((2 + 2) * 5) - 1) * 3
# + 5. The others are Keras's own limits.
_SMALLEST_SIZE = {
    "lesson": 62,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "Xception": 71,
}
_SMALLEST_OF_OTHERS = 32


def check_name(name: str) -> str:
    """Returns the name; ValueError, with similar ones, if it is unknown."""
    if name in NETWORKS:
        return name
    lower = {known.lower(): known for known in NETWORKS}
    similar = difflib.get_close_matches(str(name).lower(), lower, n=3)
    meant = " or ".join(lower[match] for match in similar)
    hint = f"Did you mean {meant}? " if similar else ""
    raise ValueError(
        f"`model` must be {', '.join(OWN)}, efficientnet_lite0, or a "
        f"network of keras.applications, such as EfficientNetB0. {hint}"
        f"Received: model={name}"
    )


def smallest_size(name: str) -> int:
    """Returns how many pixels the sides of images must have at least."""
    return _SMALLEST_SIZE.get(name, _SMALLEST_OF_OTHERS)
