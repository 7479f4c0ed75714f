"""Where workers meet before they train.

Imports no TensorFlow: workers that are missing, or were started otherwise, are
reported before it loads.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import json
import queue
import selectors
import socket
import sys
import threading
import time
import typing

from training import errors
from training.cluster import channel as channel_lib
from training.cluster import frames
from training.cluster import handshake

if typing.TYPE_CHECKING:
    from training.cluster import addresses

_POLL_SECONDS = 0.2
# Strangers that are listened to at once; beyond it, none is.
_MOST_UNKNOWN = 64


class _Arrival(typing.NamedTuple):
    """A worker that has proved to be one, and what it says of itself."""

    worker_index: int
    workers: list[str]
    connection: socket.socket


def meet(
    cluster: addresses.Cluster | None,
    timeout: float = 120.0,
    *,
    on_lost: Callable[[str], None] | None = None,
) -> channel_lib.Channel:
    """Waits until all workers are there, and connects them.

    Args:
        cluster: None for a process on its own.
        timeout: Seconds to wait for the others.
        on_lost: As for `channel.Channel`.

    Raises:
        ValueError, WorkerLostError: As `connect` does.
    """
    if cluster is None or cluster.num_workers == 1:
        return channel_lib.Channel(0, {}, ("this process",))
    peers = connect(cluster, timeout)
    return channel_lib.Channel(cluster.index, peers, cluster.workers, on_lost)


def connect(
    cluster: addresses.Cluster, timeout: float
) -> dict[int, socket.socket]:
    """Waits until all workers are there.

    Args:
        cluster: Of two workers or more.
        timeout: Seconds to wait for the others.

    Returns:
        From the index of each peer to its socket: of the chief all others, of
        the others the chief.

    Raises:
        ValueError: On each worker that is there, if one is missing, or was
            started with another index or list of workers than it should.
        WorkerLostError: If one has ended while it waited.
    """
    deadline = time.monotonic() + timeout
    key = handshake.read_key()
    if not key:
        print(
            f"Caution: without {handshake.KEY_VARIABLE}, the same secret text "
            "in the environment of all workers, whoever reaches "
            f"{cluster.workers[0]} can take part.",
            file=sys.stderr,
        )
    if cluster.is_chief:
        return _Gathering(cluster, key, deadline).run()
    return {0: _join(cluster, key, deadline, timeout)}


class _Gathering:
    """The chief's side: all that connect, until the workers are complete."""

    def __init__(
        self, cluster: addresses.Cluster, key: bytes, deadline: float
    ) -> None:
        self._cluster = cluster
        self._key = key
        self._deadline = deadline
        self._peers: dict[int, socket.socket] = {}
        self._arrived: queue.Queue[_Arrival] = queue.Queue()
        self._unknown = threading.BoundedSemaphore(_MOST_UNKNOWN)
        # A list, to which threads append: an integer could miss one.
        self._strangers: list[None] = []

    def run(self) -> dict[int, socket.socket]:
        """Returns the connections of all other workers."""
        listener = frames.listen(*self._cluster.host_and_port(0))
        with listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            while len(self._peers) < self._cluster.num_workers - 1:
                if time.monotonic() > self._deadline:
                    self._refuse(ValueError(self._missing()))
                for key, _ in selector.select(_POLL_SECONDS):
                    if key.fileobj is listener:
                        self._accept(listener)
                    else:
                        # Until all are there, a worker has nothing to say.
                        self._lose(key.data)
                with contextlib.suppress(queue.Empty):
                    while True:
                        arrival = self._arrived.get_nowait()
                        self._admit(arrival)
                        selector.register(
                            arrival.connection,
                            selectors.EVENT_READ,
                            arrival.worker_index,
                        )
        if self._strangers:
            print(self._describe_strangers(), file=sys.stderr)
        for connection in self._peers.values():
            with contextlib.suppress(OSError):
                frames.send(connection, frames.DATA)
        return self._peers

    def _accept(self, listener: socket.socket) -> None:
        """Reads who has connected, in a thread: no stranger stops the rest."""
        try:
            connection, _ = listener.accept()
        except OSError:  # It is gone, or there are too many.
            return
        if not self._unknown.acquire(blocking=False):
            connection.close()
            self._strangers.append(None)
            return
        threading.Thread(
            target=self._identify, args=(connection,), daemon=True
        ).start()

    def _identify(self, connection: socket.socket) -> None:
        deadline = time.monotonic() + handshake.SECONDS
        try:
            handshake.prove_as_chief(connection, self._key, deadline)
            _, data = frames.receive(connection, deadline=deadline)
            said = json.loads(data)
            index, workers = said["index"], said["workers"]
            if not _is_plausible(index, workers):
                raise ValueError(data)
            self._arrived.put(_Arrival(index, workers, connection))
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            # No worker of ours: a port scanner, or a health check.
            connection.close()
            self._strangers.append(None)
        finally:
            self._unknown.release()

    def _admit(self, arrival: _Arrival) -> None:
        """Takes a worker in, or ends the run where it was started wrongly."""
        index, workers, connection = arrival
        taken = self._peers.get(index)
        self._peers[index] = connection
        if workers != list(self._cluster.workers):
            self._refuse(
                ValueError(
                    f"Worker {index} was started with other workers: "
                    f"{','.join(workers)}, instead of "
                    f"{','.join(self._cluster.workers)}."
                )
            )
        if taken is not None:
            self._refuse(
                ValueError(f"Two workers were started with index {index}."),
                taken,
            )

    def _lose(self, index: int) -> None:
        del self._peers[index]
        self._refuse(
            errors.WorkerLostError(
                f"Worker {index} ({self._cluster.workers[index]}) has ended "
                "before all workers had started. Start all of them again."
            )
        )

    def _refuse(
        self, error: Exception, other: socket.socket | None = None
    ) -> typing.NoReturn:
        """Tells all workers that are there what is wrong, and raises it."""
        is_lost = isinstance(error, errors.WorkerLostError)
        kind = frames.LOST if is_lost else frames.FAIL
        for connection in [*self._peers.values(), *([other] if other else ())]:
            with contextlib.suppress(OSError):
                frames.send(connection, kind, str(error).encode())
        raise error

    def _missing(self) -> str:
        missing = [
            f"worker {index} ({self._cluster.workers[index]})"
            for index in range(1, self._cluster.num_workers)
            if index not in self._peers
        ]
        strangers = self._describe_strangers() if self._strangers else ""
        return (
            f"Not all workers have started in time: {', '.join(missing)} did "
            "not come. Start them, or wait longer with --start_timeout. "
            f"{strangers}"
        ).strip()

    def _describe_strangers(self) -> str:
        return (
            f"{len(self._strangers)} connections were dropped: they came from "
            f"no worker, or from one with another {handshake.KEY_VARIABLE}."
        )


def _is_plausible(index: object, workers: object) -> bool:
    return (
        isinstance(index, int)
        and isinstance(workers, list)
        and all(isinstance(worker, str) for worker in workers)
        and 0 < index < len(workers)
    )


def _join(
    cluster: addresses.Cluster, key: bytes, deadline: float, timeout: float
) -> socket.socket:
    """Returns the connection to the chief, on another worker."""
    while True:
        try:
            connection = _introduce(cluster, key)
            break
        except handshake.WrongKeyError as error:
            raise ValueError(
                f"The chief, {cluster.workers[0]}, has another "
                f"{handshake.KEY_VARIABLE} than this worker, or a stranger "
                "listens there. All workers must have the same."
            ) from error
        except (OSError, EOFError, ValueError) as error:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"The chief, {cluster.workers[0]}, could not be reached "
                    f"within {timeout:.0f} s ({error}). Start it, or wait "
                    "longer with --start_timeout. If it trains already, a "
                    "worker cannot join it: end all of them, and start all."
                ) from error
            time.sleep(_POLL_SECONDS)
    return _await_others(cluster, connection, deadline)


def _introduce(cluster: addresses.Cluster, key: bytes) -> socket.socket:
    """Connects to the chief and says which worker this is, once."""
    host, port = cluster.host_and_port(0)
    connection = socket.create_connection((host, port), timeout=5.0)
    try:
        deadline = time.monotonic() + handshake.SECONDS
        handshake.prove_as_worker(connection, key, deadline)
        said = {"index": cluster.index, "workers": cluster.workers}
        frames.send(connection, frames.DATA, json.dumps(said).encode())
    except BaseException:
        connection.close()
        raise
    return connection


def _await_others(
    cluster: addresses.Cluster, connection: socket.socket, deadline: float
) -> socket.socket:
    """Returns the connection when the chief says that all are there."""
    # The chief knows best who is missing: it is given time to say so.
    deadline = max(deadline, time.monotonic()) + channel_lib.GRACE_SECONDS
    try:
        kind, data = frames.receive(connection, deadline=deadline)
    except (OSError, EOFError, ValueError) as error:
        raise errors.WorkerLostError(
            f"The chief, {cluster.workers[0]}, has ended before all workers "
            "had started."
        ) from error
    if kind == frames.FAIL:
        raise ValueError(data.decode())
    if kind == frames.LOST:
        raise errors.WorkerLostError(data.decode())
    return connection
