"""One trial: a run of `train.py` in a directory of its own."""

import json
import math
import pathlib
import signal
import subprocess
import sys

from training import workdir

SCRIPT = pathlib.Path(__file__).parents[2] / "train.py"
LOG_FILE = "output.log"
_RESULT_FILE = "result.json"


class Interrupted(Exception):
    """The user has ended the sweep; the trial can be gone on with."""


def run(directory, flags, params, script=SCRIPT):
    """Trains; returns None, or why it failed.

    A trial that was interrupted goes on from its checkpoint.

    Args:
        directory: The trial's.
        flags: Options that all trials share.
        params: Dict of names to values, this trial's own.
        script: Which Python program to run.

    Raises:
        Interrupted: After Ctrl-C, or SIGTERM, when the trial has ended.
    """
    directory.mkdir(parents=True, exist_ok=True)
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
        try:
            status = process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise Interrupted from None
    if status == 0:
        return None
    lines = (directory / LOG_FILE).read_text(encoding="utf-8").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"status {status}: {last.strip()}"


def write_result(directory, best, reason):
    """Writes the record of a trial's best epoch, or why it has none."""
    result = {"best": best, "reason": reason, "workdir": str(directory / "run")}
    workdir.write_json(directory / _RESULT_FILE, result)


def read_result(directory):
    """Returns what `write_result` wrote, as a dict."""
    return workdir.read_json(directory / _RESULT_FILE)


def read_best(directory, metric):
    """Returns the record of a trial's best epoch.

    Args:
        directory: The trial's.
        metric: Such as "val_auc"; lower is better for losses.

    Returns:
        Dict of names to numbers, or None if the metric was never defined.
    """
    path = directory / "run" / workdir.METRICS_FILE
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    defined = [
        r for r in records if r[metric] is not None and math.isfinite(r[metric])
    ]
    choose = min if metric.endswith("loss") else max
    return choose(defined, key=lambda r: r[metric], default=None)
