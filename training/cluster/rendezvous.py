"""Where workers meet before they train.

Imports no TensorFlow: workers that are missing, or were started otherwise, are
told of before it loads.
"""

import contextlib
import json
import queue
import socket
import threading
import time

from training.cluster import channel as channel_lib
from training.cluster import frames

_PROTOCOL = "xray-tfds workers 1"
_POLL_SECONDS = 0.2


def meet(cluster, timeout=120.0, *, on_lost=None):
    """Waits until all workers are there, and connects them.

    Args:
        cluster: `addresses.Cluster`, or None for a process on its own.
        timeout: Seconds to wait for the others.
        on_lost: As for `channel.Channel`.

    Returns:
        A `channel.Channel`.

    Raises:
        ValueError: On each worker that is there, if one is missing, or was
            started with another index or list of workers than it should.
    """
    if cluster is None or cluster.num_workers == 1:
        return channel_lib.Channel(0, {}, ("this process",))
    deadline = time.monotonic() + timeout
    if cluster.is_chief:
        peers = _gather(cluster, deadline)
    else:
        peers = {0: _join(cluster, deadline, timeout)}
    return channel_lib.Channel(cluster.index, peers, cluster.workers, on_lost)


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
            max(deadline - time.monotonic(), 0) + channel_lib.GRACE_SECONDS
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
