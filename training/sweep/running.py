"""Goes through the trials of a sweep, and remembers them."""

from training.sweep import results
from training.sweep import space as space_lib
from training.sweep import trials
from training.workdir import atomic

_SWEEP_FILE = "sweep.json"


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
        space = space_lib.parse(tries)
        space_lib.check_flags(flags)
        self._trials = space_lib.draw(space, search, num_trials, seed)
        self._directory = directory
        self._metric = metric
        self._flags, self._script = list(flags), script or trials.SCRIPT
        self._remember(
            {
                "try": list(tries),
                "search": search,
                "metric": metric,
                "seed": seed,
                "flags": self._flags,
            }
        )

    def run(self):
        """Runs all trials that are left; returns the exit status."""
        try:
            with trials.stoppable():
                for number, params in enumerate(self._trials, start=1):
                    self._run_trial(number, params)
        except trials.Interrupted:
            print("Interrupted: the same command goes on from here.")
            return 130
        return self._finish()

    def _remember(self, sweep):
        """Writes what is swept, or compares it with what was."""
        path = self._directory / _SWEEP_FILE
        if not path.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            atomic.write_json(path, sweep)
            return
        before = atomic.read_json(path)
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

    def _run_trial(self, number, params):
        """Runs a trial, unless it has a result already."""
        directory = self._trial_directory(number)
        if trials.read_result(directory) is not None:
            return
        print(
            f"Trial {number}/{len(self._trials)}: {results.describe(params)}",
            flush=True,
        )
        reason = trials.run(directory, self._flags, params, self._script)
        best = None
        if reason is None:
            best = trials.read_best(directory, self._metric)
            reason = None if best else f"{self._metric} was never defined"
        trials.write_result(directory, best, reason)
        if best is None:
            print(f"  failed, {reason}", flush=True)
        else:
            print(
                f"  {self._metric} {best[self._metric]:.4f} in epoch "
                f"{best['epoch']}",
                flush=True,
            )

    def _trial_directory(self, number):
        return self._directory / f"trial-{number:03d}"

    def _finish(self):
        found = {
            number: trials.read_result(self._trial_directory(number))
            for number in range(1, len(self._trials) + 1)
        }
        rows = results.collect(found, self._trials, self._metric)
        failed = {
            number: result["reason"]
            for number, result in found.items()
            if result["reason"]
        }
        if rows:
            results.write(rows, self._directory)
            print()
            results.print_table(rows)
            print(f"\nThis and the best trial's options: {self._directory}")
        results.print_failures(failed)
        return 1 if failed else 0
