"""Workers prove to each other that they have the same key.

Each sends a number that was never used before and gets it back under an HMAC
with the key, which is never sent itself. What is sent after it is neither
encrypted nor signed: the key keeps strangers out, a private network the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
import hmac
import os
import socket

from training.cluster import frames

KEY_VARIABLE = "XRAY_TFDS_CLUSTER_KEY"
# Whoever connects has so long to prove it, and may send no more than so much.
SECONDS = 10.0
MOST_BYTES = 256

_PROTOCOL = b"xray-tfds workers 2\n"
_NUM_BYTES = 32


class WrongKeyError(Exception):
    """The other has another key."""


def read_key(environ: Mapping[str, str] = os.environ) -> bytes:
    """Returns the cluster's key; empty if there is none."""
    return environ.get(KEY_VARIABLE, "").encode()


def make_key() -> str:
    """Returns a key that nobody can guess."""
    return os.urandom(_NUM_BYTES).hex()


def prove_as_chief(
    connection: socket.socket, key: bytes, deadline: float
) -> None:
    """Proves to a worker that this is its chief, and has it prove likewise.

    Args:
        connection: To the worker.
        key: Of the cluster.
        deadline: `time.monotonic()` when it must be done.

    Raises:
        OSError, EOFError, ValueError: If it is no worker of this cluster.
    """
    hello = _receive(connection, deadline)
    if not hello.startswith(_PROTOCOL):
        raise ValueError("It does not speak the protocol of workers.")
    own = os.urandom(_NUM_BYTES)
    frames.send(connection, frames.DATA, own + _sign(key, b"chief", own, hello))
    answer = _receive(connection, deadline)
    if not hmac.compare_digest(answer, _sign(key, b"worker", own, hello)):
        raise ValueError("It has another key.")


def prove_as_worker(
    connection: socket.socket, key: bytes, deadline: float
) -> None:
    """Proves to the chief that this is a worker, as `prove_as_chief` does.

    Raises:
        WrongKeyError: If the other has another key.
        OSError, EOFError, ValueError: If it is no chief.
    """
    hello = _PROTOCOL + os.urandom(_NUM_BYTES)
    frames.send(connection, frames.DATA, hello)
    answer = _receive(connection, deadline)
    other, signature = answer[:_NUM_BYTES], answer[_NUM_BYTES:]
    if not hmac.compare_digest(signature, _sign(key, b"chief", other, hello)):
        raise WrongKeyError
    frames.send(connection, frames.DATA, _sign(key, b"worker", other, hello))


def _receive(connection: socket.socket, deadline: float) -> bytes:
    return frames.receive(connection, MOST_BYTES, deadline)[1]


def _sign(key: bytes, role: bytes, challenge: bytes, hello: bytes) -> bytes:
    return hmac.digest(key, role + challenge + hello, "sha256")
