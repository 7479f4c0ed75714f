"""How far a pass over a dataset has come, so that it can be gone on with."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from evaluation import metrics


@dataclasses.dataclass
class Progress:
    """A pass under way: what it has summed up, and where it stands.

    Attributes:
        num_examples: Real examples in the whole pass.
        batch_size: Of its global batches.
        step: How many of these are done.
        totals: float64 `[3]`, sums over the examples so far: loss, correct
            predictions, their number.
        columns: Scores, label and weight of the examples so far, float32
            `[examples, num_classes + 2]`, in parts; on the device until needed.
        seconds: How long it took.
    """

    num_examples: int
    batch_size: int
    step: int = 0
    totals: tf.Tensor = dataclasses.field(
        default_factory=lambda: tf.zeros(3, tf.float64)
    )
    columns: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def num_steps(self):
        """Global batches in the whole pass."""
        return math.ceil(self.num_examples / self.batch_size)

    @property
    def examples_done(self):
        """How many examples the steps done had."""
        return min(self.step * self.batch_size, self.num_examples)

    @property
    def is_complete(self):
        """Whether all steps are done."""
        return self.step == self.num_steps

    def to_arrays(self):
        """Returns what is summed up as a dict of NumPy arrays."""
        if not self.step:
            return {}
        return {
            "pass/totals": self.totals.numpy(),
            "pass/scored": self._scored(),
        }

    def go_on_from(self, arrays, step, seconds):
        """Takes over what another progress of such a pass had come to.

        Args:
            arrays: As `to_arrays` returned them.
            step: How many steps that had done.
            seconds: How long they took.
        """
        if step:
            self.step, self.seconds = step, seconds
            self.totals = tf.constant(arrays["pass/totals"])
            self.columns = [tf.constant(arrays["pass/scored"])]

    def result(self):
        """Returns the `PassResult` of the steps so far."""
        loss, correct, weight = self.totals.numpy().tolist()
        scored = self._scored()
        labels = scored[:, -2].astype(np.int64)
        return PassResult(
            logs={
                "loss": loss / weight,
                "accuracy": correct / weight,
                "auc": metrics.auc(
                    labels, scored[:, :-2], sample_weight=scored[:, -1]
                ),
            },
            num_examples=round(weight),
            seconds=self.seconds,
            complete=self.is_complete,
        )

    def _scored(self):
        return np.concatenate([column.numpy() for column in self.columns])


@dataclasses.dataclass(frozen=True)
class PassResult:
    """The metrics of a pass over a dataset.

    Attributes:
        logs: `loss`, `accuracy` and `auc` over the examples seen, as floats.
        num_examples: How many examples those were.
        seconds: How long the pass took.
        complete: Whether it came to the end of the dataset.
    """

    logs: dict[str, float]
    num_examples: int
    seconds: float
    complete: bool
