"""How far a run has come: enough of it to resume it, to the bit."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import keras

from training import config as config_lib
from training.checkpoint import resume
from training.checkpoint import store
from training.checkpoint import variables
from training.loop import early_stopping as early_stopping_lib
from training.loop import epoch_metrics
from training.model import averaging
from training.workdir import metrics_file

if typing.TYPE_CHECKING:
    from training.data import inputs as inputs_lib


@dataclasses.dataclass
class TrainState:
    """How far a run has come.

    Attributes:
        epoch: The epoch under way, or the next, from 0.
        progress: Of its training pass.
        early_stopping: After the epochs before it.
        records: One dict for each epoch before it.
        identity: As of `resume.Start`.
    """

    epoch: int
    progress: epoch_metrics.Progress
    early_stopping: early_stopping_lib.EarlyStopping
    records: list[dict[str, Any]]
    identity: dict[str, Any]

    @property
    def step(self) -> int:
        """How many steps of the epoch are done."""
        return self.progress.step

    @property
    def global_step(self) -> int:
        """How many steps are done, of all epochs."""
        return self.epoch * self.progress.num_steps + self.step

    def to_checkpoint(
        self, model: keras.Model, averages: averaging.WeightAverages | None
    ) -> store.Checkpoint:
        """Returns this state together with all variables.

        Raises:
            NotFiniteError: If a weight is not finite.
        """
        arrays = variables.to_arrays(model, averages)
        state = {
            **self.identity,
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.progress.seconds,
            "selection": self.early_stopping.to_state(),
            "records": [metrics_file.plain_record(r) for r in self.records],
        }
        return store.Checkpoint(arrays | self.progress.to_arrays(), state)


def make_train_state(
    config: config_lib.TrainConfig,
    inputs: inputs_lib.Inputs,
    start: resume.Start,
) -> TrainState:
    """Returns the state in which a run starts."""
    early_stopping = early_stopping_lib.EarlyStopping(
        config.monitor, config.early_stopping_patience
    )
    state = TrainState(
        0, inputs.train_progress(), early_stopping, [], start.identity
    )
    if start.checkpoint is None:
        return state
    saved = start.checkpoint.state
    state.epoch, state.records = saved["epoch"], saved["records"]
    if not start.changed:
        state.progress.restore(
            start.checkpoint.arrays, saved["step"], saved["seconds"]
        )
    # With other settings the batches may be others, and what they had been
    # summed up to means nothing: the epoch begins anew.
    # Nor is what was best by another measure, or on other images.
    if not {"monitor", resume.DATA}.intersection(start.changed):
        early_stopping.restore(saved["selection"])
    else:
        state.records = [{**r, "compared": False} for r in state.records]
    return state
