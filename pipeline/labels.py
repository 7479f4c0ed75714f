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


def make_element(
    inputs,
    labels,
    real,
    *,
    label_mode,
    weighted,
    trim,
    num_classes,
    dtype,
):
    """Assembles what a dataset yields for one batch.

    Args:
        inputs: Images `[batch, height, width, channels]`, or a structure of
            tensors `[batch, ...]` that they are yet to be made of.
        labels: int64 `[batch]`.
        real: bool `[batch]`, False for examples that only fill the batch; they
            come last.
        label_mode: One of `LABEL_MODES`.
        weighted: Whether to yield weights: 1 for real examples, 0 for others.
        trim: Whether to drop those that are not real. The batch was computed
            whole even so: XLA compiles anew for every shape.
        num_classes: int.
        dtype: Name of the type of labels.

    Returns:
        `inputs` for mode None, else `(inputs, targets)` with targets one-hot
        `[batch, num_classes]` for "categorical", `[batch]` for "binary" and
        "sparse", the inputs for "input". Weights, float32 `[batch]`, come last.
    """
    if trim:
        size = tf.reduce_sum(tf.cast(real, tf.int32))
        inputs, labels, real = tf.nest.map_structure(
            lambda tensor: tensor[:size], (inputs, labels, real)
        )
    element = [inputs]
    if label_mode == "categorical":
        element.append(tf.one_hot(labels, num_classes, dtype=dtype))
    elif label_mode == "input":
        element.append(inputs)
    elif label_mode is not None:
        element.append(tf.cast(labels, dtype))
    if weighted:
        element.append(tf.cast(real, tf.float32))
    return tuple(element) if len(element) > 1 else inputs
