"""The metrics of an epoch, batch by batch, so that it can be resumed midway."""

from __future__ import annotations

import dataclasses
import importlib
import math
from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Totals(NamedTuple):
    """Sums over examples, float64 scalars.

    Attributes:
        loss: Of the losses.
        correct: How many were classified correctly.
        num_examples: How many there were, without padding.
    """

    loss: Any
    correct: Any
    num_examples: Any

    def plus(self, other: Totals) -> Totals:
        """Returns the sums over the examples of both."""
        return Totals(*(a + b for a, b in zip(self, other)))


class ScoredExamples(NamedTuple):
    """What a model made of examples.

    Attributes:
        scores: float32 `[examples, num_classes]`, probabilities.
        labels: int64 `[examples]`, class indices.
        weights: float32 `[examples]`, 0 for padding.
    """

    scores: Any
    labels: Any
    weights: Any

    def pack(self) -> tf.Tensor:
        """Returns float32 `[examples, num_classes + 2]`.

        One tensor, so that it is gathered from the replicas, and fetched from
        the device, at once.
        """
        labels = tf.cast(self.labels, tf.float32)
        columns = [self.scores, labels[:, None], self.weights[:, None]]
        return tf.concat(columns, axis=1)

    @classmethod
    def unpack(cls, packed: np.ndarray) -> ScoredExamples:
        """Returns the examples that were packed, as NumPy arrays."""
        return cls(
            scores=packed[:, :-2],
            labels=packed[:, -2].astype(np.int64),
            weights=packed[:, -1],
        )


# What a checkpoint calls them.
_TOTALS, _SCORED = "pass/totals", "pass/scored"


@dataclasses.dataclass
class Progress:
    """A pass under way: what it has summed up, and how far it has come.

    Attributes:
        num_examples: Real examples in the whole pass.
        batch_size: Of its global batches.
        step: How many of these are done.
        totals: Over the examples so far, on the device.
        scored: `ScoredExamples.pack` of the examples so far, in parts; on the
            device until needed.
        seconds: How long it took.
    """

    num_examples: int
    batch_size: int
    step: int = 0
    totals: Totals = dataclasses.field(
        default_factory=lambda: Totals(*tf.unstack(tf.zeros(3, tf.float64)))
    )
    scored: list[tf.Tensor] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def num_steps(self) -> int:
        """Global batches in the whole pass."""
        return math.ceil(self.num_examples / self.batch_size)

    @property
    def examples_done(self) -> int:
        """How many examples the steps done had."""
        return min(self.step * self.batch_size, self.num_examples)

    @property
    def is_complete(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.num_steps

    @property
    def is_finite(self) -> bool:
        """Whether the loss so far is finite; waits for the device."""
        return math.isfinite(self.totals.loss.numpy())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns what is summed up, by the names of a checkpoint."""
        if not self.step:
            return {}
        totals = np.array([total.numpy() for total in self.totals])
        return {_TOTALS: totals, _SCORED: self._packed()}

    def restore(
        self, arrays: dict[str, np.ndarray], step: int, seconds: float
    ) -> None:
        """Takes over what another such pass had come to.

        Args:
            arrays: Contain what `to_arrays` returned.
            step: How many steps that had done.
            seconds: How long they took.
        """
        if step:
            self.step, self.seconds = step, seconds
            self.totals = Totals(*map(tf.constant, arrays[_TOTALS]))
            self.scored = [tf.constant(arrays[_SCORED])]

    def result(self) -> PassResult:
        """Returns the metrics of the steps so far."""
        # Not before the first step, which it would keep waiting.
        metrics = importlib.import_module("evaluation.metrics")
        totals = Totals(*(total.numpy().item() for total in self.totals))
        examples = ScoredExamples.unpack(self._packed())
        auc = metrics.auc(
            examples.labels, examples.scores, sample_weight=examples.weights
        )
        return PassResult(
            logs={
                "loss": totals.loss / totals.num_examples,
                "accuracy": totals.correct / totals.num_examples,
                "auc": auc,
            },
            num_examples=round(totals.num_examples),
            seconds=self.seconds,
            is_complete=self.is_complete,
        )

    def _packed(self) -> np.ndarray:
        return np.concatenate([part.numpy() for part in self.scored])


@dataclasses.dataclass(frozen=True)
class PassResult:
    """The metrics of a pass over a dataset.

    Attributes:
        logs: `loss`, `accuracy` and `auc` over the examples seen.
        num_examples: How many examples those were.
        seconds: How long the pass took.
        is_complete: Whether it came to the end of the dataset.
    """

    logs: dict[str, float]
    num_examples: int
    seconds: float
    is_complete: bool
