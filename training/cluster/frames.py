"""Messages over a socket: a kind, a length, and so many bytes."""

from __future__ import annotations

import errno
import socket
import struct
import time

DATA, FAIL, LOST, BYE = b"data", b"fail", b"lost", b"bye."

# What workers tell the chief: their options and a fingerprint.
SMALL_BYTES = 2**24
# What the chief tells them: checkpoints, above any network's variables.
LARGE_BYTES = 2**36

_HEADER = struct.Struct(">4sQ")
_KINDS = (DATA, FAIL, LOST, BYE)
_CHUNK_BYTES = 2**20

# A machine that vanishes is noticed after 10 + 2 * 5 seconds of silence, which
# leaves ten of the half minute that the guides promise for what must end.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}
_UNACKNOWLEDGED_MS = 20_000


def send(connection: socket.socket, kind: bytes, data: bytes = b"") -> None:
    """Sends a message of one of the kinds above."""
    connection.sendall(_HEADER.pack(kind, len(data)))
    connection.sendall(data)


def receive(
    connection: socket.socket,
    most_bytes: int = SMALL_BYTES,
    deadline: float | None = None,
) -> tuple[bytes, bytes]:
    """Returns kind and bytes of the next message.

    Args:
        connection: Where it comes from.
        most_bytes: Longest message to take.
        deadline: `time.monotonic()` when it must be complete; None for no
            limit but the socket's own for each of its pieces.

    Raises:
        EOFError: If the connection was closed.
        TimeoutError: After the deadline.
        ValueError: If it is no message, or too long.
    """
    header = _read(connection, _HEADER.size, deadline)
    kind, length = _HEADER.unpack(header)
    if kind not in _KINDS or length > most_bytes:
        raise ValueError(f"Not a message: {kind!r} of {length} bytes")
    return kind, _read(connection, length, deadline)


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens at a worker's own address.

    Addresses are reused: TensorFlow listens at the same port, once this socket
    is closed, while the connections that it has accepted live on.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, _, _, _, address in found:
        try:
            return socket.create_server(address[:2], family=family)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
    # Behind a container's or a cloud's network, the address by which the
    # others know this machine is none of its own.
    return socket.create_server(("", port))


def keep_alive(connection: socket.socket) -> None:
    """Has the kernel find out when the other machine has vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(
                socket.IPPROTO_TCP, getattr(socket, name), value
            )
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS
        )


def _read(
    connection: socket.socket, length: int, deadline: float | None
) -> bytes:
    data = bytearray()
    while len(data) < length:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the message was not complete in time")
            connection.settimeout(left)
        part = connection.recv(min(length - len(data), _CHUNK_BYTES))
        if not part:
            raise EOFError("the connection was closed")
        data += part
    return bytes(data)
