"""Programs in processes of their own, as a user starts them."""

import json
import os
import subprocess
import sys

from tests.helpers import processes


def run(*arguments, cwd=processes.ROOT, check=True, **variables):
    """Runs Python to its end; returns status and output.

    Args:
        *arguments: Of Python: a program of this repository, or "-c" and code;
            and what it is given.
        cwd: Directory to run in.
        check: Whether another status than 0 is an error.
        **variables: Of the environment, besides those of this process.
    """
    # As a user has it: the level that the tests set for themselves is theirs.
    environment = os.environ | variables
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        check=check,
        capture_output=True,
        text=True,
        timeout=300,
    )


def command(*arguments):
    program = processes.ROOT / "train.py"
    return [sys.executable, str(program), *map(str, arguments)]


def train(*arguments, **options):
    return run(processes.ROOT / "train.py", *arguments, **options)


def read_metrics(workdir):
    timings = ("seconds", "images_per_second", "input_wait_share")
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k not in timings}
        for line in lines
    ]
