"""How much one request may ask for: bodies are counted before they are in memory, networks before they are made."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from math import prod

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ghn.adapters.service.problems import RefusedError, send_problem
from ghn.errors import ConfigError, GraphError
from ghn.graph.ir import Graph
from ghn.graph.stats import graph_stats

HEARD = 16  # times as many bytes as a body may have: to their end, though they are refused


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may ask for; every number is at least 1.

    Attributes:
        body: bytes of a request.
        networks: architectures of a request, references included.
        string: characters of an architecture.
        nodes: operations of a network.
        depth: operations on its longest path.
        params: its weights.
        macs: its multiply-adds for one input.
        values: numbers that it goes through for one input, with the padding that its windows read.
        seconds: that a request may take, waiting included.
        waiting: requests that wait or are worked on.
        joined: networks of several requests that are judged in one call.
        kept: readings of networks that are kept in memory, for each way to read them.
    """

    body: int = 1 << 20
    networks: int = 64
    string: int = 8192
    nodes: int = 1000
    depth: int = 1000
    params: int = 30_000_000
    macs: int = 500_000_000
    values: int = 4_000_000
    seconds: float = 60.0
    waiting: int = 64
    joined: int = 64
    kept: int = 10_000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (isinstance(value, int | float) and 0 < value < float("inf")):
                raise ConfigError(f"limits.{name} is a number above 0", got=value)

    def check_count(self, what: str, n: int) -> None:
        """Refuses a request for too many networks, with 413."""
        if n > self.networks:
            raise RefusedError(
                413, f"too many {what} in one request", got=n, expected=f"at most {self.networks}", fix="ask in parts"
            )

    def check_text(self, text: str) -> None:
        """Refuses an architecture that is too long, before it is read.

        Raises:
            GraphError: it is longer than `string`.
        """
        if len(text) > self.string:
            got, expected = f"{len(text)} characters", f"at most {self.string}"
            raise GraphError("the text of an architecture is too long", got=got, expected=expected)

    def check_graph(self, graph: Graph) -> None:
        """Refuses a network that is too large or too deep; nothing is allocated for it.

        Raises:
            GraphError: a number is above its limit; the first is named.
        """
        stats = graph_stats(graph)
        found = {
            "nodes": len(graph),
            "depth": max(graph.levels),
            "params": stats.params,
            "macs": stats.macs,
            "values": computed_values(graph),
        }
        for name, value in found.items():
            if value > (most := asdict(self)[name]):
                raise GraphError(f"the network is too large: {name}", got=value, expected=f"at most {most}")


def computed_values(graph: Graph) -> int:
    """Numbers that a network goes through for one input: all nodes for each of their inputs, and padding of windows."""
    total = 0
    for i, node in enumerate(graph.nodes):
        total += prod(node.shape) * max(1, len(node.inputs))
        if padding := node.attr.get("padding", 0):
            c, *sides = graph.input_shapes(i)[0]
            total += c * prod(side + 2 * padding for side in sides)
    return total


class BoundedBodies:
    """Middleware that counts the bytes of a body while they come, and stops where they are too many or too slow.

    What is somewhat too large is heard to its end, and not kept: whoever is cut short while sending never reads why.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check_length(scope)
            async with asyncio.timeout(self.limits.seconds):
                body = await self._read(receive)
        except RefusedError as refused:
            await send_problem(refused, scope, receive, send)
        except TimeoutError:
            slow = RefusedError(408, "the request did not come whole", expected=f"within {self.limits.seconds} s")
            await send_problem(slow, scope, receive, send)
        else:
            await self.app(scope, _replayed(body, receive), send)

    def _check_length(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > HEARD * self.limits.body:
                raise self._too_large()

    async def _read(self, receive: Receive) -> bytes:
        body, size, more = bytearray(), 0, True
        while more and size <= HEARD * self.limits.body:
            message = await receive()
            if message["type"] != "http.request":  # whoever asked has gone
                break
            size += len(part := message.get("body", b""))
            more = message.get("more_body", False)
            if size <= self.limits.body:
                body += part
        if size > self.limits.body:
            raise self._too_large()
        return bytes(body)

    def _too_large(self) -> RefusedError:
        expected = f"at most {self.limits.body} bytes"
        return RefusedError(413, "the body of the request is too large", expected=expected, fix="ask in parts")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hands a body that was read out once more, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
