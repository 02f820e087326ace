"""Who may ask: an optional token, the names that the server goes by, and what a browser may do with its answers."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from secrets import compare_digest

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ghn.adapters.service.problems import RefusedError, send_problem
from ghn.errors import ConfigError
from ghn.reading import reading

VARIABLE = "GHN_SERVE_TOKEN"
LARGEST = 1 << 16  # bytes of its file
SHORTEST = 16  # characters of a token
OPEN = frozenset(("/", "/page.css", "/page.js", "/healthz", "/openapi.json"))  # without a token: nothing is told there
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    # nothing is loaded from elsewhere, framed, or sent elsewhere
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        token: that requests must bring, as `Authorization: Bearer TOKEN`; None: anyone may ask.
        hosts: names by which the server may be called; none: any. On loopback these keep a page from elsewhere, whose
            name is made to lead here, from reading what is served.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(file: str | None) -> str | None:
    """The token in a file, or in the environment; None where there is neither.

    Raises:
        ConfigError: the file cannot be read, or the token is too short or cannot be sent in a header.
    """
    if file is None:
        where, text = VARIABLE, os.environ.get(VARIABLE)
        if text is None:
            return None
    else:
        where = file
        what = f"the file of the token, {file}, cannot be read"
        with reading(what, error=ConfigError), Path(file).open("rb") as opened:  # a pipe will do
            text = opened.read(LARGEST).decode()
    token = text.strip()
    if len(token) < SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
        fix = 'make one: python -c "import secrets; print(secrets.token_urlsafe())"'
        expected = f"at least {SHORTEST} letters, digits and signs, without spaces"
        raise ConfigError(
            f"the token in {where} cannot be used", got=f"{len(token)} characters", expected=expected, fix=fix
        )
    return token


class Guarded:
    """Middleware that refuses who may not ask, before any of a body is read, and adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in own]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            self._check(scope)
        except RefusedError as refused:
            await send_problem(refused, scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.access.hosts and name.lower() not in self.access.hosts:
            raise RefusedError(
                403, "this server does not go by this name", got=host, expected=" | ".join(self.access.hosts)
            )
        if self.access.token is not None and scope["path"] not in OPEN:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            right = compare_digest(given.strip(), self.access.token.encode())
            if scheme.lower() != b"bearer" or not right:
                headers_of = {"WWW-Authenticate": "Bearer"}
                fix = "send the header Authorization: Bearer TOKEN"
                raise RefusedError(401, "the token is missing or wrong", headers_of, fix=fix)
