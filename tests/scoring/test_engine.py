"""The scoring engine: deterministic, blind to company, frugal, and never stopped by one bad candidate."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from toy_models import CHAIN, CUT_OFF, EDGE, READOUTS, SAMPLE, Counting, cells, toy_net

from ghn.errors import ConfigError, DataError, GraphError
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify
from ghn.nets.initial import RandomInit
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.model import Model
from ghn.scoring.readouts import Sample
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.train.runtime import make_runtime
from ghn.types import Estimator, Score, Trial, WeightDict, Weights

CELLS = cells(12)
Make = Callable[..., WeightedEstimator]


class Ramps:
    """All that weights need."""

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        return [{p.name: torch.linspace(-1, 1, prod(p.shape)).view(p.shape) for p in g.params()} for g in graphs]


class Breaking:
    """Random weights, spoilt for graphs of so many nodes."""

    def __init__(self, nodes: int, how: str) -> None:
        self.nodes, self.how = nodes, how

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        made = zip(graphs, RandomInit()(graphs), strict=True)
        return [self._spoilt(w) if len(g) == self.nodes else w for g, w in made]

    def _spoilt(self, weights: WeightDict) -> WeightDict:
        first = next(iter(weights))
        if self.how == "unknown":
            raise GraphError("an operation that these weights do not know", got="fft")
        if self.how == "missing":
            return {name: w for name, w in weights.items() if name != first}
        return weights | {first: torch.full_like(weights[first], float("nan"))}


@pytest.fixture
def make(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> Make:
    def engine(weights: Weights | None = None, task: ImageTask = toy_task, **options: Any) -> WeightedEstimator:
        options = {"sample": SAMPLE, **options}
        return WeightedEstimator(weights or toy_net().eval(), toy_space, task, fabric, **options)

    return engine


def trials(archs: Sequence[Any]) -> list[Trial[Any]]:
    return [Trial(str(i), arch) for i, arch in enumerate(archs)]


def values(scores: Sequence[Score]) -> list[float]:
    assert all(s.ok for s in scores), [s.error for s in scores]
    return [s.value for s in scores]


@pytest.mark.parametrize("readout", READOUTS)
def test_scores_depend_on_neither_company_nor_order_nor_blocks(make: Make, readout: str) -> None:
    engine, alone = make(readout=readout), make(readout=readout, block=1)
    scores = values(engine.score(trials(CELLS)))
    assert len(set(scores)) > 3
    assert values(engine.score(trials(CELLS))) == scores  # bitwise: nothing is drawn, nothing is kept
    assert values(alone.score(trials(CELLS))) == pytest.approx(scores, abs=1e-5)
    assert values(engine.score(trials(CELLS[::-1])))[::-1] == pytest.approx(scores, abs=1e-5)
    assert values(engine.score(trials(CELLS[5:6]))) == pytest.approx(scores[5:6], abs=1e-5)


def test_is_an_estimator_that_streams_in_order(make: Make) -> None:
    engine = make(block=5)
    assert isinstance(engine, Estimator) and engine.score([]) == []
    given = trials(CELLS)
    assert [t for t, _ in engine.stream(given)] == given
    assert all(s.cost_seconds > 0 for s in engine.score(given))


def test_five_lines_are_weights(make: Make) -> None:
    assert isinstance(Ramps(), Weights)
    assert len(set(values(make(Ramps()).score(trials(CELLS))))) > 6


def test_equal_networks_run_once_and_score_alike(make: Make) -> None:
    weights = Counting(RandomInit())
    engine = make(weights, block=2)
    scores = values(engine.score(trials([CHAIN, EDGE, CELLS[0], EDGE, CHAIN, CELLS[0]])))
    assert weights.asked == 2
    assert scores[0] == scores[1] == scores[3] == scores[4] != scores[2] == scores[5]


BAD = ["|nor_conv_3x3~0|", "|fft~0|+|none~0|none~1|+|none~0|none~1|none~2|", ("none",) * 5, None, 7]


def test_what_is_not_a_member_fails_with_a_reason_and_harms_no_other(make: Make) -> None:
    scores = make().score(trials([CELLS[0], *BAD, CELLS[1]]))
    assert [s.ok for s in scores] == [True, *[False] * len(BAD), True]
    assert "malformed" in scores[1].error and "fft" in scores[2].error
    assert all("NAS-Bench-201" in s.error for s in scores[1:-1])
    assert values([scores[0], scores[-1]]) == pytest.approx(values(make().score(trials(CELLS[:2]))), abs=1e-6)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize(("how", "reason"), [("unknown", "fft"), ("missing", "stem/conv/weight"), ("nan", "finite")])
def test_weights_at_fault_fail_their_candidate_alone(make: Make, readout: str, how: str, reason: str) -> None:
    plain = make(RandomInit(), readout=readout)
    engine = make(Breaking(len(_simplified(plain, EDGE)), how), readout=readout)
    scores = engine.score(trials([CUT_OFF, EDGE, CELLS[0], CHAIN]))
    assert [s.ok for s in scores] == [True, False, True, False]
    assert reason in scores[1].error and scores[3].error == scores[1].error
    assert values([scores[0], scores[2]]) == values(plain.score(trials([CUT_OFF, CELLS[0]])))


def _simplified(engine: WeightedEstimator, arch: Any) -> Graph:
    return simplify(engine.space.network(arch).graph)


def test_streams_from_a_generator_in_the_memory_of_a_block(make: Make) -> None:
    pulled, alive, most = [], weakref.WeakSet(), []

    class Watching(Ramps):
        def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
            gc.collect()
            most.append(len(alive) + len(graphs))
            for graph in graphs:
                alive.add(graph)
            return super().__call__(graphs)

    def endless() -> Iterator[Trial[Any]]:
        for trial in trials(cells(40)):
            pulled.append(trial)
            yield trial

    stream = make(Watching(), block=4).stream(endless())
    assert not pulled
    next(stream)
    assert len(pulled) == 4
    for _ in range(4):
        next(stream)
    assert len(pulled) == 8
    assert len(list(stream)) == 35
    assert max(most) <= 8 and len(most) == 10  # those before are gone when the next but one are made


def test_test_images_are_never_touched_and_train_images_by_ridge_alone(
    make: Make, make_toy_task: Callable[..., ImageTask]
) -> None:
    def scores(readout: str, **seeds: int) -> list[float]:
        return values(make(Ramps(), make_toy_task(**seeds), readout=readout).score(trials(CELLS[:3])))

    for readout in READOUTS:
        assert scores(readout, test=9) == scores(readout)
    assert scores("loss", val=9) != scores("loss")
    other = make_toy_task(train=9)
    usual = make_toy_task().train.normalisation  # comes from the train images, so it is put back
    other = replace(other, **{k: replace(v, normalisation=usual) for k, v in other.splits().items()})
    for readout in READOUTS:
        moved = values(make(Ramps(), other, readout=readout).score(trials(CELLS[:3])))
        assert (moved == scores(readout)) == (readout != "ridge")


def test_candidates_run_with_the_statistics_of_their_batch(make: Make) -> None:
    small, large = (make(sample=Sample(val=32, batch=batch)).score(trials(CELLS[:1]))[0] for batch in (8, 32))
    assert small.value != pytest.approx(large.value, abs=1e-4)


def test_identity_tells_scores_apart(make: Make) -> None:
    engine = make(weights_id="a")
    assert json.loads(json.dumps(engine.identity)) == engine.identity == make(weights_id="a").identity
    others = [make(weights_id="b"), make(weights_id="a", readout="ridge"), make(weights_id="a", sample=Sample(val=16))]
    assert all(other.identity != engine.identity for other in others)


def test_wrong_settings(make: Make) -> None:
    with pytest.raises(ConfigError, match="block"):
        make(block=0)
    with pytest.raises(ConfigError, match=r"loss \| accuracy \| ridge"):
        make(readout="f1")
    with pytest.raises(DataError, match="41"):
        make(sample=Sample(val=41))


@pytest.mark.gpu
@pytest.mark.parametrize("readout", READOUTS)
def test_cuda_agrees_with_the_cpu(toy_model: Model, toy_task: ImageTask, readout: str) -> None:
    on_cpu = toy_model.estimator(readout, task=toy_task, sample=SAMPLE).score(trials(CELLS))
    cuda = make_runtime("cuda")
    engine = WeightedEstimator(
        toy_net().eval().to(cuda.device), toy_model.space, toy_task, cuda, readout=readout, sample=SAMPLE
    )
    assert values(engine.score(trials(CELLS))) == pytest.approx(values(on_cpu), abs=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("readout", READOUTS)
def test_cuda_is_waited_for_once_a_block(toy_space: NASBench201, toy_task: ImageTask, readout: str) -> None:
    cuda = make_runtime("cuda")
    engine = WeightedEstimator(RandomInit(0, cuda.device), toy_space, toy_task, cuda, readout=readout, sample=SAMPLE)
    graphs = [_simplified(engine, arch) for arch in CELLS]
    weights = engine.weights(graphs)
    engine.readout(graphs[0], weights[0])  # kernels and handles are made on first use
    torch.cuda.set_sync_debug_mode("error")
    try:
        readings = [engine.readout(graph, w)["value"] for graph, w in zip(graphs, weights, strict=True)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bool(torch.stack(readings).isfinite().all())
