"""Where a run stands: enough of it to go on from, to the bit."""

import dataclasses

from training.checkpoint import resume
from training.checkpoint import store
from training.checkpoint import variables
from training.loop import early_stopping as early_stopping_lib
from training.loop import epoch_metrics as epoch_metrics_lib
from training.workdir import metrics_file


@dataclasses.dataclass
class Position:
    """How far a run has come.

    Attributes:
        epoch: The epoch under way, or the next, from 0.
        progress: `epoch_metrics.Progress` of its training pass.
        selection: `early_stopping.Selection` of the epochs before it.
        records: One dict for each epoch before it.
        identity: As of `resume.Start`.
    """

    epoch: int
    progress: epoch_metrics_lib.Progress
    selection: early_stopping_lib.Selection
    records: list
    identity: dict

    @property
    def step(self):
        """How many steps of the epoch are done."""
        return self.progress.step

    @property
    def global_step(self):
        """How many steps are done, of all epochs."""
        return self.epoch * self.progress.num_steps + self.step

    def to_checkpoint(self, model, averages):
        """Returns a `Checkpoint` of this position and of all variables.

        Raises:
            NotFiniteError: If a weight is not finite.
        """
        arrays = variables.take(model, averages) | self.progress.to_arrays()
        state = {
            **self.identity,
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.progress.seconds,
            "selection": self.selection.to_state(),
            "records": [metrics_file.plain_record(r) for r in self.records],
        }
        return store.Checkpoint(arrays, state)


def find_position(config, inputs, start):
    """Returns the `Position` in which a run starts.

    Args:
        config: `TrainConfig`.
        inputs: `inputs.Inputs`.
        start: `resume.Start`.
    """
    selection = early_stopping_lib.Selection(
        config.monitor, config.early_stopping_patience
    )
    position = Position(
        0, inputs.train_progress(), selection, [], start.identity
    )
    if start.checkpoint is None:
        return position
    state = start.checkpoint.state
    position.epoch, position.records = state["epoch"], state["records"]
    if not start.changed:
        position.progress.go_on_from(
            start.checkpoint.arrays, state["step"], state["seconds"]
        )
    # With other settings the batches may be others, and what they had been
    # summed up to means nothing: the epoch begins anew.
    # Nor is what was best by another measure, or on other images.
    if not {"monitor", resume.DATA}.intersection(start.changed):
        selection.restore(state["selection"])
    return position
