"""Sweeps over options of `train.py`, with one table at the end.

    python -m training.sweep --sweep_dir=runs/sweep \\
        --try learning_rate=0.001,0.01 --try optimizer=adam,sgd \\
        -- --images_dir=DIR --epochs=5

tries all combinations. `--search=random --num_trials=20` draws them, also from
ranges: `--try learning_rate=0.0001:0.01:log`; `--search=tpe` draws where
earlier trials were good. Values that hold commas themselves are separated by
semicolons: `--try 'zoom_range=0.8,1.2;0.9,1.1'`. Trials are compared by their
best epoch's `--metric` on the validation split, with `--seeds=3` by the mean of
three runs. The same command resumes a sweep that was interrupted. What stands
behind `--` are the options of all trials.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import pathlib
import sys

from console import streams
from console import warning_filters
from disk import paths
from training import command_line
from training import config as config_lib
from training import output


def main(
    arguments: Sequence[str] | None = None, script: pathlib.Path | None = None
) -> int:
    """Runs the sweep; returns the exit status.

    Args:
        arguments: Of the command line; None for those of this process.
        script: Which Python program a trial runs; None for `train.py`.
    """
    streams.escape_unencodable()
    warning_filters.keep_warnings()
    options = _parse(arguments)
    try:
        import optuna

        from training.sweep import study

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return study.run(options, script)
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        return _fail("Optuna is needed: pip install 'xray-tfds[sweep]'.")
    except (ValueError, OSError) as error:
        return _fail(error)
    except KeyboardInterrupt:
        # Before there is a trial, which would be told to end.
        return _fail("Interrupted.", status=130)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line.make_parser("python -m training.sweep", __doc__)
    add = parser.add_argument
    add("--sweep_dir", required=True, help="directory of the sweep's files")
    add(
        "--try",
        dest="tries",
        action="append",
        default=[],
        metavar="OPTION=VALUES",
        help="an option and what to try for it",
    )
    add("--search", choices=("grid", "random", "tpe"), default="grid")
    add("--num_trials", type=int, help="of a search that is no grid")
    add("--metric", choices=config_lib.METRICS, default="val_auc")
    add("--seed", type=int, default=0, help="of the search")
    add("--seeds", type=int, default=1, help="runs of each trial, to average")
    add(
        "--prune",
        action="store_true",
        help="end trials that are worse than the median at the same epoch",
    )
    options = command_line.parse(parser, arguments)
    tried = [text.partition("=")[0] for text in options.tries]
    command_line.refuse_flags(
        parser, options.flags, ("workdir", "resume", *tried)
    )
    _check_directory(parser, options)
    if options.seeds < 1 or not 0 <= options.seed < 2**32:
        parser.error(
            "--seeds must be at least 1, and --seed from 0 to 2**32 - 1. "
            f"Received: seeds={options.seeds}, seed={options.seed}"
        )
    if options.seeds > 1:
        given = options.flags + options.tries
        command_line.refuse_flags(parser, given, ("seed",))
    return options


def _check_directory(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> None:
    """Ends the program where a sweep would be written among the images."""
    if not options.sweep_dir:
        parser.error("--sweep_dir must be a path. Received: sweep_dir=")
    for flag, following in zip(options.flags, [*options.flags[1:], ""]):
        name = command_line.name_of(flag)
        _, equals, value = flag.partition("=")
        images = value if equals else following
        if name == "images_dir" and images:
            if paths.lies_within(options.sweep_dir, images):
                parser.error(
                    "--sweep_dir must be outside the folder of images, which "
                    "holds images alone. Received: "
                    f"sweep_dir={options.sweep_dir}"
                )


def _fail(error: Exception | str, status: int = 2) -> int:
    print(f"sweep: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    # Trials take hours; a reader that is gone (`| head`) ends none of them.
    with output.surviving():
        sys.exit(main())
