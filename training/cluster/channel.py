"""What connects workers: they agree, and learn of each other's end.

Each worker keeps one TCP connection to the chief for as long as it lives. Over
it the workers agree on what they are about to do and get the checkpoint to
resume from. When one of them dies, the kernel closes its connection: the others
would wait in TensorFlow's collectives for ever, and end instead.

TensorFlow's own health check (the heartbeats of its coordination service) does
not do: it begins when all have connected, which may take it an hour; it does
not compare options and images, carries no checkpoint to workers that do not see
the chief's disk, cannot tell the others why one gives up, and names the dead
in 90 lines of a stack trace.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import queue
import signal
import socket
import sys
import threading

from training import errors
from training.cluster import frames

# Once a worker knows that it must fail, it has so long to do it in its own way.
GRACE_SECONDS = 10


class Channel:
    """The connections between the chief and the other workers.

    Attributes:
        is_chief: Whether this worker is the one that writes.
        num_workers: How many there are.
    """

    def __init__(
        self,
        index: int,
        peers: Mapping[int, socket.socket],
        workers: Sequence[str],
        on_lost: Callable[[str], None] | None = None,
        stage: int | None = None,
    ) -> None:
        """Begins to listen to the peers.

        Args:
            index: Of this worker.
            peers: From the index of each peer to its socket: of the chief all
                others, of the others the chief.
            workers: Addresses of all.
            on_lost: Called with a line when a peer has ended; by default it
                is printed and the process ends.
            stage: Descriptor of a pipe to the process that guards this one,
                which learns from it what has been reached.
        """
        self.is_chief = index == 0
        self.num_workers = len(workers)
        self._index = index
        self._peers = peers
        self._workers = workers
        self._stage = stage
        # Without peers nobody is lost.
        self._on_lost = on_lost or (_make_end() if peers else sys.exit)
        self._received: dict[int, queue.Queue[tuple[bytes, bytes]]] = {
            peer: queue.Queue() for peer in peers
        }
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._is_failing = False
        for peer, connection in peers.items():
            connection.settimeout(None)
            frames.keep_alive(connection)
            threading.Thread(
                target=self._listen, args=(peer, connection), daemon=True
            ).start()

    def broadcast(self, data: bytes | None) -> bytes:
        """Returns the chief's `data` on every worker.

        Args:
            data: Of the chief; ignored on the others.

        Raises:
            ValueError: If another worker has failed meanwhile.
        """
        if not self.is_chief:
            return self._receive(0)
        assert data is not None
        for peer in self._peers:
            self._send(peer, frames.DATA, data)
        return data

    def agree(self, name: str, value: str) -> None:
        """Raises ValueError on all workers unless all have the same value.

        Args:
            name: Of the value, for people.
            value: This worker's.
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

    def mark_connected(self) -> None:
        """Tells the guard that signals are heard from now on."""
        if self._stage is None:
            return
        # TensorFlow's own handler would take a note of it, and no more.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.write(self._stage, b"c")

    @contextlib.contextmanager
    def translating_errors(self) -> Iterator[None]:
        """Says in words what TensorFlow says of the cluster, in a block.

        Raises:
            ValueError: If another program has taken this worker's port.
            WorkerLostError: If another worker does not answer any more.
        """
        try:
            yield
        except Exception as error:
            # Loaded, if the error is its own.
            tf = sys.modules.get("tensorflow")
            if self.num_workers == 1 or tf is None:
                raise
            # An UnknownError, in TensorFlow 2.21.
            if "Could not start gRPC server" in str(error):
                raise ValueError(
                    "TensorFlow cannot listen at this worker's port: another "
                    "program has taken it. Choose another port. Received: "
                    f"{self._workers[self._index]}"
                ) from error
            if not isinstance(
                error,
                (
                    tf.errors.AbortedError,
                    tf.errors.DeadlineExceededError,
                    tf.errors.UnavailableError,
                ),
            ):
                raise
            raise errors.WorkerLostError(
                "Another worker does not answer any more: it has ended, was "
                "paused for ten seconds or more, or the network has failed. "
                "The same command on all workers resumes from the last "
                "checkpoint."
            ) from error

    def fail(self, message: str) -> None:
        """Has the others fail with a message; the process should end then."""
        self._give_up(frames.FAIL, message)

    def close(self) -> None:
        """Waits until all workers are done, so that none is missed."""
        if self.is_chief:
            for peer in self._peers:
                self._receive(peer, frames.BYE)
        for peer in self._peers:
            self._send(peer, frames.BYE)
        if not self.is_chief:
            # The chief may have to write the run's files before.
            self._receive(0, frames.BYE)
        for connection in self._peers.values():
            connection.close()
        if self._stage is not None:
            os.close(self._stage)

    def _listen(self, peer: int, connection: socket.socket) -> None:
        """Sorts what a peer sends, until it says goodbye or is gone."""
        # The chief's checkpoints alone are large.
        most = frames.SMALL_BYTES if self.is_chief else frames.LARGE_BYTES
        try:
            while True:
                kind, data = frames.receive(connection, most)
                if kind == frames.LOST:
                    self._lose(data.decode())
                elif kind == frames.FAIL:
                    self._fail_soon(data.decode())
                else:
                    self._received[peer].put((kind, data))
                if kind != frames.DATA:
                    return
        except (OSError, EOFError, ValueError):
            self._lose(lost_message(peer, self._workers[peer]))

    def _lose(self, message: str) -> None:
        """Ends this process, and the others, as a worker has ended."""
        if self._give_up(frames.LOST, message):
            self._on_lost(message)
            self._wake(frames.LOST, message)

    def _fail_soon(self, message: str) -> None:
        """Passes a failure on, and ends the process if it does not itself."""
        if self._give_up(frames.FAIL, message):
            self._wake(frames.FAIL, message)
            timer = threading.Timer(GRACE_SECONDS, self._on_lost, (message,))
            timer.daemon = True
            timer.start()

    def _give_up(self, kind: bytes, message: str) -> bool:
        """Tells the others, once; returns whether this was the first reason."""
        with self._lock:
            if self._is_failing:
                return False
            self._is_failing = True
        for peer in self._peers:
            self._send(peer, kind, message.encode())
        return True

    def _wake(self, kind: bytes, message: str) -> None:
        """Ends the wait for whomever: it need not come any more."""
        for received in self._received.values():
            received.put((kind, message.encode()))

    def _send(self, peer: int, kind: bytes, data: bytes = b"") -> None:
        # If it is gone, the thread that listens to it finds out and says so.
        with self._send_lock, contextlib.suppress(OSError):
            frames.send(self._peers[peer], kind, data)

    def _receive(self, peer: int, expected: bytes = frames.DATA) -> bytes:
        kind, data = self._received[peer].get()
        if kind == frames.LOST:
            raise errors.WorkerLostError(data.decode())
        if kind == frames.FAIL:
            raise ValueError(data.decode())
        if kind != expected:
            raise ValueError(
                f"{self._name(peer)} is not at the same point of the program: "
                "all workers must run the same version of it."
            )
        return data

    def _name(self, peer: int) -> str:
        return f"worker {peer} ({self._workers[peer]})"


def lost_message(index: int, address: str) -> str:
    """Returns what is said of a worker that has ended."""
    return (
        f"Worker {index} ({address}) has ended. The same command on all "
        "workers resumes from the last checkpoint."
    )


def _make_end() -> Callable[[str], None]:
    """Returns a function that ends the process with a message."""
    # Standard error as it is now: `quiet_import` diverts it while TensorFlow
    # loads.
    stderr: int | None = None
    # It may be closed, or have no descriptor, as a notebook's.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        stderr = os.dup(sys.stderr.fileno())

    def end(message: str) -> None:
        # At once: the main thread may wait in a collective.
        with contextlib.suppress(OSError):
            if stderr is not None:
                os.write(stderr, f"\n{message}\n".encode())
            if sys.stdout is not None:
                sys.stdout.flush()
        os._exit(errors.WORKER_LOST_STATUS)

    return end
