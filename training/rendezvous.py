"""Where workers meet before they train, and how they learn of each other's end.

Each worker keeps one TCP connection to the chief for as long as it lives. Over
it the workers agree on what they are about to do and get the checkpoint to go
on from. When one of them dies, the kernel closes its connection: the others
would wait in TensorFlow's collectives for ever, and end instead.

Imports no TensorFlow: workers that are missing, or were started otherwise, are
told of before it loads.
"""

import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time

from training import failures
from training import frames

_PROTOCOL = "xray-tfds workers 1"
_POLL_SECONDS = 0.2

# Once a worker was told to fail, it has so long to do it in its own way.
_GRACE_SECONDS = 10


def meet(cluster, timeout=120.0, *, on_lost=None):
    """Waits until all workers are there, and connects them.

    Args:
        cluster: `cluster.Cluster`, or None for a process on its own.
        timeout: Seconds to wait for the others.
        on_lost: As for `Channel`.

    Returns:
        A `Channel`.

    Raises:
        ValueError: On each worker that is there, if one is missing, or was
            started with another index or list of workers than it should.
    """
    if cluster is None or cluster.num_workers == 1:
        return Channel(0, {}, ("this process",))
    deadline = time.monotonic() + timeout
    if cluster.is_chief:
        peers = _gather(cluster, deadline)
    else:
        peers = {0: _join(cluster, deadline, timeout)}
    return Channel(cluster.index, peers, cluster.workers, on_lost)


class Channel:
    """The connections between the chief and the other workers.

    Attributes:
        is_chief: Whether this worker is the one that writes.
        num_workers: How many there are.
    """

    def __init__(self, index, peers, workers, on_lost=None):
        """Begins to listen to the peers.

        Args:
            index: Of this worker.
            peers: Dict from the index of each peer to its socket: of the chief
                all others, of the others the chief.
            workers: Addresses of all.
            on_lost: Called with a line when a peer has ended; by default it
                is printed and the process ends.
        """
        self.is_chief = index == 0
        self.num_workers = len(workers)
        self._peers = peers
        self._workers = workers
        self._on_lost = on_lost or _end_process
        self._received: dict = {peer: queue.Queue() for peer in peers}
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._is_failing = False
        for peer, connection in peers.items():
            connection.settimeout(None)
            frames.keep_alive(connection)
            threading.Thread(
                target=self._listen, args=(peer, connection), daemon=True
            ).start()

    def broadcast(self, data):
        """Returns the chief's `data` on every worker.

        Args:
            data: bytes on the chief; ignored on the others.

        Raises:
            ValueError: If another worker has failed meanwhile.
        """
        if not self.is_chief:
            return self._receive(0)
        for peer in self._peers:
            self._send(peer, frames.DATA, data)
        return data

    def agree(self, name, value):
        """Raises ValueError on all workers unless all have the same value.

        Args:
            name: Of the value, for people.
            value: str.
        """
        if not self.is_chief:
            self._send(0, frames.DATA, value.encode())
            self._receive(0)
            return
        others = [
            peer
            for peer in self._peers
            if self._receive(peer) != value.encode()
        ]
        if others:
            names = ", ".join(self._name(peer) for peer in others)
            message = (
                f"All workers must have the same: {name} of {names} differ "
                f"from those of {self._name(0)}."
            )
            self.fail(message)
            raise ValueError(message)
        self.broadcast(b"agreed")

    def fail(self, message):
        """Has the others fail with a message; the process should end then."""
        with self._lock:
            if self._is_failing:
                return
            self._is_failing = True
        for peer in self._peers:
            self._send(peer, frames.FAIL, message.encode())

    def close(self):
        """Waits until all workers are done, so that none is missed."""
        if self.is_chief:
            for peer in self._peers:
                self._receive(peer, frames.BYE)
        with self._lock:
            self._is_failing = True
        for peer in self._peers:
            self._send(peer, frames.BYE)
        if not self.is_chief:
            self._receive(0, frames.BYE)
        for connection in self._peers.values():
            connection.close()

    def _listen(self, peer, connection):
        """Sorts what a peer sends, until it says goodbye or is gone."""
        try:
            while True:
                kind, data = frames.receive(connection)
                self._received[peer].put((kind, data))
                if kind == frames.FAIL:
                    self._fail_soon(peer, data.decode())
                if kind in (frames.BYE, frames.FAIL):
                    return
        except (OSError, EOFError, ValueError):
            with self._lock:
                if self._is_failing:
                    return
            message = (
                f"{self._name(peer)} has ended. The same command on all "
                "workers goes on from the last checkpoint."
            )
            self.fail(message)
            self._on_lost(message)

    def _fail_soon(self, peer, message):
        """Passes a failure on, and ends the process if it does not itself."""
        for other in self._peers:
            if other != peer:
                self._send(other, frames.FAIL, message.encode())
        with self._lock:
            self._is_failing = True
        timer = threading.Timer(_GRACE_SECONDS, self._on_lost, (message,))
        timer.daemon = True
        timer.start()

    def _send(self, peer, kind, data=b""):
        # If it is gone, the thread that listens to it finds out and says so.
        with self._send_lock, contextlib.suppress(OSError):
            frames.send(self._peers[peer], kind, data)

    def _receive(self, peer, expected=frames.DATA):
        kind, data = self._received[peer].get()
        if kind == frames.FAIL:
            raise ValueError(data.decode())
        if kind != expected:
            raise ValueError(
                f"{self._name(peer)} is not at the same point of the program: "
                "all workers must run the same version of it."
            )
        return data

    def _name(self, peer):
        return f"worker {peer} ({self._workers[peer]})"


def _end_process(message):
    """Ends the process at once: its main thread may wait in a collective."""
    print(f"\n{message[0].upper()}{message[1:]}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(failures.WORKER_LOST_STATUS)


def _gather(cluster, deadline):
    """Returns the connections of all other workers, on the chief."""
    _, port = cluster.host_and_port(0)
    found: queue.Queue = queue.Queue()
    connections: list[socket.socket] = []
    peers: dict[int, socket.socket] = {}
    with frames.listen(port) as listener:
        while len(peers) < cluster.num_workers - 1:
            if time.monotonic() > deadline:
                _refuse(connections, _missing(cluster, peers))
            arrival = _accept(listener, found)
            if arrival is None:
                continue
            index, workers, connection = arrival
            connections.append(connection)
            _check_arrival(cluster, peers, index, workers, connections)
            peers[index] = connection
    for connection in connections:
        frames.send(connection, frames.DATA)
    return peers


def _check_arrival(cluster, peers, index, workers, connections):
    if workers != list(cluster.workers):
        _refuse(
            connections,
            f"Worker {index} was started with other workers: "
            f"{','.join(workers)}, instead of {','.join(cluster.workers)}.",
        )
    if not 0 < index < cluster.num_workers or index in peers:
        _refuse(connections, f"Two workers were started with index {index}.")


def _refuse(connections, problem):
    """Tells all workers that are there what is wrong, and raises it here."""
    for connection in connections:
        with contextlib.suppress(OSError):
            frames.send(connection, frames.FAIL, problem.encode())
    raise ValueError(problem)


def _accept(listener, found):
    """Returns the next worker that has said who it is; None if none has yet.

    Each connection is read in a thread of its own: whoever connects and says
    nothing keeps no one waiting.
    """
    listener.settimeout(_POLL_SECONDS)
    with contextlib.suppress(TimeoutError):
        connection, _ = listener.accept()
        threading.Thread(
            target=_read_name, args=(connection, found), daemon=True
        ).start()
    with contextlib.suppress(queue.Empty):
        return found.get(timeout=_POLL_SECONDS)
    return None


def _read_name(connection, found):
    """Puts index, workers and connection of a worker; drops strangers."""
    try:
        connection.settimeout(5.0)
        _, data = frames.receive(connection)
        said = json.loads(data)
        if said["protocol"] == _PROTOCOL:
            found.put((int(said["index"]), said["workers"], connection))
            return
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        # No worker of ours: a port scanner, or a health check.
        connection.close()
        return
    connection.close()


def _missing(cluster, peers):
    missing = [
        f"worker {index} ({cluster.workers[index]})"
        for index in range(1, cluster.num_workers)
        if index not in peers
    ]
    return (
        f"Not all workers have started in time: {', '.join(missing)} did not "
        "come. Start them, or wait longer with --start_timeout."
    )


def _join(cluster, deadline, timeout):
    """Returns the connection to the chief, on another worker."""
    said = {
        "protocol": _PROTOCOL,
        "index": cluster.index,
        "workers": cluster.workers,
    }
    connection = _connect(cluster, deadline, timeout)
    try:
        frames.send(connection, frames.DATA, json.dumps(said).encode())
        # The chief knows best who is missing: it is given time to say so.
        connection.settimeout(
            max(deadline - time.monotonic(), 0) + _GRACE_SECONDS
        )
        kind, data = frames.receive(connection)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(
            f"The chief, {cluster.workers[0]}, has ended before all workers "
            "had started."
        ) from error
    if kind == frames.FAIL:
        raise ValueError(data.decode())
    return connection


def _connect(cluster, deadline, timeout):
    host, port = cluster.host_and_port(0)
    while True:
        try:
            return socket.create_connection((host, port), timeout=5.0)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"The chief, {cluster.workers[0]}, could not be reached "
                    f"within {timeout:.0f} s ({error}). Start it, or wait "
                    "longer with --start_timeout."
                ) from error
            time.sleep(_POLL_SECONDS)
