"""Starts several workers of `train.py` on this machine, and ends them together.

    python -m training.launch --num_workers=2 -- --images_dir=DIR --epochs=5

What stands behind `--` are the options of `train.py`. Lines of worker N begin
with [N]. When one worker fails, the others are ended; the exit status is that
of the first that failed. Where the GPUs can be shared out evenly, each worker
sees its own.
"""

import glob
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from training import command_line

_SCRIPT = pathlib.Path(__file__).parents[1] / "train.py"
_POLL_SECONDS = 0.1

# A worker that was asked to end writes a checkpoint first.
_GRACE_SECONDS = 60


def main(arguments=None, script=_SCRIPT):
    """Runs the workers; returns the exit status.

    Args:
        arguments: Of the command line; None for those of this process.
        script: Which Python program the workers run.
    """
    options = _parse(arguments)
    workers = _start(options.num_workers, options.flags, script)
    threads = [
        _forward(index, source, target)
        for index, process in enumerate(workers)
        for source, target in (
            (process.stdout, sys.stdout),
            (process.stderr, sys.stderr),
        )
    ]
    failed = _wait(workers, _forward_signals(workers))
    for thread in threads:
        thread.join()
    return 0 if failed is None else _status(workers[failed])


def _parse(arguments):
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


def _start(count, flags, script):
    """Starts the workers; returns their processes."""
    addresses = ",".join(f"localhost:{port}" for port in _free_ports(count))
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-u",
                str(script),
                *flags,
                "--strategy=multi_worker",
                f"--workers={addresses}",
                f"--worker_index={index}",
            ],
            env=os.environ | _visible_gpus(index, count),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C reaches the launcher alone, which passes it on.
            start_new_session=True,
        )
        for index in range(count)
    ]


def _free_ports(count):
    """Returns ports that nobody listens at, at this moment."""
    listeners = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _visible_gpus(index, count):
    """Returns the variable that shows a worker its share of the GPUs."""
    gpus = len(glob.glob("/dev/nvidia[0-9]*"))
    if "CUDA_VISIBLE_DEVICES" in os.environ or not gpus or gpus % count:
        return {}
    share = gpus // count
    own = range(index * share, (index + 1) * share)
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, own))}


def _forward(index, source, target):
    """Copies lines with a prefix, each in one piece, in a thread."""

    def copy():
        for line in source:
            text = line.decode(errors="replace").rstrip("\n")
            target.write(f"[{index}] {text}\n")
            target.flush()

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _forward_signals(workers):
    """Passes SIGINT and SIGTERM on to all workers, once; returns a list."""
    received: list[int] = []

    def forward(signum, frame):
        del frame
        received.append(signum)
        for process in workers:
            if process.poll() is None:
                process.send_signal(signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, forward)
    return received


def _wait(workers, received):
    """Waits for all, and ends them when one has failed or does not stop.

    Returns:
        The index of the worker that failed first, or None.
    """
    failed, deadline = None, None
    while any(process.poll() is None for process in workers):
        if failed is None:
            failed = _find_failed(workers)
            if failed is not None and not received:
                _tell(workers, failed)
                _signal_all(workers, signal.SIGTERM)
        if deadline is None and (received or failed is not None):
            deadline = time.monotonic() + _GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            _signal_all(workers, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    if failed is None:
        failed = _find_failed(workers)
        if failed is not None and not received:
            _tell(workers, failed)
    return failed


def _find_failed(workers):
    """Returns the index of a worker that has failed, or None."""
    ended = [i for i, process in enumerate(workers) if process.poll()]
    # One that was killed is the cause; the others have noticed.
    return min(ended, key=lambda i: workers[i].returncode, default=None)


def _signal_all(workers, signum):
    for process in workers:
        if process.poll() is None:
            process.send_signal(signum)


def _status(process):
    """Returns an exit status as a shell has it."""
    code = process.returncode
    return code if code >= 0 else 128 - code


def _tell(workers, failed):
    code = workers[failed].returncode
    how = f"with status {code}"
    if code < 0:
        how = f"by {signal.Signals(-code).name}"
    print(
        f"Worker {failed} has ended {how}; the others are ended, too.",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
