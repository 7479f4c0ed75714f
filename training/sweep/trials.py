"""One trial: a run of `train.py` in a directory of its own."""

import contextlib
import json
import math
import pathlib
import signal
import subprocess
import sys
import time

from training.workdir import atomic
from training.workdir import directory as directory_lib
from training.workdir import files

SCRIPT = pathlib.Path(__file__).parents[2] / "train.py"
LOG_FILE = "output.log"
_RESULT_FILE = "result.json"
_POLL_SECONDS = 0.5


class Interrupted(Exception):
    """The user has ended the sweep; the trial can be gone on with."""


def run(directory, flags, params, script=SCRIPT):
    """Trains; returns None, or why it failed.

    A trial that was interrupted goes on from its checkpoint; one whose process
    has outlived the sweep that started it is waited for.

    Args:
        directory: The trial's.
        flags: Options that all trials share.
        params: Dict of names to values, this trial's own.
        script: Which Python program to run.

    Raises:
        Interrupted: After Ctrl-C, or SIGTERM, when the trial has ended.
    """
    directory.mkdir(parents=True, exist_ok=True)
    while directory_lib.is_in_use(directory / "run"):
        time.sleep(_POLL_SECONDS)
    command = [
        sys.executable,
        str(script),
        *flags,
        *(f"--{name}={value}" for name, value in params.items()),
        f"--workdir={directory / 'run'}",
    ]
    with open(directory / LOG_FILE, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the sweep alone, which passes it on.
            start_new_session=True,
        )
        status = _wait(process)
    if status == 0:
        return None
    lines = (directory / LOG_FILE).read_text(encoding="utf-8").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"status {status}: {last.strip()}"


@contextlib.contextmanager
def stoppable():
    """Lets SIGTERM end a sweep as Ctrl-C does, in a block."""

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait(process):
    """Returns the exit status of a process, which is ended by Ctrl-C first."""
    interrupted = False
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            # Once to have it write a checkpoint, twice to end it at once.
            interrupted = True
            process.send_signal(signal.SIGINT)
    if interrupted:
        raise Interrupted
    return status


def write_result(directory, best, reason):
    """Writes the record of a trial's best epoch, or why it has none."""
    result = {"best": best, "reason": reason, "workdir": str(directory / "run")}
    atomic.write_json(directory / _RESULT_FILE, result)


def read_result(directory):
    """Returns what `write_result` wrote, as a dict; None before that."""
    path = directory / _RESULT_FILE
    return atomic.read_json(path) if path.exists() else None


def read_best(directory, metric):
    """Returns the record of a trial's best epoch.

    Args:
        directory: The trial's.
        metric: Such as "val_auc"; lower is better for losses.

    Returns:
        Dict of names to numbers, or None if the metric was never defined.
    """
    path = directory / "run" / files.METRICS_FILE
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    defined = [
        r for r in records if r[metric] is not None and math.isfinite(r[metric])
    ]
    choose = min if metric.endswith("loss") else max
    return choose(defined, key=lambda r: r[metric], default=None)
