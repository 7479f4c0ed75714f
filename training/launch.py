"""Starts several workers of `train.py` on this machine, and ends them together.

    python -m training.launch --num_workers=2 -- --images_dir=DIR --epochs=5

What stands behind `--` are the options of `train.py`. Lines of worker N begin
with [N]. When one worker fails, the others are ended; the exit status is that
of the first that failed. Where the GPUs can be shared out evenly, each worker
sees its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import contextlib
import glob
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import IO
from typing import TextIO

from training import children as children_lib
from training import command_line
from training import errors
from training.cluster import handshake

_SCRIPT = pathlib.Path(__file__).parents[1] / "train.py"
_POLL_SECONDS = 0.1

# A worker that was asked to end writes a checkpoint first.
_GRACE_SECONDS = 60


def main(
    arguments: Sequence[str] | None = None, script: pathlib.Path = _SCRIPT
) -> int:
    """Runs the workers; returns the exit status.

    Args:
        arguments: Of the command line; None for those of this process.
        script: Which Python program the workers run.
    """
    options = _parse(arguments)
    with children_lib.Children() as children:
        workers = _start(children, options.num_workers, options.flags, script)
        threads = [
            _forward(index, source, target)
            for index, process in enumerate(workers)
            for source, target in (
                (process.stdout, sys.stdout),
                (process.stderr, sys.stderr),
            )
        ]
        failed = _wait(children, workers)
        for thread in threads:
            thread.join()
    return 0 if failed is None else _status(workers[failed])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_line.make_parser("python -m training.launch", __doc__)
    parser.add_argument(
        "--num_workers", type=int, required=True, help="how many processes"
    )
    options = command_line.parse(parser, arguments)
    if options.num_workers < 1:
        parser.error(
            "--num_workers must be at least 1. Received: "
            f"num_workers={options.num_workers}"
        )
    command_line.refuse_flags(
        parser, options.flags, ("strategy", "workers", "worker_index")
    )
    return options


def _start(
    children: children_lib.Children,
    count: int,
    flags: Sequence[str],
    script: pathlib.Path,
) -> list[subprocess.Popen[bytes]]:
    """Starts the workers; returns their processes."""
    addresses = ",".join(f"localhost:{port}" for port in _free_ports(count))
    # Not on the command line, which all users of the machine can read.
    key = {handshake.KEY_VARIABLE: handshake.make_key()}
    return [
        children.start(
            [
                sys.executable,
                "-u",
                str(script),
                *flags,
                "--strategy=multi_worker",
                f"--workers={addresses}",
                f"--worker_index={index}",
            ],
            environ=os.environ | key | _visible_gpus(index, count),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for index in range(count)
    ]


def _free_ports(count: int) -> list[int]:
    """Returns ports that are free on all networks at this moment."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [probe.getsockname()[1] for probe in probes]


def _visible_gpus(index: int, count: int) -> dict[str, str]:
    """Returns the variable that shows a worker its share of the GPUs."""
    gpus = len(glob.glob("/dev/nvidia[0-9]*"))
    if "CUDA_VISIBLE_DEVICES" in os.environ or not gpus or gpus % count:
        return {}
    share = gpus // count
    own = range(index * share, (index + 1) * share)
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, own))}


def _forward(
    index: int, source: IO[bytes] | None, target: TextIO | None
) -> threading.Thread:
    """Copies lines with a prefix, each in one piece, in a thread."""
    assert source is not None

    def copy() -> None:
        for line in source:
            text = line.decode(errors="replace").rstrip("\n")
            _print(f"[{index}] {text}", target)

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _print(line: str, target: TextIO | None) -> None:
    """Writes a line where it can be written.

    Workers must be read from all the same, or they wait for ever: a reader
    that is gone (`| head`) or a full disk costs lines, and no training. By
    descriptor, for Python would try again, and fail, when the process ends.
    """
    if target is None:
        return
    data = f"{line}\n".encode(target.encoding, errors="replace")
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(target.fileno(), data) :]


def _wait(
    children: children_lib.Children, workers: list[subprocess.Popen[bytes]]
) -> int | None:
    """Waits for all, and ends them when one has failed or does not stop.

    Returns:
        The index of the worker that failed first, or None.
    """
    cause, deadline = None, None
    while any(process.poll() is None for process in workers):
        failed = _find_failed(workers)
        if cause is None and _is_cause(workers, failed):
            cause = failed
            _report(children, workers, failed)
            # Else they were told; again would be not to wait for them.
            for process in workers if not children.received else ():
                process.terminate()
        if deadline is None and (children.received or failed is not None):
            deadline = time.monotonic() + _GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            children.kill()
        time.sleep(_POLL_SECONDS)
    if cause is None:
        cause = _find_failed(workers)
        _report(children, workers, cause)
    return cause


def _find_failed(workers: list[subprocess.Popen[bytes]]) -> int | None:
    """Returns the index of a worker that has failed, or None."""
    ended = [i for i, process in enumerate(workers) if process.poll()]
    return min(ended, key=lambda i: not _is_cause(workers, i), default=None)


def _is_cause(
    workers: list[subprocess.Popen[bytes]], failed: int | None
) -> bool:
    """Whether a worker did not end because another one did."""
    if failed is None:
        return False
    return workers[failed].returncode != errors.WORKER_LOST_STATUS


def _status(process: subprocess.Popen[bytes]) -> int:
    """Returns an exit status as a shell has it."""
    code = process.returncode
    return code if code >= 0 else 128 - code


def _report(
    children: children_lib.Children,
    workers: list[subprocess.Popen[bytes]],
    failed: int | None,
) -> None:
    if failed is None or children.received:
        return
    status = _status(workers[failed])
    how = f"with status {status}"
    # Windows has statuses of its own that are as high.
    if (status - 128) in {known.value for known in signal.Signals}:
        how = f"by {signal.Signals(status - 128).name}"
    _print(
        f"Worker {failed} has ended {how}; the others are ended, too.",
        sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
