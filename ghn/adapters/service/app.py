"""The routes: what each takes and gives, and who does the work."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response, Security
from fastapi.security import HTTPBearer

import ghn
from ghn.adapters.service import schemas as s
from ghn.adapters.service.details import decisions, describe
from ghn.adapters.service.examples import openapi
from ghn.adapters.service.joining import Joiner
from ghn.adapters.service.limits import BoundedBodies, Limits
from ghn.adapters.service.memory import Memory
from ghn.adapters.service.problems import RefusedError, add_handlers, described
from ghn.adapters.service.security import Access, Guarded
from ghn.adapters.service.served import Given, Served
from ghn.errors import ConfigError, GhnError
from ghn.nets.ghn import GHN
from ghn.types import Score

FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
ERRORS = (400, 401, 403, 404, 408, 413, 422, 500, 503, 504)


class Service:
    """What answers: the spaces that are served, what is known of their trainings, and the queue.

    Args:
        served: the first is meant where a request names none.
        folder: where observations are kept.
        limits: of one request.
        direction: `maximize` or `minimize` what is observed.
        pool: candidates among which `/suggest` chooses.

    Raises:
        ConfigError: nothing is served, or two of one name.
        DataError: what is in the folder is damaged, or of another space or direction.
    """

    def __init__(
        self, served: Sequence[Served], folder: Path, limits: Limits, *, direction: str = "maximize", pool: int = 32
    ) -> None:
        names = [one.name for one in served]
        if not served or len(set(names)) < len(names):
            raise ConfigError(
                "checkpoints of different spaces can be served together",
                got=names,
                fix="those of one space are read together: checkpoint=[[A, B]]",
            )
        self.served = {one.name: one for one in served}
        self.limits, self.direction = limits, direction
        self.memories = {
            one.name: Memory(one, folder, direction=direction, pool=pool) for one in served if one.ranker is not None
        }
        self.joiner = Joiner(limits)

    def find(self, name: str | None) -> Served:
        """The space that a request names, or the first."""
        if name is None:
            return next(iter(self.served.values()))
        if name not in self.served:
            raise RefusedError(404, "this space is not served", got=name, expected=" | ".join(self.served))
        return self.served[name]

    def memory(self, name: str | None, use: str) -> Memory:
        """What is known of trainings in a space; a bank has no memory."""
        served = self.find(name)
        served.needs_ranker(use)
        return self.memories[served.name]

    async def ask(
        self, kind: tuple[Any, ...], archs: Sequence[Any], do: Callable[[Sequence[Any]], Sequence[Any]], more: int = 0
    ) -> Sequence[Any]:
        """The answer about some networks, in the worker; `more` are networks that are asked about beside them."""
        self.limits.check_count("architectures", len(archs) + more)
        return await self.joiner.ask(kind, archs, do)

    async def close(self) -> None:
        """Finishes what waits and writes what is known; what was observed is on disk already."""
        await self.joiner.close()
        for memory in self.memories.values():
            try:
                memory.close()
            except GhnError as error:
                print(f"error: {error}", file=sys.stderr)


def make_app(service: Service, access: Access | None = None) -> FastAPI:
    """The application; it begins to work with its lifespan, and ends with it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.joiner.start()
        yield
        await service.close()

    access = access or Access()
    app = FastAPI(
        title="ghn",
        version=ghn.__version__,
        description="How good neural architectures are, without training them. Higher values are better. "
        "One architecture that fails does not fail the others of its request.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    add_handlers(app)
    app.include_router(_pages(service))
    documented = [Security(HTTPBearer(auto_error=False))] if access.token is not None else []
    for routes in (_single, _many, _searches):
        app.include_router(routes(service), dependencies=documented)
    app.add_middleware(BoundedBodies, limits=service.limits)
    app.add_middleware(Guarded, access=access)  # the last one added is asked first
    app.openapi = partial(openapi, app, service.find(None).example)  # type: ignore[method-assign]
    return app


def _pages(service: Service) -> APIRouter:
    """The page, and whether the server lives."""
    router = APIRouter()
    for path, (name, kind) in FILES.items():
        content = files("ghn.adapters.service").joinpath("page", name).read_bytes()
        reply = partial(Response, content, media_type=f"{kind}; charset=utf-8")
        router.add_api_route(path, partial(_file, reply), include_in_schema=False, response_class=Response)

    @router.get("/healthz", summary="Whether the server lives", responses=described(400, 403, 413, 500))
    async def healthz() -> s.HealthResponse:
        return s.HealthResponse(status="ok", version=ghn.__version__, waiting=service.joiner.waiting)

    return router


async def _file(reply: Callable[[], Response]) -> Response:
    return reply()


def _single(service: Service) -> APIRouter:
    """What is served, and questions about one network."""
    router = APIRouter(responses=described(*ERRORS))

    @router.get("/spaces", summary="What is served, and within which limits")
    async def spaces() -> s.SpacesResponse:
        known = [_space(one, service.memories.get(one.name)) for one in service.served.values()]
        return s.SpacesResponse(spaces=known, direction=service.direction, limits=asdict(service.limits))

    @router.post("/describe", summary="One architecture: decisions, size, drawing, neighbours")
    async def describe_(asked: s.DescribeRequest) -> s.DescribeResponse:
        served = service.find(asked.space)
        (found,) = await service.ask(("describe", served.name), [asked], partial(_each, partial(describe, served)))
        return _or_raise(found)

    @router.post(
        "/weights",
        summary="Initial weights of one network, as safetensors",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def weights(asked: s.WeightsRequest) -> Response:
        served = service.find(asked.space)
        (found,) = await service.ask(("weights", served.name), _given([asked.architecture]), served.weights)
        name = {"content-disposition": 'attachment; filename="weights.safetensors"'}
        return Response(_or_raise(found), media_type="application/octet-stream", headers=name)

    return router


def _many(service: Service) -> APIRouter:
    """Questions about several networks."""
    router = APIRouter(responses=described(*ERRORS))

    @router.post("/score", summary="Scores of networks with generated weights")
    async def score(asked: s.ScoreRequest) -> s.ScoresResponse:
        served = service.find(asked.space)
        how = {"readout": asked.readout, "skeletons": asked.skeletons}
        scores = await service.ask(
            ("score", served.name, *how.values()), _given(asked.architectures), partial(served.score, **how)
        )
        return s.ScoresResponse(space=served.name, scores=[_scored(one) for one in scores])

    @router.post("/rank", summary="Networks judged with everything at hand")
    async def rank(asked: s.RankRequest) -> s.ScoresResponse:
        served, known = service.find(asked.space), asked.references
        served.needs_ranker("rank")
        scores = await service.ask(
            ("rank", served.name, frozenset(known.items())),
            _given(asked.architectures),
            partial(served.rank, references=known),
            len(known),
        )
        return s.ScoresResponse(space=served.name, scores=[_scored(one) for one in scores])

    @router.post("/embed", summary="Feature vectors of networks")
    async def embed(asked: s.EmbedRequest) -> s.EmbedResponse:
        served = service.find(asked.space)
        served.needs_ranker("embed")
        found = await service.ask(("embed", served.name), _given(asked.architectures), served.embed)
        return s.EmbedResponse(space=served.name, embeddings=[_embedding(one) for one in found])

    return router


def _searches(service: Service) -> APIRouter:
    """What a search asks and tells."""
    router = APIRouter(responses=described(*ERRORS))

    @router.post("/suggest", summary="What to train next")
    async def suggest(asked: s.SuggestRequest) -> s.SuggestResponse:
        memory = service.memory(asked.space, "suggest")
        name = memory.served.name
        service.limits.check_count("suggestions", asked.n)
        (texts,) = await service.joiner.ask(
            ("suggest", name), [(asked.n, asked.by)], memory.suggest, memory.keep_unclaimed
        )
        await memory.announce(texts)
        return s.SuggestResponse(space=name, architectures=list(texts), observed=memory.observed)

    @router.post("/observe", summary="What a training gave; on disk before the answer")
    async def observe(asked: s.ObserveRequest) -> s.ObserveResponse:
        memory = service.memory(asked.space, "observe")
        await memory.observe(asked.architecture, asked.value)
        best = None if memory.best is None else s.Best(architecture=memory.best[0], value=memory.best[1])
        return s.ObserveResponse(space=memory.served.name, observed=memory.observed, failed=memory.failed, best=best)

    return router


def _given(archs: Sequence[str | s.GraphBody]) -> list[Given]:
    return [one if isinstance(one, str) else one.model_dump(by_alias=True) for one in archs]


def _each(do: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """What `do` gives for each, or what it raised on purpose."""
    found = []
    for item in items:
        try:
            found.append(do(item))
        except GhnError as error:
            found.append(error)
    return found


def _or_raise(found: Any) -> Any:
    if isinstance(found, GhnError):
        raise found
    return found


def _scored(score: Score) -> s.Scored:
    numbers: Mapping[str, Any] = score.extra if score.ok else {}
    return s.Scored(
        value=score.value if score.ok else None,
        std=score.std,
        error=score.error,
        readings={name: value for name, value in numbers.items() if isinstance(value, int | float)},
    )


def _embedding(found: list[float] | str) -> s.Embedding:
    return s.Embedding(vector=None, error=found) if isinstance(found, str) else s.Embedding(vector=found, error=None)


def _space(served: Served, memory: Memory | None) -> s.ServedSpace:
    population = None if served.ranker is None else served.ranker.population
    return s.ServedSpace(
        name=served.name,
        settings=served.space.describe(),
        checkpoint=served.label,
        method=served.model.method,
        ranks=isinstance(served.model.net, GHN),
        decisions=decisions(served),
        population={} if population is None else population.describe(),
        example=served.example,
        observed=0 if memory is None else memory.observed,
    )
