"""What an example of each class counts in the training loss."""

import numpy as np

# As floats: others would be cast to float32 to be compared with them.
_LEAST = float(np.finfo(np.float32).tiny)
_MOST = float(np.finfo(np.float32).max)


def resolve(spec, counts, class_names):
    """Returns the weight of each class.

    Args:
        spec: "none"; "balanced", so that all classes count the same together,
            as scikit-learn's `compute_class_weight`: number of examples over
            number of classes over examples of the class; or a dictionary of
            class names, or labels as text, to positive numbers.
        counts: int `[num_classes]`, examples of each; only for "balanced".
        class_names: Names in the order of the labels.

    Returns:
        float32 `[num_classes]`, or None for "none".

    Raises:
        ValueError: If a class is missing, unknown, given twice or without
            examples, or a weight is not a positive number.
    """
    if spec == "none":
        return None
    if spec == "balanced":
        if not np.all(counts):
            raise ValueError(
                "`class_weight` must not be balanced where a class has no "
                f"examples. Received: counts={list(map(int, counts))} of "
                f"{', '.join(class_names)}"
            )
        weights = np.sum(counts) / (len(counts) * np.asarray(counts))
        return weights.astype(np.float32)
    return _of_dictionary(spec, class_names)


def _of_dictionary(spec, class_names):
    weights = {}
    for key, weight in spec.items():
        label = _label(key, class_names)
        if label in weights:
            raise ValueError(
                "`class_weight` must give each class one weight, and gives "
                f"{class_names[label]} two. Received: class_weight={spec}"
            )
        is_number = isinstance(weight, (int, float))
        is_number &= not isinstance(weight, bool)
        # Neither 1e-50 nor 1e50 is one in float32.
        if not is_number or not _LEAST <= weight <= _MOST:
            raise ValueError(
                "`class_weight` must have positive numbers. "
                f"Received: {key}={weight}"
            )
        weights[label] = weight
    missing = [n for k, n in enumerate(class_names) if k not in weights]
    if missing:
        raise ValueError(
            "`class_weight` must have a weight for each class. There is none "
            f"for {', '.join(missing)}. Received: class_weight={spec}"
        )
    return np.array([weights[k] for k in range(len(class_names))], np.float32)


def _label(key, class_names):
    """Returns the label that a name or a number as text stands for."""
    if key in class_names:
        return class_names.index(key)
    labels = [str(label) for label in range(len(class_names))]
    if str(key) in labels:
        return labels.index(str(key))
    raise ValueError(
        f"`class_weight` must be for the classes {', '.join(class_names)}. "
        f"Received: {key}"
    )
