"""One run of a trial: a process of `train.py` in a directory of its own."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import pathlib
import subprocess
import sys
import time

import optuna

from training import children as children_lib
from training import errors
from training.workdir import directory as directory_lib

SCRIPT = pathlib.Path(__file__).parents[2] / "train.py"
LOG_FILE = "output.log"
_POLL_SECONDS = 0.5

# Exit statuses that say nothing against the options of a trial.
_NOT_ITS_OWN = (errors.StorageError.status, errors.WORKER_LOST_STATUS)


class Interrupted(Exception):
    """The user has stopped the sweep; the trial can be resumed."""


class Failed(Exception):
    """A run has no result; the text says why."""


class Ended(Exception):
    """Something else than its options ended a run, which can be resumed."""


def train(
    command: Sequence[str],
    workdir: pathlib.Path,
    children: children_lib.Children,
    is_hopeless: Callable[[], bool],
) -> None:
    """Trains in `workdir`, resuming what is there; output goes beside it.

    A process that has outlived the sweep that started it is waited for.

    Args:
        command: A Python program and its options, but `--workdir`.
        workdir: Of the run.
        children: Passes this process's signals on, and its end.
        is_hopeless: Called every half second; whether to end the run.

    Raises:
        Interrupted: After a signal, when the process has ended.
        TrialPruned: Likewise, if it was hopeless.
        Failed: If its exit status is not 0.
        Ended: Likewise, if a signal ended it, which is how a machine without
            memory does it, or its disk or another worker failed.
    """
    workdir.parent.mkdir(parents=True, exist_ok=True)
    while directory_lib.is_in_use(workdir) and not children.received:
        time.sleep(_POLL_SECONDS)
    if children.received:
        raise Interrupted
    log_file = workdir.parent / LOG_FILE
    with open(log_file, "a", encoding="utf-8") as log:
        process = children.start(
            [sys.executable, *command, f"--workdir={workdir}"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    is_pruned = False
    try:
        while process.poll() is None:
            if not is_pruned and is_hopeless():
                is_pruned = True
                # It writes a checkpoint first.
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
    finally:
        # Does nothing unless an error has ended the loop.
        process.terminate()
        process.wait()
    if children.received:
        raise Interrupted
    if is_pruned:
        raise optuna.TrialPruned("pruned: worse than the median")
    status = process.returncode
    if status < 0:
        status = 128 - status  # As a shell has it.
    if status:
        lines = log_file.read_text("utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        reason = f"failed, status {status}: {last.strip()}"
        if status > 128 or status in _NOT_ITS_OWN:
            raise Ended(f"{reason}\n  The same command resumes this trial.")
        raise Failed(reason)
