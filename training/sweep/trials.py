"""One run of a trial: a process of `train.py` in a directory of its own."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

import optuna

from training.workdir import directory as directory_lib
from training.workdir import files

SCRIPT = pathlib.Path(__file__).parents[2] / "train.py"
LOG_FILE = "output.log"
_POLL_SECONDS = 0.5


class Interrupted(Exception):
    """The user has stopped the sweep; the trial can be resumed."""


class Failed(Exception):
    """A run has no result; the text says why."""


def train(
    command: Sequence[str],
    workdir: pathlib.Path,
    received: Sequence[int],
    is_hopeless: Callable[[], bool],
) -> None:
    """Trains in `workdir`, resuming what is there; output goes beside it.

    A process that has outlived the sweep that started it is waited for.

    Args:
        command: A Python program and its options, but `--workdir`.
        workdir: Of the run.
        received: As `note_signals` gives it.
        is_hopeless: Called every half second; whether to end the run.

    Raises:
        Interrupted: After a signal, when the process has ended.
        TrialPruned: Likewise, if it was hopeless.
        Failed: If its exit status is not 0.
    """
    workdir.parent.mkdir(parents=True, exist_ok=True)
    while directory_lib.is_in_use(workdir) and not received:
        time.sleep(_POLL_SECONDS)
    if received:
        raise Interrupted
    log_file = workdir.parent / LOG_FILE
    with open(log_file, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, *command, f"--workdir={workdir}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the sweep alone, which passes it on.
            start_new_session=True,
        )
    is_pruned = _wait(process, received, is_hopeless)
    if received:
        raise Interrupted
    if is_pruned:
        raise optuna.TrialPruned("pruned: worse than the median")
    if process.returncode:
        lines = log_file.read_text("utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        raise Failed(f"failed, status {process.returncode}: {last.strip()}")


def _wait(
    process: subprocess.Popen[bytes],
    received: Sequence[int],
    is_hopeless: Callable[[], bool],
) -> bool:
    """Waits for a process; returns whether it was ended as hopeless."""
    is_pruned, num_stops = False, 0
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
                return is_pruned
            is_pruned = is_pruned or is_hopeless()
            # Once to have it write a checkpoint, twice to end it at once.
            # Counted first: the next may come while this one is passed on.
            wanted = len(received) + is_pruned
            if wanted > num_stops:
                process.terminate()
            num_stops = wanted
    finally:
        # Does nothing unless an error has ended the loop.
        process.terminate()
        process.wait()


@contextlib.contextmanager
def note_signals() -> Iterator[list[int]]:
    """Gives a list that grows by each signal that would end this process.

    Those that are ignored stay so, as SIGHUP under `nohup`.
    """
    received: list[int] = []
    # Windows has no SIGHUP.
    names = {"SIGINT", "SIGTERM", "SIGHUP"} & set(dir(signal))
    previous = {
        signum: signal.signal(signum, lambda s, frame: received.append(s))
        for signum in (getattr(signal, name) for name in names)
        if signal.getsignal(signum) is not signal.SIG_IGN
    }
    try:
        yield received
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def read_records(workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the metrics of a run's epochs so far."""
    path = workdir / files.METRICS_FILE
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
