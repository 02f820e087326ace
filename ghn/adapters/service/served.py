"""A checkpoint that is served: how its networks are read, scored, ranked, embedded and given weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import islice
from random import Random
from typing import Any

import torch
from safetensors.torch import save

from ghn.adapters.service.limits import Limits
from ghn.errors import ArchitectureError, ConfigError, GhnError
from ghn.graph.ir import Graph
from ghn.graph.op import OPS
from ghn.nets.ghn import GHN
from ghn.scoring.cached import Cached
from ghn.scoring.combined import Combined
from ghn.scoring.guard import failure_of, judge
from ghn.scoring.model import Model, Skeletons
from ghn.scoring.ranker import make_ranker
from ghn.types import Estimator, Network, Score, Task, Trial

PAIRS = 20_000_000  # of nodes, in graphs that are read in one call: memory goes with them
FEATURES = 256 << 20  # bytes of features that are kept of networks: one for each pair of nodes
USUAL = 64  # networks that tell what is usual, where the checkpoint does not
Given = str | Mapping[str, Any]  # an official string, or the JSON of a graph


class Served:
    """A hypernetwork, or a bank, with the limits that hold for what is asked of it.

    Every method but `read` answers for many networks at once and runs in one thread; one that fails, fails alone.

    Args:
        name: by which requests ask for it.
        model: what is served.
        label: what a reader is told of the checkpoint.
        task: on which it reads; None: the one that the checkpoint names.
        limits: of one request.
        progress: whether to show a bar where it must first learn what is usual in its space.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        label: str,
        *,
        task: Task | None = None,
        limits: Limits | None = None,
        progress: bool = False,
    ) -> None:
        self.name, self.model, self.label, self.limits = name, model, label, limits or Limits()
        self.space, self.task = model.space, model.images(task)
        for net in (one.net for one in (model, *model.companions) if isinstance(one.net, GHN)):
            net.featurizer.cache_size = max(1, min(net.featurizer.cache_size, FEATURES // self.limits.nodes**2))
        self.example: str = self.space.format(self.space.sample(Random(0)))
        self.ranker = self._make_ranker(progress) if isinstance(model.net, GHN) else None
        self._estimators: dict[Hashable, tuple[Estimator[Any], Cached[Any]]] = {}

    def read(self, given: Given) -> Any:
        """The member of the space, or the network of a graph; nothing is generated for it, and nothing large made.

        Raises:
            GhnError: it is none, or too large.
        """
        if isinstance(given, str):
            self.limits.check_text(given)
            try:
                member = self.space.parse(given)
                self.limits.check_graph(self.space.network(member).graph)
            except GhnError:
                raise
            except Exception as error:  # whatever a space raises for text from anywhere
                raise ArchitectureError("this cannot be read", got=str(failure_of(error).error)) from None
            return member
        return Network.of(self._read_graph(given))

    def score(self, archs: Sequence[Given], readout: str, skeletons: Skeletons) -> list[Score]:
        """Scores by a read-out, as `Model.score`."""
        if (key := (readout, str(skeletons))) not in self._estimators:
            made = self.model.estimator(readout, task=self.task, skeletons=skeletons)
            self._estimators[key] = made, Cached(self.space, made)
        return self._judge(archs, *self._estimators[key])

    def rank(self, archs: Sequence[Given], references: Mapping[str, float]) -> list[Score]:
        """Judges with everything at hand, as `Model.rank`.

        Raises:
            ConfigError: too few references, or this is a bank.
            GhnError: a reference is no member of the space, or too large.
        """
        ranker = self.needs_ranker("rank")
        known = [(Trial(f"reference/{text}", self.read(text)), Score(value)) for text, value in references.items()]
        try:
            ranker.fit(known)
            return self._judge(archs, ranker, ranker)
        finally:
            ranker.fit([])

    def embed(self, archs: Sequence[Given]) -> list[list[float] | str]:
        """A feature vector for each network, or why there is none."""
        net = self.model.hypernetwork("embed")
        found: list[list[float] | str | None] = [None] * len(archs)
        graphs: dict[int, Graph] = {}
        for i, read in enumerate(self._each(archs)):
            if isinstance(read, Score):
                found[i] = str(read.error)
            else:
                graphs[i] = self.model.network(read).graph
        with torch.no_grad():
            for block in _blocks(list(graphs), lambda i: len(graphs[i])):
                for i, vector in zip(block, _alone_if_needed(net, [graphs[i] for i in block]), strict=True):
                    found[i] = vector
        return [one for one in found if one is not None]

    def weights(self, archs: Sequence[Given]) -> list[bytes | GhnError]:
        """The weights of each network, in the safetensors format; or what was wrong."""
        found: list[bytes | GhnError] = []
        for given in archs:
            try:
                made = self.model.weights(self.read(given))
                found.append(save({name: tensor.cpu().contiguous() for name, tensor in made.items()}))
            except GhnError as error:
                found.append(error)
        return found

    def needs_ranker(self, use: str) -> Combined:
        """The estimator behind `rank`; a bank has none, and is refused."""
        self.model.hypernetwork(use)
        assert self.ranker is not None
        return self.ranker

    def _make_ranker(self, progress: bool) -> Combined:
        """The estimator behind `rank`, whose readings are kept."""
        ranker = copy(make_ranker(self.model, task=self.task))
        ranker.members = {name: Cached(self.space, member) for name, member in ranker.members.items()}
        if ranker.population is None:
            # a score must not depend on what else is asked about in the same moment
            ranker.population, _ = ranker.usual(USUAL, progress=progress)
        return ranker

    def _read_graph(self, given: Mapping[str, Any]) -> Graph:
        """A graph of operations whose shapes follow from their inputs, of the shape of the data that is read on."""
        if (n := len(given["nodes"])) > self.limits.nodes:
            raise ConfigError("the network is too large: nodes", got=n, expected=f"at most {self.limits.nodes}")
        for i, node in enumerate(given["nodes"]):
            known = OPS.get(node["op"])
            if known is None or (known.infer is None and i > 0) or not known.runs:
                derived = " | ".join(name for name, op in OPS.items() if op.infer is not None)
                raise ConfigError(f"node {i}: not an operation that is served", got=node["op"], expected=derived)
        shape = tuple(self.task.input_shape)
        if tuple(given["nodes"][0]["shape"]) != shape:
            got = given["nodes"][0]["shape"]
            raise ConfigError("the graph reads other inputs than the checkpoint", got=got, expected=list(shape))
        graph = Graph.from_json(given)
        self.limits.check_graph(graph)
        return graph

    def _each(self, archs: Sequence[Given]) -> Iterator[Any]:
        """What each is, or the failure of one that is nothing."""
        for given in archs:
            started = time.perf_counter()
            try:
                yield self.read(given)
            except GhnError as error:
                yield failure_of(error, time.perf_counter() - started)

    def _judge(self, archs: Sequence[Given], estimator: Estimator[Any], kept: Any) -> list[Score]:
        """Scores: of members by what keeps its answers, of graphs, which have no place in the space, by the other."""
        read = list(self._each(archs))
        members = [Trial(str(i), one) for i, one in enumerate(read) if not isinstance(one, Score | Network)]
        graphs = [Trial(str(i), one) for i, one in enumerate(read) if isinstance(one, Network)]
        with self._bounded(kept):
            scores = dict(zip((t.id for t in members), judge(kept, members), strict=True)) if members else {}
        for block in _blocks(graphs, lambda trial: len(trial.arch.graph)):
            scores |= zip((t.id for t in block), judge(_without_memory(estimator), block), strict=True)
        return [one if isinstance(one, Score) else scores[str(i)] for i, one in enumerate(read)]

    @contextmanager
    def _bounded(self, kept: Any) -> Iterator[None]:
        """Forgets the oldest readings afterwards, where there are too many."""
        yield
        for one in [kept] if isinstance(kept, Cached) else kept.members.values():
            for key in list(islice(one.known, max(0, len(one.known) - self.limits.kept))):
                del one.known[key]


def _blocks(items: Sequence[Any], size: Callable[[Any], int]) -> Iterator[list[Any]]:
    """The items in parts that are small enough for one call, by their numbers of nodes."""
    block: list[Any] = []
    pairs = 0
    for item in items:
        if block and pairs + size(item) ** 2 > PAIRS:
            yield block
            block, pairs = [], 0
        block.append(item)
        pairs += size(item) ** 2
    if block:
        yield block


def _without_memory(estimator: Estimator[Any]) -> Estimator[Any]:
    """The estimator, asking its members themselves where it keeps what they said."""
    if not isinstance(estimator, Combined):
        return estimator
    fresh = copy(estimator)
    fresh.members = {
        name: member.estimator if isinstance(member, Cached) else member for name, member in estimator.members.items()
    }
    return fresh


def _alone_if_needed(net: GHN, graphs: Sequence[Graph]) -> list[list[float] | str]:
    """Vectors of all graphs at once; where one is at fault, one by one, and the fault's reason."""
    if not graphs:
        return []
    try:
        vectors: list[list[float] | str] = [*net.embed(graphs).tolist()]
        return vectors
    except (GhnError, RuntimeError) as error:
        reason = str(failure_of(error).error)
        return [reason] if len(graphs) == 1 else [_alone_if_needed(net, [graph])[0] for graph in graphs]
