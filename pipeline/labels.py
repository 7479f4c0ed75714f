"""Labels as `flow_from_directory` gives them, for every `class_mode`."""

import tensorflow as tf

LABEL_MODES = ("categorical", "binary", "sparse", "input", None)


def check_label_mode(label_mode):
    """Raises ValueError unless `label_mode` is one of `LABEL_MODES`."""
    if label_mode not in LABEL_MODES:
        raise ValueError(
            f"`label_mode` must be one of {LABEL_MODES}. "
            f"Received: label_mode={label_mode!r}"
        )


def make_element(images, labels, weights, *, label_mode, num_classes, dtype):
    """Assembles what a dataset yields for one batch.

    Args:
        images: `[batch, height, width, channels]`, of type `dtype`.
        labels: int64 `[batch]`.
        weights: None, or float32 `[batch]`.
        label_mode: One of `LABEL_MODES`.
        num_classes: int.
        dtype: Name of the type of images and labels.

    Returns:
        `images` for mode None, else `(images, targets)` with targets one-hot
        `[batch, num_classes]` for "categorical", `[batch]` for "binary" and
        "sparse", the images for "input". Weights, if any, come last.
    """
    element = [images]
    if label_mode == "categorical":
        element.append(tf.one_hot(labels, num_classes, dtype=dtype))
    elif label_mode == "input":
        element.append(images)
    elif label_mode is not None:
        element.append(tf.cast(labels, dtype))
    if weights is not None:
        element.append(weights)
    return tuple(element) if len(element) > 1 else images
