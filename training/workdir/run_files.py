"""What a run leaves in its directory, on the worker that writes."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import typing
from typing import Any

import keras

from training import config as config_lib
from training.workdir import artifacts
from training.workdir import console
from training.workdir import directory as directory_lib
from training.workdir import files
from training.workdir import metrics_file
from training.workdir import run_record

if typing.TYPE_CHECKING:
    from training.checkpoint import state as state_lib
    from training.data import inputs as inputs_lib


class RunFiles:
    """Writes the files of a run; on all workers but the chief, nothing.

    Errors of the disk are reported by the loop, whoever's files they are.
    """

    def __init__(
        self,
        config: config_lib.TrainConfig,
        inputs: inputs_lib.Inputs,
        directory: directory_lib.RunDirectory | None,
    ) -> None:
        """Writes nothing yet.

        Args:
            config: Of the run.
            inputs: Of the run.
            directory: Of the run; None where nothing is written.
        """
        self._config = config
        self._inputs = inputs
        self._directory = directory

    def begin(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Writes what is known before the first step.

        Args:
            records: One dict for each epoch of the checkpoint: what a killed
                process wrote after that goes.
        """
        if self._directory is None:
            return
        path = self._directory.path
        if records:
            metrics_file.write_metrics(path, records)
        artifacts.save_statistics(self._inputs.statistics, path)

    def end_epoch(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Writes the metrics, and prints those of the last epoch.

        After the first epoch of a run also writes what is drawn then.

        Args:
            records: One dict for each epoch; the last one is not printed yet.
        """
        if self._directory is None:
            return
        path = self._directory.path
        metrics_file.write_metrics(path, records)
        is_drawn = (path / files.CONTACT_SHEET_FILE).exists()
        if len(records) == 1 or not is_drawn:
            # Only now: it would have kept the first step waiting.
            artifacts.save_contact_sheet(self._inputs, path)
        console.print_epoch(records[-1], self._config.epochs)

    def save_best(self, model: keras.Model, epoch: int) -> None:
        """Writes the model of the best epoch so far, from 1."""
        self._save_model(model, files.BEST_MODEL_FILE, epoch)

    def save_last(self, model: keras.Model, epoch: int) -> None:
        """Writes the model as it is after the last epoch."""
        self._save_model(model, files.MODEL_FILE, epoch)

    def _save_model(self, model: keras.Model, name: str, epoch: int) -> None:
        if self._directory is not None:
            artifacts.save_model(model, self._directory.path, name, epoch)

    def finish(
        self,
        state: state_lib.TrainState,
        *,
        validation: Mapping[str, float] | None = None,
        stopped_by: str | None = None,
    ) -> None:
        """Writes what is known after the last step, and prints a summary.

        Args:
            state: That the run has come to.
            validation: Logs of the model as it was saved, if they are not
                those of the last epoch.
            stopped_by: Name of the signal that ended the run, or None.
        """
        if self._directory is None:
            return
        path = self._directory.path
        artifacts.save_model_info(
            self._config,
            self._inputs,
            path,
            epochs=len(state.records),
            best_epoch=state.early_stopping.best_epoch,
            stopped_by=stopped_by,
        )
        artifacts.save_curves(state.records, path)
        if stopped_by is None:
            self._directory.update_run(run_record.ending(self._config))
        self.summarize(state, validation, stopped_by)

    def summarize(
        self,
        state: state_lib.TrainState,
        validation: Mapping[str, float] | None = None,
        stopped_by: str | None = None,
    ) -> None:
        """Prints the results, and where everything is."""
        if self._directory is not None:
            console.print_summary(
                self._directory.path,
                state.records,
                state.early_stopping,
                validation=validation,
                stopped_by=stopped_by,
            )
