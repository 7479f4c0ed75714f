"""`train.py` in a process of its own, as a user starts it."""

import json
import os
import subprocess
import sys

from tests.helpers import processes


def command(*arguments):
    return [
        sys.executable,
        str(processes.ROOT / "train.py"),
        *map(str, arguments),
    ]


def train(*arguments, cwd=processes.ROOT, check=True, **variables):
    # As a user has it: the level that the tests set for themselves is theirs.
    environment = os.environ | variables
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment,
        check=check,
        capture_output=True,
        text=True,
        timeout=300,
    )


def read_metrics(workdir):
    timings = ("seconds", "images_per_second", "input_wait_share")
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k not in timings}
        for line in lines
    ]
