"""What an example of each class counts in the training loss."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# As floats: others would be cast to float32 to be compared with them.
_LEAST = float(np.finfo(np.float32).tiny)
_MOST = float(np.finfo(np.float32).max)


def resolve(
    spec: str | Mapping[str, float],
    count_labels: Callable[[], npt.NDArray[np.int64]],
    class_names: Sequence[str],
) -> npt.NDArray[np.float32] | None:
    """Returns the weight of each class.

    Args:
        spec: "none"; "balanced", so that all classes count the same together,
            as scikit-learn's `compute_class_weight`: number of examples over
            number of classes over examples of the class; or a dictionary of
            class names, or labels as text, to positive numbers.
        count_labels: Returns how many examples each class has; called only for
            "balanced".
        class_names: Names in the order of the labels.

    Returns:
        `[num_classes]`, or None for "none".

    Raises:
        ValueError: If a class is missing, unknown, given twice or without
            examples, or a weight is not a positive number.
    """
    if not isinstance(spec, str):
        return _of_dictionary(spec, class_names)
    return None if spec == "none" else _balanced(count_labels(), class_names)


def _balanced(
    counts: npt.NDArray[np.int64], class_names: Sequence[str]
) -> npt.NDArray[np.float32]:
    if not np.all(counts):
        raise ValueError(
            "`class_weight` must not be balanced where a class has no "
            f"examples. Received: counts={list(map(int, counts))} of "
            f"{', '.join(class_names)}"
        )
    weights: npt.NDArray[np.float64] = counts.sum() / (len(counts) * counts)
    return weights.astype(np.float32)


def _of_dictionary(
    spec: Mapping[str, float], class_names: Sequence[str]
) -> npt.NDArray[np.float32]:
    weights: dict[int, float] = {}
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


def _label(key: str, class_names: Sequence[str]) -> int:
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
