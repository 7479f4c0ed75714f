"""Goes through the trials of a sweep, and remembers them."""

import optuna
from optuna.storages import journal

from training import workdir
from training.sweep import results
from training.sweep import space as space_lib
from training.sweep import trials

_SWEEP_FILE = "sweep.json"
_TRIALS_FILE = "trials.log"
_State = optuna.trial.TrialState


class Sweep:
    """A sweep in its directory, new or begun before."""

    def __init__(
        self,
        directory,
        *,
        tries,
        search="grid",
        num_trials=None,
        metric="val_auc",
        seed=0,
        flags=(),
        script=None,
    ):
        """Opens the directory.

        Args:
            directory: `pathlib.Path` of all files of the sweep.
            tries: What to try, as `space.parse` takes it.
            search: "grid" or "random".
            num_trials: Of a random search.
            metric: Of the validation, to choose by.
            seed: Of the search.
            flags: Options of all trials.
            script: Which Python program a trial runs; None for `train.py`.

        Raises:
            ValueError: If something is wrong with the options, or the directory
                holds another sweep.
        """
        self._space = space_lib.parse(tries)
        self._num_trials = _count(self._space, search, num_trials)
        self._directory = directory
        self._metric, self._seed = metric, seed
        self._flags, self._script = list(flags), script or trials.SCRIPT
        self._search = search
        self._remember(
            {
                "try": list(tries),
                "search": search,
                "metric": metric,
                "seed": seed,
                "flags": self._flags,
            }
        )
        backend = journal.JournalFileBackend(str(directory / _TRIALS_FILE))
        self._study = optuna.create_study(
            study_name="sweep",
            storage=journal.JournalStorage(backend),
            direction="minimize" if metric.endswith("loss") else "maximize",
            load_if_exists=True,
        )

    def run(self):
        """Runs all trials that are left; returns the exit status."""
        try:
            for trial in self._study.get_trials(states=[_State.RUNNING]):
                self._run_trial(trial.number, trial.params)
            while len(self._study.trials) < self._num_trials:
                trial = self._ask()
                self._run_trial(trial.number, trial.params)
        except trials.Interrupted:
            print("Interrupted: the same command goes on from here.")
            return 130
        return self._finish()

    def _remember(self, sweep):
        """Writes what is swept, or compares it with what was."""
        path = self._directory / _SWEEP_FILE
        if not path.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            workdir.write_json(path, sweep)
            return
        before = workdir.read_json(path)
        changes = [
            f"\n    {name}: {before[name]} -> {sweep[name]}"
            for name in sweep
            if before[name] != sweep[name]
        ]
        if changes:
            raise ValueError(
                f"`--sweep_dir` holds another sweep:{''.join(changes)}\n"
                f"Name another directory. Received: {self._directory}"
            )

    def _ask(self):
        """Returns the next trial, a function of the seed and its number."""
        number = len(self._study.trials)
        if self._search == "grid":
            # Optuna's own sampler of grids stops the study when it is told of
            # the last trial, which it may not outside of `optimize`.
            params = space_lib.combination(self._space, number)
            self._study.enqueue_trial(params)
        else:
            self._study.sampler = optuna.samplers.RandomSampler(
                # Other seeds draw other trials, not the same from another on.
                1_000_003 * self._seed + number
            )
        return self._study.ask(self._space)

    def _run_trial(self, number, params):
        directory = self._trial_directory(number)
        print(
            f"Trial {number + 1}/{self._num_trials}: "
            f"{results.describe(params)}",
            flush=True,
        )
        reason = trials.run(directory, self._flags, params, self._script)
        best = None
        if reason is None:
            best = trials.read_best(directory, self._metric)
            reason = None if best else f"{self._metric} was never defined"
        self._tell(number, best, reason, directory)

    def _trial_directory(self, number):
        return self._directory / f"trial-{number + 1:03d}"

    def _tell(self, number, best, reason, directory):
        trials.write_result(directory, best, reason)
        if best is None:
            self._study.tell(number, state=_State.FAIL)
            print(f"  failed, {reason}", flush=True)
        else:
            self._study.tell(number, best[self._metric])
            print(
                f"  {self._metric} {best[self._metric]:.4f} in epoch "
                f"{best['epoch']}",
                flush=True,
            )

    def _finish(self):
        found = [
            (trial, trials.read_result(self._trial_directory(trial.number)))
            for trial in self._study.trials
        ]
        rows = results.collect(found, self._metric)
        failed = {
            trial.number + 1: result["reason"]
            for trial, result in found
            if result["reason"]
        }
        if rows:
            results.write(rows, self._directory)
            print()
            results.print_table(rows)
            print(f"\nThis and the best trial's options: {self._directory}")
        results.print_failures(failed)
        return 1 if failed else 0


def _count(space, search, num_trials):
    """Returns how many trials a sweep has."""
    if search == "grid":
        if not space_lib.is_grid(space):
            raise ValueError(
                "A range needs `--search=random`; a grid takes choices, such "
                "as learning_rate=0.001,0.01."
            )
        if num_trials is not None:
            raise ValueError(
                "`--num_trials` must be left out of a grid, which has "
                f"{space_lib.size(space)}. Received: num_trials={num_trials}"
            )
        return space_lib.size(space)
    if num_trials is None or num_trials < 1:
        raise ValueError(
            "`--num_trials` must be at least 1 for a random search. "
            f"Received: num_trials={num_trials}"
        )
    return num_trials
