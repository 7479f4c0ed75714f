"""What connects workers: they agree, and learn of each other's end.

Each worker keeps one TCP connection to the chief for as long as it lives. Over
it the workers agree on what they are about to do and get the checkpoint to go
on from. When one of them dies, the kernel closes its connection: the others
would wait in TensorFlow's collectives for ever, and end instead.
"""

import contextlib
import os
import queue
import sys
import threading

from training import errors
from training.cluster import frames

# Once a worker was told to fail, it has so long to do it in its own way.
GRACE_SECONDS = 10


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
                if kind == frames.FAIL:
                    self._fail_soon(peer, data.decode())
                else:
                    self._received[peer].put((kind, data))
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
        # Whomever this worker waits for, it need not come any more.
        for received in self._received.values():
            received.put((frames.FAIL, message.encode()))
        timer = threading.Timer(GRACE_SECONDS, self._on_lost, (message,))
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
    os._exit(errors.WORKER_LOST_STATUS)
