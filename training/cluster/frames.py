"""Messages over a socket: a kind, a length, and so many bytes."""

import socket
import struct

DATA, FAIL, BYE = b"data", b"fail", b"bye."

_HEADER = struct.Struct(">4sQ")
# Above any network's variables; below what a stranger's bytes would mean.
_LARGEST = 2**36
_CHUNK_BYTES = 2**20

# A machine that vanishes is noticed after 10 + 3 * 5 seconds of silence.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
_UNACKNOWLEDGED_MS = 25_000


def send(connection, kind, data=b""):
    """Sends a message.

    Args:
        connection: `socket.socket`.
        kind: One of the constants above.
        data: bytes.
    """
    connection.sendall(_HEADER.pack(kind, len(data)) + data)


def receive(connection):
    """Returns kind and bytes of the next message.

    Raises:
        EOFError: If the connection was closed.
        ValueError: If it is no message.
    """
    kind, length = _HEADER.unpack(_read(connection, _HEADER.size))
    if kind not in (DATA, FAIL, BYE) or length > _LARGEST:
        raise ValueError(f"Not a message: {kind!r}")
    return kind, _read(connection, length)


def listen(port):
    """Returns a socket that listens at a port of all networks.

    Addresses are reused: TensorFlow listens at the same port, once this socket
    is closed, while the connections that it has accepted live on.
    """
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True
        )
    return socket.create_server(("", port))


def keep_alive(connection):
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


def _read(connection, length):
    parts, missing = [], length
    while missing:
        part = connection.recv(min(missing, _CHUNK_BYTES))
        if not part:
            raise EOFError("the connection was closed")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
