"""What is answered when something is wrong: one form for every error, with what to do about it."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ghn.errors import ConfigError, ExistsError, GhnError

SHOWN = 200  # characters of what was wrong
INPUT_ERRORS = 422


class Problem(BaseModel):
    """What was wrong, and what to do about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "what": "too many architectures in one request",
                    "got": "70",
                    "expected": "at most 64",
                    "fix": "ask in parts",
                }
            ]
        }
    )
    what: str = Field(description="what is wrong")
    got: str | None = Field(default=None, description="what was given")
    expected: str | None = Field(default=None, description="what would be right")
    fix: str | None = Field(default=None, description="what to do")


class RefusedError(GhnError):
    """A request that is not served, with the status that says why."""

    def __init__(self, status: int, what: str, headers: Mapping[str, str] | None = None, **parts: Any) -> None:
        super().__init__(what, **parts)
        self.status, self.headers = status, dict(headers or {})


DESCRIBED = {
    400: "The body is not JSON that can be read.",
    401: "The token is missing or wrong.",
    403: "The request comes by a name that this server does not go by.",
    404: "No such space is served.",
    408: "The request did not come whole in time.",
    413: "The request is larger than the limits of this server.",
    422: "Something in the request is not what it should be.",
    500: "Something failed here; the server's log says what.",
    503: "Too much is waiting, or the server is about to stop; ask again after Retry-After seconds.",
    504: "The answer took longer than this server allows.",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, as OpenAPI describes them."""
    return {status: {"model": Problem, "description": DESCRIBED[status]} for status in statuses}


def answer(error: GhnError) -> JSONResponse:
    """The response that tells of an error."""
    if isinstance(error, RefusedError):
        return respond(error.status, error, error.headers)
    status = INPUT_ERRORS if isinstance(error, ValueError) and not isinstance(error, ExistsError) else 500
    return respond(status, error)


def respond(status: int, error: GhnError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A `Problem` with a status."""
    told = Problem(
        what=shown(error.what), got=_maybe(error.got), expected=_maybe(error.expected), fix=_maybe(error.fix)
    )
    return JSONResponse(told.model_dump(), status, headers)


async def send_problem(error: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers from a middleware; what is left of the body is not waited for."""
    error.headers["Connection"] = "close"
    await answer(error)(scope, receive, send)


def shown(value: object) -> str:
    """Any value as short text that can be sent."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # such as what is nested too deeply
        text = type(value).__name__
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 5 * SHOWN else f"{text[: 5 * SHOWN]}..."


def add_handlers(app: FastAPI) -> None:
    """Makes every error of an app a `Problem`."""

    @app.exception_handler(GhnError)
    async def refused(_request: Request, error: GhnError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def misformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(_first(error.errors()))

    @app.exception_handler(HTTPException)
    async def missed(_request: Request, error: HTTPException) -> JSONResponse:
        fix = "what there is: GET /openapi.json"
        return respond(error.status_code, GhnError(str(error.detail), fix=fix), error.headers)

    @app.exception_handler(Exception)
    async def broken(_request: Request, error: Exception) -> JSONResponse:
        what = f"{http.HTTPStatus(500).phrase}: {type(error).__name__}"
        return respond(500, GhnError(what, fix="see the log of the server"))


def _first(errors: Sequence[Any]) -> ConfigError:
    """The first of several things that are wrong with a body."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    what = f"{place}: not what it should be" if place else "the body is not what it should be"
    got = shown(first.get("input"))[:SHOWN]
    return ConfigError(what, got=got, expected=str(first["msg"]), fix="what each request takes: GET /openapi.json")


def _maybe(text: str | None) -> str | None:
    return None if text is None else shown(text)
