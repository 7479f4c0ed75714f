"""Sweeps with a small program in the place of train.py, for tests."""

import csv
import pathlib
import subprocess
import sys

from training.sweep import __main__ as sweep

ROOT = pathlib.Path(__file__).parents[2]

# Its AUC tells the options apart; its best epoch is the first.
PROGRAM = """
import json, os, pathlib, signal, sys
flags = dict(flag.lstrip("-").split("=") for flag in sys.argv[1:])
workdir = pathlib.Path(flags["workdir"])
workdir.mkdir(parents=True, exist_ok=True)
with open(workdir / "calls", "a") as file:
    file.write("x")
rate = float(flags.get("learning_rate", 0.1))
rate += int(flags.get("seed", 0)) / 100
if flags.get("optimizer") == "sgd":
    print("Trouble with sgd", file=sys.stderr)
    sys.exit(3)
if os.environ.get("KILL") and flags["workdir"].endswith("trial-002/run"):
    os.kill(os.getppid(), signal.SIGKILL)
    sys.exit(1)
records = [
    {"epoch": e, "val_auc": 1 - rate / e ** -1, "val_accuracy": .5,
     "val_loss": rate * e}
    for e in (1, 2)
]
(workdir / "metrics.jsonl").write_text("\\n".join(map(json.dumps, records)))
(workdir / "flags.flagfile").write_text(str(rate))
"""

# Trains until it is asked to stop, and writes a checkpoint then. It outlives a
# test that fails by a minute at most.
ENDLESS = """
import os, pathlib, signal, sys, time
workdir = pathlib.Path(sys.argv[-1].partition("=")[2])
workdir.mkdir(parents=True, exist_ok=True)
seen = []
for signum in (signal.SIGINT, signal.SIGTERM):
    signal.signal(signum, lambda signum, frame: seen.append(signum))
(workdir / "pid").write_text(str(os.getpid()))
deadline = time.monotonic() + 600
while not seen and time.monotonic() < deadline:
    time.sleep(.01)
(workdir / "checkpoint").write_text("x")
sys.exit(128 + seen[0] if seen else 0)
"""


def run(script, directory, *arguments):
    """Runs a sweep in this process; returns its exit status."""
    return sweep.main([f"--sweep_dir={directory}", *arguments], script)


def start(script, directory, *arguments, before=()):
    """Starts a sweep in a process of its own, behind the command `before`."""
    program = (
        "import pathlib, sys; from training.sweep import __main__ as sweep;"
        "sys.exit(sweep.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
    )
    flag = f"--sweep_dir={directory}"
    command = [sys.executable, "-c", program, str(script), flag, *arguments]
    return subprocess.Popen(
        [*before, *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_rows(directory):
    """Returns the rows of a sweep's `results.csv`, best first."""
    with open(directory / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def read_calls(directory):
    """Returns how often each trial's run was started, by the trial's name."""
    files = directory.glob("trial-*/run/calls")
    return {path.parts[-3]: len(path.read_text()) for path in files}
