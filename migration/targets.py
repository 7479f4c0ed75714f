"""What a batch holds beside its images, as Keras's iterators give it."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import labels as labels_lib

ClassMode = Literal[
    "binary", "categorical", "input", "multi_output", "raw", "sparse", None
]

# Modes in which an example has a class, or several.
CLASS_MODES = ("binary", "categorical", "sparse")


@dataclasses.dataclass(frozen=True, eq=False)
class Targets:
    """Labels, weights and further inputs of all examples.

    Attributes:
        class_mode: What the labels are.
        dtype: Name of the type of labels made of classes.
        labels: Of each example, by `class_mode`: the index of its class, or for
            "categorical" the indices of its classes; for "raw" anything; for
            "multi_output" a list of arrays `[num_examples, ...]`. None for
            "input" and None.
        num_classes: Length of a label of "categorical".
        weights: `[num_examples]`, or None. Without labels they are not used, as
            in Keras.
        inputs: Arrays `[num_examples, ...]` that follow the images.
    """

    class_mode: ClassMode
    dtype: str
    labels: Any = None
    num_classes: int = 0
    weights: Any = None
    inputs: tuple[npt.NDArray[Any], ...] = ()

    def make_element(
        self,
        images: Any,
        index: npt.NDArray[np.int64],
        real: npt.NDArray[np.bool_] | None = None,
    ) -> Any:
        """Returns the batch of some examples.

        Args:
            images: Theirs, an array or a tensor `[batch, ...]`.
            index: Their numbers, `[batch]`.
            real: Which of them count, where batches are to say so.

        Returns:
            Inputs, `(inputs, labels)` or `(inputs, labels, weights)`. Several
            inputs, and labels of several outputs, are tuples where Keras has
            lists, on which its own `fit` fails since Keras 3; inputs alone are
            a list as there.
        """
        inputs = images
        if self.inputs:
            inputs = (images, *(array[index] for array in self.inputs))
        element = [inputs]
        weights = real if real is None else real.astype(np.float32)
        if self.class_mode is not None:
            element.append(self._make_labels(images, index))
            if self.weights is not None:
                weights = self.weights[index]
                weights = weights if real is None else weights * real
        if weights is not None:
            element.append(weights)
        if len(element) > 1:
            return tuple(element)
        return list(inputs) if self.inputs else inputs

    def _make_labels(self, images: Any, index: npt.NDArray[np.int64]) -> Any:
        if self.class_mode == "input":
            return np.copy(images) if isinstance(images, np.ndarray) else images
        if self.class_mode == "raw":
            return self.labels[index]
        if self.class_mode == "multi_output":
            return tuple(output[index] for output in self.labels)
        dtype = tf.as_dtype(self.dtype).as_numpy_dtype
        if self.class_mode != "categorical":
            return self.labels[index].astype(dtype)
        one_hot = np.zeros((len(index), self.num_classes), dtype)
        for row, number in zip(one_hot, index):
            row[self.labels[number]] = 1
        return one_hot

    def check_label_mode(self) -> labels_lib.LabelMode:
        """Returns the mode in which the pipeline itself makes the same batches.

        Raises:
            ValueError: If there is none: it knows one class for each example.
        """
        plain = self.weights is None and not self.inputs
        if plain and self.class_mode in (None, "input"):
            return self.class_mode
        if plain and isinstance(self.labels, np.ndarray):
            for mode in labels_lib.LABEL_MODES:
                if mode is not None and mode == self.class_mode:
                    return mode
        raise ValueError(
            "batches hold more than images and a class each: "
            f"class_mode={self.class_mode!r}"
        )
