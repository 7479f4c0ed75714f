"""How the server is set up, without running it."""

import asyncio

from inference.serving import config as config_lib
from inference.serving import server
from inference.serving import sockets
from tests.helpers import services


def test_request_that_was_begun_has_its_time_when_the_service_ends(monkeypatch):
    """To arrive, and as long again to be answered."""
    made, asked = [], []

    class Server:
        def __init__(self, config):
            made.append(config)

        def run(self, sockets):
            assert sockets

    def limited(seconds, original=server.connections.limited):
        asked.append(seconds)
        return original(seconds)

    monkeypatch.setattr(server.uvicorn, "Server", Server)
    monkeypatch.setattr(server.connections, "limited", limited)
    config = config_lib.ServeConfig(workdir="run", port=0, timeout=7.5)
    with sockets.bind(config) as sock:
        server.serve(sock, services.make_predictor(), config)
    assert made[0].timeout_graceful_shutdown >= 2 * config.timeout
    assert issubclass(made[0].http, asyncio.Protocol)
    assert asked == [config.timeout]
