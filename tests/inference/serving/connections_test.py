"""Connections over which nothing comes or goes, and those that are slow."""

import socket
import threading
import time

import pytest

from tests.helpers import services

# Nothing may come for so long: more than a busy machine may need, too.
_SECONDS = 1.0

_LARGE = bytes(40_000_000)

_ASK = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _answer(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    head = {"type": "http.response.start", "status": 200, "headers": []}
    await send(head)
    body = _LARGE if scope["path"] == "/large" else b"small"
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
    ],
)
def test_connection_without_a_request_is_ended(said):
    with services.listening(_answer, _SECONDS) as (port, server):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(30)
            client.sendall(said)
            received = b""
            while block := client.recv(10_000):
                received += block
            assert not server.server_state.connections
    assert received.startswith(b"HTTP/1.1 200") == said.startswith(b"GET")


@pytest.fixture
def asked():
    """A client that has not read its answer, and the server that holds it."""
    with services.listening(_answer, _SECONDS) as (port, server):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(30)
            client.sendall(_ASK)
            yield client, server


@pytest.mark.parametrize("more", [b"", _ASK])
def test_answer_that_nobody_reads_is_thrown_away(asked, more):
    """Whether or not another has to wait for it."""
    client, server = asked
    assert client.recv(12) == b"HTTP/1.1 200"
    client.sendall(more)
    deadline = time.monotonic() + 20
    while server.server_state.connections:
        assert time.monotonic() < deadline


def test_answer_that_is_read_slowly_is_read_to_its_end(asked):
    client, _ = asked
    size, ended = 0, time.monotonic() + 2.5 * _SECONDS
    while size < len(_LARGE):
        block = client.recv(2**18)
        assert block
        size += len(block)
        if time.monotonic() < ended:
            threading.Event().wait(0.02)
    assert time.monotonic() > ended
