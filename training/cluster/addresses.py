"""Which processes train together, and which of them this one is.

Flags say so, or `TF_CONFIG`, or Slurm, in this order. Imports no TensorFlow: a
wrong setting is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import os
import re
import socket
import sys
import time

# Between two looks whether a host has got its name.
_POLL_SECONDS = 1.0

# Where the workers of a Slurm job meet; several on a node count on from it.
_SLURM_PORT = 8888
_ADDRESS = re.compile(r"(?P<host>[^:\s]+|\[[^\]]+\]):(?P<port>\d+)")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """All workers, the chief first.

    Attributes:
        workers: Their addresses, `host:port`.
        index: Which of them this process is.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes."""
        return self.index == 0

    @property
    def num_workers(self) -> int:
        """How many there are."""
        return len(self.workers)

    def host_and_port(self, index: int) -> tuple[str, int]:
        """Returns the host, a name or a number, and the port of a worker."""
        host, _, port = self.workers[index].rpartition(":")
        return host.strip("[]"), int(port)


def find_cluster(
    *,
    workers: Sequence[str] | None = None,
    worker_index: int | None = None,
    environ: Mapping[str, str] = os.environ,
    timeout: float = 0.0,
) -> Cluster:
    """Returns the `Cluster` that this process is part of.

    Args:
        workers: Addresses `host:port`, the chief first; None for those of the
            environment.
        worker_index: Index of this process, with `workers`.
        environ: Environment variables.
        timeout: Seconds to wait for names of hosts: where each worker is
            started in a machine or container of its own, as on Kubernetes, its
            name comes with it.

    Raises:
        ValueError: If nothing names the workers, or what does is wrong.
    """
    if workers is not None:
        if worker_index is None:
            raise ValueError(
                "`worker_index` must be given with `workers`: which of them "
                f"this process is. Received: workers={','.join(workers)}"
            )
        return _checked(workers, worker_index, "`workers`", timeout)
    if worker_index is not None:
        raise ValueError(
            "`workers` must be given with `worker_index`. "
            f"Received: worker_index={worker_index}"
        )
    if environ.get("TF_CONFIG"):
        workers, worker_index = _read_tf_config(environ["TF_CONFIG"])
        return _checked(workers, worker_index, "TF_CONFIG", timeout)
    if "SLURM_PROCID" in environ:
        workers, worker_index = _read_slurm(environ)
        return _checked(workers, worker_index, "Slurm's variables", timeout)
    raise ValueError(
        "strategy=multi_worker needs to know the workers: give "
        "--workers=host:port,... and --worker_index=N, or TF_CONFIG, or start "
        "it with Slurm's srun. On one machine, python -m training.launch does "
        "it all."
    )


def _checked(
    workers: Sequence[str], index: int, source: str, timeout: float
) -> Cluster:
    workers = tuple(worker.strip() for worker in workers)
    for worker in workers:
        match = _ADDRESS.fullmatch(worker)
        if not match or not 0 < int(match["port"]) < 2**16:
            raise ValueError(
                f"{source} must be addresses host:port. Received: {worker}"
            )
    twice = sorted({w for w in workers if workers.count(w) > 1})
    if twice:
        raise ValueError(
            f"{source} must be different addresses. Received: "
            f"{', '.join(twice)} more than once"
        )
    if not 0 <= index < len(workers):
        raise ValueError(
            f"`worker_index` must be from 0 to {len(workers) - 1}, as {source} "
            f"have {len(workers)} workers. Received: worker_index={index}"
        )
    cluster = Cluster(workers, index)
    _await_hosts(cluster, source, timeout)
    _check_own_port(cluster)
    return cluster


def _await_hosts(cluster: Cluster, source: str, timeout: float) -> None:
    """Returns once all hosts can be found; raises ValueError where one is not.

    A worker that gave up at once would end those that come in time.
    """
    deadline = time.monotonic() + timeout
    is_told = False
    for number in range(cluster.num_workers):
        host = cluster.host_and_port(number)[0]
        while True:
            try:
                _check_host(host, source)
                break
            except _UnknownHostError as error:
                if time.monotonic() >= deadline:
                    more = " Wait longer with --start_timeout." * bool(timeout)
                    raise ValueError(f"{error}{more}") from error
                if not is_told:
                    print(
                        f"Waiting up to {timeout:.0f} s for a host that cannot "
                        f"be found yet: {host}",
                        file=sys.stderr,
                    )
                    is_told = True
                time.sleep(_POLL_SECONDS)


class _UnknownHostError(ValueError):
    """A name stands for no host, so far."""


def _check_host(host: str, source: str) -> None:
    wanted = f"{source} must name hosts that can be found. Received: {host}"
    try:
        socket.getaddrinfo(host, None)
    except UnicodeError as error:  # It cannot be one.
        raise ValueError(f"{wanted} ({error})") from error
    except OSError as error:
        raise _UnknownHostError(f"{wanted} ({error})") from error


def _check_own_port(cluster: Cluster) -> None:
    """Raises where another program listens at this worker's port."""
    host, port = cluster.host_and_port(cluster.index)
    family = socket.getaddrinfo(host, port)[0][0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # Of all networks, as TensorFlow's server will; a socket that does
            # not listen cannot be reached.
            probe.bind(("", port))
        except OSError as error:
            raise ValueError(
                f"Worker {cluster.index} must be able to listen at port {port} "
                f"of its machine, but cannot: {error.strerror}. Choose another "
                "port by --workers=host:port,... and --worker_index=N. "
                f"Received: {cluster.workers[cluster.index]}"
            ) from error


def _read_tf_config(text: str) -> tuple[list[str], int]:
    """Returns workers and index of a `TF_CONFIG`."""
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), config["task"]
        kind, index = task["type"], int(task["index"])
        chief = list(map(str, cluster.pop("chief", ())))
        workers = chief + list(map(str, cluster.pop("worker", ())))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            'TF_CONFIG must be JSON such as {"cluster": {"worker": '
            '["host:port"]}, "task": {"type": "worker", "index": 0}}. '
            f"Received: {text}"
        ) from error
    if kind not in ("chief", "worker") or cluster:
        others = [kind] if kind not in ("chief", "worker") else [*cluster]
        raise ValueError(
            "TF_CONFIG must have workers only, and a chief if you like. "
            f"Received: {', '.join(others)}"
        )
    return workers, index + (len(chief) if kind == "worker" else 0)


def _read_slurm(environ: Mapping[str, str]) -> tuple[list[str], int]:
    """Returns workers and index of a Slurm job's step: one for each task."""
    try:
        index = int(environ["SLURM_PROCID"])
        nodes = expand_hosts(environ["SLURM_STEP_NODELIST"])
        counts = _expand_counts(environ["SLURM_STEP_TASKS_PER_NODE"])
    except (KeyError, ValueError) as error:
        raise ValueError(
            "Slurm's variables SLURM_PROCID, SLURM_STEP_NODELIST and "
            "SLURM_STEP_TASKS_PER_NODE must be there and readable: start the "
            f"workers with srun. Received: {error}"
        ) from error
    workers = [
        f"{node}:{_SLURM_PORT + number}"
        for node, count in zip(nodes, counts)
        for number in range(count)
    ]
    return workers, index


def expand_hosts(text: str) -> list[str]:
    """Returns the host names of Slurm's short form, `"n[1-3,07],login"`."""
    names = []
    parts = re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text)
    if ",".join(parts) != text:
        raise ValueError(text)
    for part in parts:
        match = re.fullmatch(r"([^\[\]]*)\[([^\]]+)\]([^\[\]]*)", part)
        if not match:
            names.append(part)
            continue
        before, ranges, after = match.groups()
        for item in ranges.split(","):
            first, _, last = item.partition("-")
            width = len(first)
            names += [
                f"{before}{number:0{width}d}{after}"
                for number in range(int(first), int(last or first) + 1)
            ]
    return names


def _expand_counts(text: str) -> list[int]:
    """Returns the numbers of Slurm's short form, `"2(x3),1"`."""
    counts = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not match:
            raise ValueError(text)
        counts += [int(match[1])] * int(match[2] or 1)
    return counts
