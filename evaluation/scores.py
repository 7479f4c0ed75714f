"""What a model says about examples, each under its key.

Everything in this package is computed from these arrays, and a table of them
lies beside every report, so that each figure can be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

import numpy as np
from numpy import typing as npt


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of examples, in the order of their keys.

    With two classes, class 1 is the positive one.

    Attributes:
        keys: str `[n]`, unique; the names of the files in the records.
        patients: str `[n]`; examples of one patient are not independent.
        labels: int64 `[n]`, class indices.
        probabilities: float64 `[n, num_classes]`, as the network gives them.
        class_names: In the order of the labels.
    """

    keys: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Checks that the arrays are of one set of examples."""
        num_examples, num_classes = self.probabilities.shape
        lengths = {
            name: len(getattr(self, name))
            for name in ("keys", "patients", "labels")
        }
        if set(lengths.values()) != {num_examples}:
            raise ValueError(
                "`keys`, `patients`, `labels` and `probabilities` must have "
                f"the same length. Received: {lengths}, "
                f"probabilities.shape={self.probabilities.shape}"
            )
        if num_classes != len(self.class_names) or num_classes < 2:
            raise ValueError(
                "`probabilities` must have a column for each of at least two "
                f"classes. Received: {num_classes} columns for "
                f"class_names={self.class_names}"
            )
        if len(np.unique(self.keys)) != num_examples:
            raise ValueError("`keys` must be unique.")
        bad = ~np.isfinite(self.probabilities).all(axis=1)
        if bad.any():
            raise ValueError(
                "`probabilities` must be finite. They are not for "
                f"{bad.sum()} examples, first {self.keys[bad][0]}: the model "
                "is damaged or did not converge."
            )

    @property
    def positive(self) -> npt.NDArray[np.float64]:
        """float64 `[n]`, the probability of class 1 of two."""
        return self.probabilities[:, 1]

    def take(self, chosen: npt.NDArray[np.bool_] | Sequence[int]) -> Scores:
        """Returns the scores of some examples.

        Args:
            chosen: bool `[n]`, or indices.
        """
        return dataclasses.replace(
            self,
            keys=self.keys[chosen],
            patients=self.patients[chosen],
            labels=self.labels[chosen],
            probabilities=self.probabilities[chosen],
        )
