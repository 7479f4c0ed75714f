"""What a run leaves in its directory, on the worker that writes."""

from training.checkpoint import policy
from training.checkpoint import resume
from training.workdir import artifacts
from training.workdir import console
from training.workdir import metrics_file


class RunFiles:
    """Writes the files of a run; on all workers but the chief, nothing.

    All of its methods raise `StorageError` where the disk is full or cannot be
    written to.
    """

    def __init__(self, config, inputs, directory):
        """Writes nothing yet.

        Args:
            config: `TrainConfig`.
            inputs: `inputs.Inputs`.
            directory: `directory.RunDirectory`; None where nothing is written.
        """
        self._config = config
        self._inputs = inputs
        self._directory = directory
        self._path = directory and directory.path

    def begin(self, records):
        """Writes what is known before the first step.

        Args:
            records: One dict for each epoch of the checkpoint: what a killed
                process wrote after that goes.
        """
        if self._path is None:
            return
        with policy.writing_to(self._path):
            if records:
                metrics_file.write_metrics(self._path, records)
            artifacts.save_statistics(self._inputs.statistics, self._path)

    def end_epoch(self, records):
        """Writes the metrics, and what is drawn after the first epoch."""
        if self._path is None:
            return
        with policy.writing_to(self._path):
            metrics_file.write_metrics(self._path, records)
            if len(records) == 1:
                # Only now: it would have kept the first step waiting.
                artifacts.save_contact_sheet(self._inputs, self._path)

    def print_epoch(self, record):
        """Prints the metrics of an epoch."""
        if self._path is not None:
            console.print_epoch(record, self._config.epochs)

    def save_model(self, model, name):
        """Writes a model as it is under a name of `workdir`."""
        if self._path is not None:
            with policy.writing_to(self._path):
                artifacts.save_model(model, self._path, name)

    def finish(self, position, *, validation=None, stopped_by=None):
        """Writes what is known after the last step, and prints a summary.

        Args:
            position: `state.Position` that the run has come to.
            validation: Logs of the model as it was saved, if they are not
                those of the last epoch.
            stopped_by: Name of the signal that ended the run, or None.
        """
        if self._path is None:
            return
        with policy.writing_to(self._path):
            artifacts.save_model_info(
                self._config,
                self._inputs,
                self._path,
                epochs=len(position.records),
                best_epoch=position.selection.epoch,
                stopped_by=stopped_by,
            )
            artifacts.save_curves(position.records, self._path)
            if stopped_by is None:
                end = {"finished": resume.end_of(self._config)}
                self._directory.write_run(self._directory.run | end)
        self.summarize(position, validation, stopped_by)

    def summarize(self, position, validation=None, stopped_by=None):
        """Prints the results, and where everything is."""
        if self._path is not None:
            console.print_summary(
                self._path,
                position.records,
                position.selection,
                validation=validation,
                stopped_by=stopped_by,
            )
