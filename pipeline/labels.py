"""Labels as `flow_from_directory` gives them, for every `class_mode`."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Literal
from typing import get_args

import tensorflow as tf

LabelMode = Literal["categorical", "binary", "sparse", "input", None]
LABEL_MODES: tuple[LabelMode, ...] = get_args(LabelMode)


@dataclasses.dataclass(frozen=True)
class ElementMaker:
    """Assembles what a dataset yields for one batch.

    Attributes:
        label_mode: What the targets are.
        num_classes: Length of a one-hot label.
        dtype: Name of the type of labels.
        weighted: Whether to yield weights: 1 for real examples, 0 for others.
        trim: Whether to drop those that are not real. The batch was computed
            whole even so: XLA compiles anew for every shape.
    """

    label_mode: LabelMode
    num_classes: int
    dtype: str
    weighted: bool
    trim: bool

    def __post_init__(self) -> None:
        """Checks the mode."""
        if self.label_mode not in LABEL_MODES:
            raise ValueError(
                f"`label_mode` must be one of {LABEL_MODES}. "
                f"Received: label_mode={self.label_mode!r}"
            )

    def make_element(
        self, inputs: Any, labels: tf.Tensor, real: tf.Tensor
    ) -> Any:
        """Returns the element of a batch.

        Args:
            inputs: Images `[batch, height, width, channels]`, or a structure of
                tensors `[batch, ...]` that they are yet to be made of.
            labels: int64 `[batch]`.
            real: bool `[batch]`, False for examples that only fill the batch;
                they come last.

        Returns:
            `inputs` for mode None, else `(inputs, targets)` with targets
            one-hot `[batch, num_classes]` for "categorical", `[batch]` for
            "binary" and "sparse", the inputs for "input". Weights, float32
            `[batch]`, come last.
        """
        if self.trim:
            size = tf.reduce_sum(tf.cast(real, tf.int32))
            inputs, labels, real = tf.nest.map_structure(
                lambda tensor: tensor[:size], (inputs, labels, real)
            )
        element = [inputs]
        if self.label_mode == "categorical":
            element.append(
                tf.one_hot(labels, self.num_classes, dtype=self.dtype)
            )
        elif self.label_mode == "input":
            element.append(inputs)
        elif self.label_mode is not None:
            element.append(tf.cast(labels, self.dtype))
        if self.weighted:
            element.append(tf.cast(real, tf.float32))
        return tuple(element) if len(element) > 1 else inputs
