"""Searches over options of `train.py`, with one table at the end.

    python -m training.sweep --sweep_dir=runs/sweep \\
        --try learning_rate=0.001,0.01 --try optimizer=adam,sgd \\
        -- --images_dir=DIR --epochs=5

tries all combinations. `--search=random --num_trials=20` draws them, also from
ranges: `--try learning_rate=0.0001:0.01:log`. Values that hold commas
themselves are parted by semicolons: `--try 'zoom_range=0.8,1.2;0.9,1.1'`. The
same command goes on with a sweep that was ended. Trials are compared by their
best epoch's `--metric` on the validation split. What stands behind `--` are the
options of all trials.
"""

import pathlib
import sys

from training import command_line
from training import config as config_lib


def main(arguments=None, script=None):
    """Runs the sweep; returns the exit status.

    Args:
        arguments: Of the command line; None for those of this process.
        script: Which Python program a trial runs; None for `train.py`.
    """
    options = _parse(arguments)
    try:
        import optuna
    except ModuleNotFoundError:
        return _fail("Optuna is needed: pip install --editable '.[sweep]'.")
    from training.sweep import running

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directory = pathlib.Path(options.sweep_dir)
    try:
        sweep = running.Sweep(
            directory,
            tries=options.tries,
            search=options.search,
            num_trials=options.num_trials,
            metric=options.metric,
            seed=options.seed,
            flags=options.flags,
            script=script,
        )
        return sweep.run()
    except ValueError as error:
        return _fail(error)


def _parse(arguments):
    parser = command_line.make_parser("python -m training.sweep", __doc__)
    parser.add_argument(
        "--sweep_dir", required=True, help="directory of all files of the sweep"
    )
    parser.add_argument(
        "--try",
        dest="tries",
        action="append",
        default=[],
        metavar="OPTION=VALUES",
        help="an option and what to try for it",
    )
    parser.add_argument(
        "--search", choices=("grid", "random"), default="grid"
    )
    parser.add_argument(
        "--num_trials", type=int, help="of a random search; a grid has its own"
    )
    parser.add_argument(
        "--metric", choices=config_lib.MONITORS, default="val_auc"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    options = command_line.parse(parser, arguments)
    command_line.refuse_flags(parser, options.flags, ("workdir", "resume"))
    return options


def _fail(error):
    print(f"sweep: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
