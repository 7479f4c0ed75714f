"""Bodies of requests that are answered before they have arrived."""

from __future__ import annotations

import asyncio

from starlette import datastructures
from starlette import types

# As many bytes as a request may have, times this, are read for nothing.
_FACTOR = 4


class Body:
    """What a request brings, as far as it was asked for."""

    def __init__(self, scope: types.Scope, receive: types.Receive) -> None:
        """Has received nothing yet.

        Args:
            scope: Of the request, as ASGI has it.
            receive: Returns its next message.
        """
        headers = datastructures.Headers(scope=scope)
        self._receive = receive
        self._is_complete = False
        # Who waits to be told to send hears an answer before it does.
        self._is_sent = "expect" not in headers
        # Else the server itself reads what is left, since a request may follow.
        self._is_last = (
            scope.get("http_version") == "1.0"
            or "close" in headers.get("connection", "").lower()
        )

    async def receive(self) -> types.Message:
        """Returns the next message, as ASGI has it."""
        message = await self._receive()
        self._is_sent = True
        self._is_complete = not message.get("more_body", False)
        return message

    async def drain(self, max_bytes: int, timeout: float) -> None:
        """Reads what is left, so that the client hears an answer.

        One that is still sending does not, if its connection is closed: it
        would be told of a broken pipe, and not why.

        Args:
            max_bytes: Of a request; of one far larger less is read than it has.
            timeout: Seconds that it takes at most.
        """
        if not self._is_last or not self._is_sent:
            return
        try:
            await asyncio.wait_for(self._drain(_FACTOR * max_bytes), timeout)
        except asyncio.TimeoutError:
            pass

    async def _drain(self, max_bytes: int) -> None:
        size = 0
        while not self._is_complete and size <= max_bytes:
            message = await self.receive()
            size += len(message.get("body", b""))
