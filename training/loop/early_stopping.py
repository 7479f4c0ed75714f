"""Which epoch is the best so far, and whether more of them are worth it."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import math
from typing import Any


@dataclasses.dataclass
class EarlyStopping:
    """Follows one metric of the validation.

    Attributes:
        monitor: Its name in the logs, such as "val_auc"; or "epoch", of which
            the last is the best.
        patience: Epochs without a better one after which to stop; 0 for never.
        best: Its best value; None before the first.
        best_epoch: The epoch of that value, from 0.
        wait: Epochs since then.
    """

    monitor: str
    patience: int = 0
    best: float | None = None
    best_epoch: int | None = None
    wait: int = 0

    def update(self, epoch: int, logs: Mapping[str, float]) -> bool:
        """Takes the logs of an epoch in; returns whether it is the best.

        A value that is not a number is never the best.
        """
        value = epoch if self.monitor == "epoch" else logs[self.monitor]
        sign = -1 if self.monitor.endswith("loss") else 1
        if math.isfinite(value) and (
            self.best is None or sign * value > sign * self.best
        ):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            return True
        self.wait += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Whether the patience is at an end."""
        return 0 < self.patience <= self.wait

    def to_state(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps of it."""
        return {
            "best": self.best,
            "epoch": self.best_epoch,
            "waited": self.wait,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `to_state` returned."""
        self.best, self.best_epoch = state["best"], state["epoch"]
        self.wait = state["waited"]
