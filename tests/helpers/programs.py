"""Programs in processes of their own, as a user starts them."""

from importlib import metadata
import json
import re
import subprocess
import sys

from tests.helpers import processes
from tests.helpers import warm_python

_XLA_LINES = re.compile(
    r"^(?:WARNING: All log messages before absl|I0000 ).*\n", re.MULTILINE
)


def run(*arguments, cwd=processes.ROOT, check=True, fresh=False, **variables):
    """Runs Python to its end; returns status and output.

    Args:
        *arguments: Of Python: a program of this repository, or "-c" and code;
            and what it is given.
        cwd: Directory to run in.
        check: Whether another status than 0 is an error.
        fresh: Whether what the process loads, and says meanwhile, is asked
            about. Code and `variables` get a fresh one anyway, others a warm
            one, where there is one.
        **variables: Of the environment, besides those of this process.
    """
    python, environment = warm_python.find(
        "python", fresh or arguments[0] == "-c" or bool(variables)
    )
    return subprocess.run(
        [python, *map(str, arguments)],
        cwd=cwd,
        env=environment | variables,
        check=check,
        capture_output=True,
        text=True,
        timeout=1800,  # Of a hang: a busy machine takes ten times as long.
    )


def said(stderr):
    """Returns what a program said, without what XLA says at its start.

    Before TensorFlow 2.21 nothing of a program can keep it from these lines.
    """
    text = stderr.decode() if isinstance(stderr, bytes) else stderr
    if metadata.version("tensorflow").startswith(("2.18.", "2.19.", "2.20.")):
        return _XLA_LINES.sub("", text)
    return text


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
