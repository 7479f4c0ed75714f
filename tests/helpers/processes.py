"""What tests of several processes share."""

import contextlib
import os
import pathlib
import signal
import socket
import time

ROOT = pathlib.Path(__file__).parents[2]


def free_ports(count):
    """Returns ports that nobody listens at, at this moment."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [probe.getsockname()[1] for probe in probes]


def children_of(pid):
    """Returns the ids of a process's children, the oldest first."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def is_alive(pid):
    """Whether a process runs: one that nobody has waited for yet does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, seconds=600):
    """Waits for a function to return something true, and returns it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def ended_after(*processes):
    """A block after which neither processes nor their children are left."""
    found = set()
    try:
        yield found
    finally:
        for process in processes:
            if process.poll() is None:
                found.update(_descendants(process.pid))
                process.kill()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in processes:
            process.communicate()


def _descendants(pid):
    for child in children_of(pid):
        yield child
        yield from _descendants(child)
