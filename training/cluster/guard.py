"""A small process before each worker, to end it when it must not go on.

TensorFlow connects the workers in C++ and holds Python's lock meanwhile: while
one of them is missing, for an hour (3,591 s in TensorFlow 2.21), no thread of
that process learns that another has died, and its own handler of SIGTERM only
takes a note. So the process that a user starts is a guard. It meets the other
workers, starts the same command again with the connections to them, which it
only watches, and gives its signals and its exit status.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import MutableMapping
from collections.abc import Sequence
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
import typing

from training import children as children_lib
from training import errors
from training.cluster import channel as channel_lib
from training.cluster import handshake
from training.cluster import rendezvous

if typing.TYPE_CHECKING:
    from training.cluster import addresses

# What the guarded process inherits: descriptors of its connections, by peer,
# and of a pipe to the guard.
_VARIABLE = "XRAY_TFDS_WORKER"
_POLL_MS = 100
# That the other side has closed; where there is no such event, POLLHUP says so.
_CLOSED = getattr(select, "POLLRDHUP", 0)


def is_needed(
    cluster: addresses.Cluster | None, environ: Mapping[str, str] = os.environ
) -> bool:
    """Whether this process is to guard another one, rather than to train.

    Windows cannot pass connections on as they are: a worker there has no guard.
    """
    return (
        cluster is not None
        and cluster.num_workers > 1
        and _VARIABLE not in environ
        and os.name == "posix"
    )


def run(
    command: Sequence[str],
    cluster: addresses.Cluster,
    timeout: float,
    *,
    directory: str | None = None,
) -> int:
    """Meets the other workers, and guards a process that trains with them.

    Args:
        command: What to start: this program again.
        cluster: All workers.
        timeout: Seconds to wait for the others.
        directory: Where to start it; None for where this process is by now.

    Returns:
        The exit status.

    Raises:
        ValueError, WorkerLostError: As `rendezvous.connect` and
            `_Guard.status` do.
    """
    peers = rendezvous.connect(cluster, timeout)
    with children_lib.Children() as children:
        stage, told = os.pipe()
        descriptors = {peer: peers[peer].fileno() for peer in peers}
        environ = {
            **os.environ,
            _VARIABLE: json.dumps({"peers": descriptors, "stage": told}),
        }
        # Whoever reaches TensorFlow's port may read this, too.
        environ.pop(handshake.KEY_VARIABLE, None)
        process = children.start(
            command,
            environ,
            pass_fds=[*descriptors.values(), told],
            cwd=directory,
        )
        os.close(told)
        with open(stage, "rb", buffering=0) as pipe:
            guard = _Guard(children, process, peers, pipe)
            guard.wait()
    for connection in peers.values():
        # Also where a helper process of the worker has it open still.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    return guard.status(cluster.workers)


def open_channel(
    cluster: addresses.Cluster | None,
    timeout: float,
    environ: MutableMapping[str, str] = os.environ,
) -> channel_lib.Channel:
    """Returns the connections that the guard has made, or makes them.

    Args:
        cluster: None for a process on its own.
        timeout: Seconds to wait for others, without a guard.
        environ: Environment variables, of which TensorFlow will find that it
            needs no proxy to the workers.
    """
    text = environ.pop(_VARIABLE, None)
    if cluster is not None:
        environ["no_grpc_proxy"] = _without_proxy(cluster, environ)
    if cluster is None or text is None:
        return rendezvous.meet(cluster, timeout)
    inherited = json.loads(text)
    peers = {
        int(peer): socket.socket(fileno=descriptor)
        for peer, descriptor in inherited["peers"].items()
    }
    for descriptor in (*inherited["peers"].values(), inherited["stage"]):
        os.set_inheritable(descriptor, False)
    return channel_lib.Channel(
        cluster.index, peers, cluster.workers, stage=inherited["stage"]
    )


def _without_proxy(
    cluster: addresses.Cluster, environ: Mapping[str, str]
) -> str:
    """Returns the hosts that gRPC reaches without a proxy: also the workers.

    It would ask `http_proxy` and the like even for localhost, and wait for ever
    where that does not answer; `no_grpc_proxy` counts before `no_proxy`
    (https://github.com/grpc/grpc/blob/master/doc/environment_variables.md).
    """
    before = environ.get("no_grpc_proxy") or environ.get("no_proxy")
    hosts = [cluster.host_and_port(i)[0] for i in range(cluster.num_workers)]
    return ",".join([*([before] if before else ()), *dict.fromkeys(hosts)])


class _Guard:
    """Watches a worker and its connections until it has ended."""

    def __init__(
        self,
        children: children_lib.Children,
        process: subprocess.Popen[bytes],
        peers: Mapping[int, socket.socket],
        pipe: typing.BinaryIO,
    ) -> None:
        self._children = children
        self._process = process
        self._pipe = pipe
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)
        self._peers = {peers[peer].fileno(): peer for peer in peers}
        for descriptor in self._peers:
            self._poll.register(descriptor, _CLOSED)
        self._is_connected = False
        self._lost: int | None = None
        self._deadline = float("inf")

    def wait(self) -> None:
        """Returns when the worker has ended, by itself or by force."""
        while self._process.poll() is None:
            events = self._poll.poll(_POLL_MS)
            if self._children.received and not self._is_connected:
                # It may not have heard it, and has nothing to write yet.
                self._process.kill()
            for descriptor, _ in events:
                # What came with an event may have become nobody's by it.
                if descriptor in (self._pipe.fileno(), *self._peers):
                    self._handle(descriptor)
            if time.monotonic() > self._deadline:
                self._process.kill()

    def status(self, workers: Sequence[str]) -> int:
        """Returns the worker's exit status, or raises what ended it.

        Args:
            workers: Addresses of all.

        Raises:
            KeyboardInterrupt: If Ctrl-C did, before it was connected.
            WorkerLostError: If another worker's end did.
        """
        code = self._process.returncode
        if code >= 0:
            return code
        if self._children.received and not self._is_connected:
            if signal.SIGINT in self._children.received:
                raise KeyboardInterrupt
            return 128 + self._children.received[0]
        if self._lost is not None:
            raise errors.WorkerLostError(
                channel_lib.lost_message(self._lost, workers[self._lost])
            )
        return 128 - code

    def _handle(self, descriptor: int) -> None:
        if descriptor in self._peers:
            self._poll.unregister(descriptor)
            self._lost = self._peers.pop(descriptor)
            # First it may end in its own way.
            grace = channel_lib.GRACE_SECONDS
            self._deadline = time.monotonic() + grace
        elif self._pipe.read(1):
            self._is_connected = True
        else:
            # It has said goodbye to the others, who may end before it.
            self._poll.unregister(descriptor)
            for other in self._peers:
                self._poll.unregister(other)
            self._peers.clear()
            self._deadline = float("inf")
