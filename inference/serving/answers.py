"""What is said to a client: JSON, and in an error a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette import exceptions
from starlette import requests
from starlette import responses


class Refused(Exception):
    """A request that is not served.

    Attributes:
        status: Of HTTP.
        message: A sentence for the client.
        headers: Of the answer.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] = {}
    ) -> None:
        """Takes all that the answer says."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def busy(message: str) -> Refused:
    """Returns the refusal of what could be served a little later."""
    return Refused(429, message, {"Retry-After": "1"})


def error(
    status: int, message: str, headers: Mapping[str, str] = {}
) -> responses.JSONResponse:
    """Returns the answer of an error."""
    return responses.JSONResponse(
        {"error": message}, status, headers=dict(headers)
    )


def of_refusal(_: Any, refusal: Exception) -> responses.JSONResponse:
    """Returns the answer to what is `Refused`."""
    assert isinstance(refusal, Refused)
    return error(refusal.status, refusal.message, refusal.headers)


def of_http_error(_: Any, problem: Exception) -> responses.JSONResponse:
    """Returns the answer to an error that Starlette finds."""
    assert isinstance(problem, exceptions.HTTPException)
    message = {
        404: "There is nothing here. Films go to POST /v1/predict.",
        405: "This address takes another method. Films go to POST /v1/predict.",
    }.get(problem.status_code, problem.detail)
    return error(problem.status_code, message, problem.headers or {})


def of_lack_of_memory(_: Any, __: Exception) -> responses.JSONResponse:
    """Returns the answer where there is too little memory."""
    return error(503, "There is too little memory now.", {"Retry-After": "1"})


def of_disconnect(_: Any, problem: Exception) -> responses.Response:
    """Returns what is counted of a client that went before its answer.

    499, as by nginx; nobody hears it.
    """
    assert isinstance(problem, requests.ClientDisconnect)
    return responses.Response(status_code=499)


def of_defect(_: Any, __: Exception) -> responses.JSONResponse:
    """Returns the answer to an error of ours, of which it tells nothing."""
    return error(
        500,
        "The service has a defect, and this request met it. Others are served.",
    )
