"""A sweep in its directory: Optuna's study, and the trials that are left."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import contextlib
import functools
import math
import pathlib
import sqlite3
import statistics
from typing import Any

import optuna
from optuna.trial import TrialState
import sqlalchemy

from training import children as children_lib
from training.sweep import results
from training.sweep import space as space_lib
from training.sweep import trials
from training.workdir import directory as directory_lib
from training.workdir import metrics_file
from training.workdir import run_record

_STUDY_FILE = "study.db"
_STUDY_NAME = "sweep"

# What sweeps wrote before they had Optuna's storage.
_OLD_FILE = "sweep.json"

_STORAGE_ERRORS = (
    optuna.exceptions.OptunaError,
    sqlalchemy.exc.SQLAlchemyError,
    # Optuna's word for a file of a version that it does not know.
    RuntimeError,
)

# With others of these, it is another sweep.
_SETTINGS = ("tries", "search", "metric", "seed", "seeds", "prune", "flags")


def run(options: argparse.Namespace, script: pathlib.Path | None) -> int:
    """Runs all trials that are left; returns the exit status.

    Args:
        options: Of the command line, as `python -m training.sweep` parses it.
        script: Which Python program a trial runs; None for `train.py`.

    Raises:
        ValueError: If something is wrong with the options, or the directory
            holds another sweep.
    """
    space = space_lib.parse(options.tries)
    space_lib.check_flags(options.flags)
    num_trials = space_lib.count_trials(
        space, options.search, options.num_trials
    )
    directory = pathlib.Path(options.sweep_dir).expanduser()
    try:
        with contextlib.closing(_lock(directory)):
            sweep = _Sweep(options, space, directory, script or trials.SCRIPT)
            sweep.run(num_trials)
            return sweep.report()
    except trials.Interrupted:
        print("Interrupted: the same command resumes the sweep.")
        return 130
    except _STORAGE_ERRORS as error:
        raise ValueError(
            f"`--sweep_dir` has a {_STUDY_FILE} that Optuna cannot use: "
            f"{error} Received: sweep_dir={directory}"
        ) from error


class _Sweep:
    """A sweep, new or begun before, in a directory that is locked."""

    def __init__(
        self,
        options: argparse.Namespace,
        space: space_lib.Space,
        directory: pathlib.Path,
        script: pathlib.Path,
    ) -> None:
        self._options = options
        self._space = space
        self._directory = directory
        self._script = script
        self._storage = _open_storage(directory)
        is_loss = options.metric.endswith("loss")
        self._best = min if is_loss else max
        # The directory of a run whose images are those of the others.
        self._checked: pathlib.Path | None = None
        pruners = optuna.pruners
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=_STUDY_NAME,
            direction="minimize" if is_loss else "maximize",
            pruner=(
                pruners.MedianPruner if options.prune else pruners.NopPruner
            )(),
            load_if_exists=True,
        )
        self._check_settings()

    def _check_settings(self) -> None:
        """Stores what is swept, or compares it with what is stored."""
        settings = {name: getattr(self._options, name) for name in _SETTINGS}
        before = self._study.user_attrs.get("settings", settings)
        changes = [
            f"\n    {name}: {before[name]} -> {settings[name]}"
            for name in settings
            if before[name] != settings[name]
        ]
        if changes:
            raise ValueError(
                f"`--sweep_dir` holds another sweep:{''.join(changes)}\n"
                f"Name another directory. Received: sweep_dir={self._directory}"
            )
        self._study.set_user_attr("settings", settings)

    def run(self, num_trials: int) -> None:
        """Runs what is left of so many trials.

        Raises:
            Interrupted: After a signal.
        """
        with children_lib.Children() as self._children:
            for trial in self._unfinished(num_trials):
                params = {n: ask(trial) for n, ask in self._space.items()}
                text = ", ".join(f"{name}: {v}" for name, v in params.items())
                number = trial.number + 1
                print(f"Trial {number}/{num_trials}: {text}", flush=True)
                print(f"  {self._run_trial(trial, params)}", flush=True)

    def _unfinished(self, num_trials: int) -> Iterator[optuna.Trial]:
        """Yields the trial that was interrupted, if any, then new ones."""
        study, storage, options = self._study, self._storage, self._options
        study_id = storage.get_study_id_from_name(_STUDY_NAME)
        running = study.get_trials(states=(TrialState.RUNNING,))
        resumed = [trial.number for trial in running]
        for number in [*resumed, *range(len(study.trials), num_trials)]:
            study.sampler = space_lib.make_sampler(
                self._space, options.search, options.seed, number
            )
            if number not in resumed:
                yield study.ask()
                continue
            # A study itself has no way to take up a trial again.
            trial_id = storage.get_trial_id_from_study_id_trial_number(
                study_id, number
            )
            yield optuna.Trial(study, trial_id)

    def _run_trial(self, trial: optuna.Trial, params: dict[str, Any]) -> str:
        """Runs a trial with all seeds; returns what came of it, in words."""
        try:
            runs = [
                self._train(trial, params, seed)
                for seed in range(self._options.seeds)
            ]
        except trials.Ended as error:
            # It goes on as one that was interrupted.
            trial.set_user_attr("reason", str(error))
            return str(error)
        except (trials.Failed, optuna.TrialPruned) as error:
            is_failed = isinstance(error, trials.Failed)
            trial.set_user_attr("reason", str(error))
            state = TrialState.FAIL if is_failed else TrialState.PRUNED
            self._study.tell(trial, state=state)
            return str(error)
        metric = self._options.metric
        value = statistics.mean(run[metric] for run in runs)
        trial.set_user_attr("runs", runs)
        self._study.tell(trial, value)
        epochs = ", ".join(str(run["epoch"]) for run in runs)
        return f"{metric} {value:.4f} in epoch {epochs}"

    def _train(
        self, trial: optuna.Trial, params: dict[str, Any], seed: int
    ) -> dict[str, Any]:
        """Runs a trial with one seed; returns its best epoch's record."""
        command = [str(self._script), *self._options.flags]
        command += [f"--{name}={value}" for name, value in params.items()]
        if self._options.seeds > 1:
            command.append(f"--seed={seed}")
        workdir = self._workdir(trial.number, seed)
        is_hopeless = functools.partial(self._is_hopeless, trial, workdir)
        trials.train(command, workdir, self._children, is_hopeless)
        # Its last epochs are what others are compared with.
        is_hopeless()
        metric = self._options.metric
        records = metrics_file.read_metrics(workdir)
        defined = [record for record in records if record[metric] is not None]
        if not defined:
            raise trials.Failed(f"failed, {metric} was never defined")
        best: dict[str, Any] = self._best(defined, key=lambda r: r[metric])
        return best

    def _workdir(self, number: int, seed: int = 0) -> pathlib.Path:
        """Returns the directory of a run of the trial with a number."""
        name = f"seed-{seed}" if self._options.seeds > 1 else "run"
        return self._directory / f"trial-{number + 1:03d}" / name

    def _check_images(self, workdir: pathlib.Path) -> None:
        """Raises ValueError where a run has other images than those before."""
        # Once: the run replaces the file, which nobody may have open then on
        # Windows.
        run = None if workdir == self._checked else run_record.read(workdir)
        if run is None:
            return
        before = self._study.user_attrs.get("images")
        if before is None:
            self._study.set_user_attr("images", run["data"])
        elif run["data"] != before:
            raise ValueError(
                "The images, labels or splits are not those with which the "
                "sweep began: its trials could not be compared. Bring them "
                f"back and remove {workdir}, or begin a new sweep in another "
                f"directory. Received: sweep_dir={self._directory}"
            )
        self._checked = workdir

    def _is_hopeless(self, trial: optuna.Trial, workdir: pathlib.Path) -> bool:
        """Reports the epochs so far; whether more are not worth the time.

        Of several seeds, the first that comes to an epoch stands for all.

        Raises:
            ValueError: As `_check_images`.
        """
        self._check_images(workdir)
        known = self._study.trials[trial.number].intermediate_values
        for record in metrics_file.read_metrics(workdir):
            if record["epoch"] not in known:
                value = record[self._options.metric]
                value = math.nan if value is None else value
                trial.report(value, record["epoch"])
        return trial.should_prune()

    def report(self) -> int:
        """Writes and prints the results; returns the exit status."""
        metric = self._options.metric
        found = self._study.get_trials(states=(TrialState.COMPLETE,))
        workdirs = [self._workdir(trial.number) for trial in found]
        rows = results.collect(found, metric, workdirs)
        rows.sort(key=lambda row: row[metric], reverse=self._best is max)
        if rows:
            results.write(rows, self._directory)
            print()
            results.print_table(rows)
            print(f"\nThis and the best trial's options: {self._directory}")
        states = (TrialState.FAIL, TrialState.PRUNED, TrialState.RUNNING)
        ended = self._study.get_trials(states=states)
        for trial in ended:
            print(f"Trial {trial.number + 1} {trial.user_attrs['reason']}")
        return int(any(trial.state != TrialState.PRUNED for trial in ended))


def _lock(directory: pathlib.Path) -> directory_lib.RunDirectory:
    """Creates the directory; returns what keeps other sweeps out of it."""
    if (directory / _OLD_FILE).exists():
        raise ValueError(
            "`--sweep_dir` holds a sweep of an earlier version, which cannot "
            "be resumed. Name another directory. "
            f"Received: sweep_dir={directory}"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return directory_lib.RunDirectory(directory)
    except (OSError, ValueError) as error:
        raise ValueError(f"`--sweep_dir` cannot be used: {error}") from error


def _open_storage(directory: pathlib.Path) -> optuna.storages.RDBStorage:
    """Returns the storage of the study, in SQLite.

    A kill or a full disk leaves SQLite as it was before, and no lock. Optuna's
    journal files do not: their locks outlive a kill (30 s, with Optuna 4.0 for
    ever), half a line makes them unreadable
    (https://github.com/optuna/optuna/issues/5138), and their default lock needs
    a privilege on Windows (https://github.com/optuna/optuna/issues/4298).
    """
    path = directory / _STUDY_FILE
    return optuna.storages.RDBStorage(
        # Not as a URL, in which a ? in the path would end it.
        "sqlite://",
        engine_kwargs={"creator": functools.partial(sqlite3.connect, path)},
    )
