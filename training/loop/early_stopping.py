"""Which epoch is the best so far, and whether more of them are worth it."""

import dataclasses
import math


@dataclasses.dataclass
class Selection:
    """Follows one metric of the validation.

    Attributes:
        monitor: Its name in the logs, such as "val_auc".
        patience: Epochs without a better one after which to stop; 0 for never.
        best: Its best value; None before the first.
        epoch: The epoch of that value, from 0.
        waited: Epochs since then.
    """

    monitor: str
    patience: int = 0
    best: float | None = None
    epoch: int | None = None
    waited: int = 0

    def update(self, epoch, logs):
        """Takes the logs of an epoch in; returns whether it is the best.

        A value that is not a number is never the best.
        """
        value = logs[self.monitor]
        sign = -1 if self.monitor.endswith("loss") else 1
        if math.isfinite(value) and (
            self.best is None or sign * value > sign * self.best
        ):
            self.best, self.epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def should_stop(self):
        """Whether the patience is at an end."""
        return 0 < self.patience <= self.waited

    def to_state(self):
        """Returns what a checkpoint keeps of it."""
        return {"best": self.best, "epoch": self.epoch, "waited": self.waited}

    def restore(self, state):
        """Takes over what `to_state` returned."""
        self.best, self.epoch = state["best"], state["epoch"]
        self.waited = state["waited"]
