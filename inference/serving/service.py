"""The service: which address answers what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Coroutine
import contextlib
from typing import Any
from typing import TypeVar

from starlette import applications
from starlette import exceptions
from starlette import requests
from starlette import responses
from starlette import routing
from starlette import types

from inference import predictor as predictor_lib
from inference.serving import admission as admission_lib
from inference.serving import answers
from inference.serving import checking
from inference.serving import config as config_lib
from inference.serving import counters as counters_lib
from inference.serving import gate
from inference.serving import page as page_lib
from inference.serving import scorer as scorer_lib
from inference.serving import uploads as uploads_lib

_T = TypeVar("_T")


def create_app(
    predictor: predictor_lib.Predictor,
    config: config_lib.ServeConfig,
    *,
    check: checking.Check | None = None,
) -> types.ASGIApp:
    """Returns the ASGI application.

    Args:
        predictor: What is served.
        config: To whom, and how much.
        check: The input check of `scorer.Scorer`.
    """
    counters = counters_lib.Counters()
    limited = scorer_lib.limit_pixels(predictor, config.max_pixels)
    service = _Service(
        scorer_lib.Scorer(limited, counters, check), limited, config, counters
    )
    return gate.Gate(
        service.app,
        host=config.host,
        allowed_hosts=config.allowed_hosts or (),
        token=config.token,
        counters=counters,
        max_request_bytes=config.max_request_bytes,
        timeout=config.timeout,
    )


class _Service:
    """What the addresses share."""

    def __init__(
        self,
        scorer: scorer_lib.Scorer,
        predictor: predictor_lib.Predictor,
        config: config_lib.ServeConfig,
        counters: counters_lib.Counters,
    ) -> None:
        self._scorer = scorer
        self._config = config
        self._counters = counters
        self._admission = admission_lib.Admission(
            config.queue_size, config.max_request_bytes
        )
        counters.in_progress = lambda: self._admission.num_images
        # The same in every answer.
        self._facts = {
            "class_names": list(predictor.class_names),
            "threshold": predictor.threshold,
            "temperature": predictor.temperature,
            "model": predictor.sha256,
        }
        self._page = page_lib.render(predictor, config)
        self.app = applications.Starlette(
            routes=[
                routing.Route("/", self.show_page),
                routing.Route("/assets/{name}", self.show_asset),
                routing.Route("/healthz", self.check_health),
                routing.Route("/metrics", self.show_counts),
                routing.Route("/v1/predict", self.predict, methods=["POST"]),
            ],
            exception_handlers={
                answers.Refused: answers.of_refusal,
                exceptions.HTTPException: answers.of_http_error,
                requests.ClientDisconnect: answers.of_disconnect,
                MemoryError: answers.of_lack_of_memory,
                Exception: answers.of_defect,
            },
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        async with self._scorer.running():
            yield

    async def show_page(self, _: requests.Request) -> responses.Response:
        return responses.HTMLResponse(self._page)

    async def show_asset(self, request: requests.Request) -> responses.Response:
        asset = page_lib.read_asset(request.path_params["name"])
        if asset is None:
            raise exceptions.HTTPException(404)
        return responses.Response(asset.content, media_type=asset.media_type)

    async def check_health(self, _: requests.Request) -> responses.Response:
        return responses.JSONResponse({"status": "ok"})

    async def show_counts(self, _: requests.Request) -> responses.Response:
        return responses.Response(
            self._counters.render(),
            headers={"Content-Type": counters_lib.MEDIA_TYPE},
        )

    async def predict(self, request: requests.Request) -> responses.Response:
        """Scores the films of a request; `?explain=true` adds pictures."""
        explain = _read_explain(request.query_params.get("explain"))
        with self._admission.request() as ticket:
            received = [
                await self._in_time(
                    self._read(request, ticket),
                    answers.Refused(408, "The request came too slowly."),
                )
            ]
            return await self._in_time(
                self._answer(request, received, ticket, explain),
                answers.Refused(
                    503,
                    "This took too long. Try fewer films, or later.",
                    {"Retry-After": "1"},
                ),
            )

    async def _in_time(
        self, work: Coroutine[Any, Any, _T], refusal: answers.Refused
    ) -> _T:
        try:
            return await asyncio.wait_for(work, self._config.timeout)
        except asyncio.TimeoutError:
            raise refusal from None

    async def _read(
        self, request: requests.Request, ticket: admission_lib.Ticket
    ) -> bytes:
        """Returns the body, unless it is too large."""
        limit = self._config.max_request_bytes
        length = request.headers.get("content-length", "")
        promised = int(length) if length.isdecimal() else 0
        too_large = answers.Refused(
            413, f"A request may have {self._config.max_request_mb:g} MB."
        )
        if promised > limit:
            raise too_large
        size, chunks = 0, []
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large
            ticket.add(num_bytes=len(chunk))
            chunks.append(chunk)
        return b"".join(chunks)

    async def _answer(
        self,
        request: requests.Request,
        received: list[bytes],
        ticket: admission_lib.Ticket,
        explain: bool,
    ) -> responses.Response:
        uploads = await self._scorer.in_thread(
            uploads_lib.parse,
            request.headers.get("content-type", ""),
            # Not kept beside the films that were in it.
            received.pop(),
            self._config.max_images,
        )
        ticket.add(num_images=len(uploads) - 1)
        rows = await self._score(uploads, explain)
        content = {"predictions": rows, **self._facts}
        errors = [row["error"] for row in rows]
        if not all(errors):
            return responses.JSONResponse(content)
        subject = "The film" if len(errors) == 1 else "No film"
        verb = "cannot" if len(errors) == 1 else "can"
        content["error"] = f"{subject} {verb} be scored: {'; '.join(errors)}."
        return responses.JSONResponse(content, 422)

    async def _score(
        self, uploads: list[uploads_lib.Upload], explain: bool
    ) -> list[dict[str, Any]]:
        tasks = [
            asyncio.ensure_future(self._scorer.score(each, explain=explain))
            for each in uploads
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            # Where one has failed, nobody waits for the others.
            for task in tasks:
                task.cancel()


def _read_explain(value: str | None) -> bool:
    choices = {None: False, "false": False, "true": True}
    if value not in choices:
        raise answers.Refused(400, "`explain` must be true or false.")
    return choices[value]
