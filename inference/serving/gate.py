"""Who is let in, and what every answer carries."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
import hmac
import ipaddress
import logging
import pathlib
import time
from typing import Any
import urllib.parse

from starlette import datastructures
from starlette import responses
from starlette import types

from inference.serving import answers
from inference.serving import bodies
from inference.serving import config as config_lib
from inference.serving import counters as counters_lib

# Of the page. Pictures come as data; no script but our file, and no other page
# around it.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

_HEADERS = {
    # Films and scores of patients.
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# Says that the service lives, and nothing else.
_OPEN_PATHS = ("/healthz",)

_ASK = {"WWW-Authenticate": 'Basic realm="xray-tfds", charset="UTF-8"'}


class Gate:
    """The outermost layer of the service.

    The `Host` of a request must be one of ours: else a page elsewhere, whose
    name is made to point here, could read the answers (DNS rebinding). An
    `Origin` must be the same, or a name that was allowed, since a proxy may
    tell us its own: else it could have films scored, though it could not read
    the answers. There is no CORS.
    """

    def __init__(
        self,
        app: types.ASGIApp,
        *,
        host: str,
        allowed_hosts: Collection[str],
        token: str | None,
        counters: counters_lib.Counters,
        max_request_bytes: int,
        timeout: float,
    ) -> None:
        """Stands before an application.

        Args:
            app: What is behind it.
            host: Address that is listened on.
            allowed_hosts: Further names that a `Host` may have.
            token: What a client must know; None if nothing.
            counters: Counts the requests.
            max_request_bytes: Of a request that is served.
            timeout: Seconds that it may take to arrive.
        """
        self._app = app
        self._is_local = config_lib.is_loopback(host)
        self._allowed = {name.lower() for name in allowed_hosts}
        self._names = {host.lower(), "localhost", *self._allowed}
        self._token = token
        self._counters = counters
        self._max_request_bytes = max_request_bytes
        self._timeout = timeout

    async def __call__(
        self, scope: types.Scope, receive: types.Receive, send: types.Send
    ) -> None:
        """Serves a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        body = bodies.Body(scope, receive)

        async def send_with_headers(message: types.Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = datastructures.MutableHeaders(scope=message)
                headers.update(_HEADERS)
                await body.drain(self._max_request_bytes, self._timeout)
            await send(message)

        app = self._refuse(scope) or self._app
        try:
            await app(scope, body.receive, send_with_headers)
        except Exception as error:
            # Starlette has answered. What was said in the error may be of a
            # film: the place must do.
            logging.getLogger(__name__).error(_describe(error))
        finally:
            # 499, as in `answers.of_disconnect`: it was not answered.
            seconds = time.perf_counter() - started
            self._counters.count_request(status or 499, seconds)

    def _refuse(self, scope: types.Scope) -> responses.Response | None:
        """Returns the answer to who is not let in; None for all others."""
        headers = datastructures.Headers(scope=scope)
        host = _host_of(f"//{headers.get('host', '')}")
        if not self._is_ours(host):
            return answers.error(
                400,
                "This service does not go by that name. Its owner can allow it "
                "by --allowed_hosts=NAME.",
            )
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) not in (
            host,
            *self._allowed,
        ):
            return answers.error(403, "Other pages may not use this service.")
        if scope["path"] in _OPEN_PATHS or self._knows_token(headers):
            return None
        return answers.error(
            401,
            "A token is needed, as in: Authorization: Bearer TOKEN.",
            _ASK,
        )

    def _is_ours(self, host: str | None) -> bool:
        if host is None:
            return False
        if host in self._names:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        # An address is no name that could be made to point elsewhere.
        return address.is_loopback or not self._is_local

    def _knows_token(self, headers: datastructures.Headers) -> bool:
        if self._token is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            # A browser asks for it by itself; the name does not matter.
            try:
                text = base64.b64decode(given, validate=True).decode()
            except (binascii.Error, ValueError):
                return False
            given = text.partition(":")[2]
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(given.encode(), self._token.encode())


def _host_of(address: str) -> str | None:
    """Returns name or IP address in lower case; None if there is none."""
    try:
        return urllib.parse.urlsplit(address).hostname
    except ValueError:
        return None


def _describe(error: BaseException) -> str:
    trace: Any = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        name = pathlib.PurePath(trace.tb_frame.f_code.co_filename).name
        where = f" at {name}:{trace.tb_lineno}"
    return f"A request met a defect: {type(error).__name__}{where}"
