"""Connections that bring no request, or fetch no answer, and are ended."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http import auto

# Either of two, whichever library is installed.
_Http: Any = auto.AutoHTTPProtocol


def limited(seconds: float) -> type[asyncio.Protocol]:
    """Returns HTTP as uvicorn speaks it, to clients that go on.

    uvicorn itself ends a connection that is idle between two requests. One that
    sends no request at all, or half of its head, it keeps as long as the client
    likes; and so it does the answer to a client that does not read. A thousand
    of these would be all that it serves (`server._MAX_CONNECTIONS`), without
    knowing a token. Until it has a limit of its own:
    https://github.com/Kludex/uvicorn/pull/1192.

    Args:
        seconds: In which a request must have come, or some of an answer gone,
            unless a request is being answered; in twice as many it is noticed.
    """

    class Protocol(_Http):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._before: Any = None
            self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _look(self) -> None:
            self._timer = self.loop.call_later(seconds, self._look)
            num_bytes = self.transport.get_write_buffer_size()
            now = self.cycle, num_bytes
            # Of two requests the second is not answered before the client has
            # read the first answer.
            is_waiting = (
                self.cycle is None or self.cycle.response_complete or num_bytes
            )
            if is_waiting and now == self._before:
                # Not `close`, which waits for the client to read.
                self.transport.abort()
            self._before = now if is_waiting else None

    return Protocol
