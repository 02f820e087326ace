"""Proxies in the scoring engine: what they look at, failures, and the names by which they are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from toy_models import CUT_OFF

from ghn.errors import ConfigError, DataError, GraphError
from ghn.graph import Graph, GraphBuilder, count_params, graph_stats, simplify
from ghn.graph.stats import MACS
from ghn.nets.initial import RandomInit
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.proxies import ZERO_COST, grad_norm, jacob_cov, naswot, synflow, zen
from ghn.scoring.readouts import Sample
from ghn.scoring.score_files import score_to_file
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.types import Network, Score, Trial, WeightDict

RICH = ("nor_conv_3x3",) * 6
DEAD = ("nor_conv_3x3", "none", "none", "nor_conv_1x1", "none", "none")  # the first convolution leads nowhere
ON_TRAINING_IMAGES = [name for name, proxy in ZERO_COST.items() if not proxy.of_activations]
WEIGHED = [name for name in ON_TRAINING_IMAGES if name not in ("params", "flops")]
LABELS = torch.tensor([0, 1])


def score(name: str, space: NASBench201, task: ImageTask, fabric: Fabric, cell: tuple[str, ...], **more: int) -> Score:
    return make_zero_cost(name, space, task, fabric, batch=16, **more).score([Trial("a", cell)])[0]


def test_counts_are_those_of_the_live_part(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> None:
    live = simplify(toy_space.network(DEAD).graph)
    assert score("params", toy_space, toy_task, fabric, DEAD).value == count_params(live)
    assert score("flops", toy_space, toy_task, fabric, DEAD).value == graph_stats(live).macs
    raw = score("params", toy_space, toy_task, fabric, DEAD, live=False)
    assert raw.value == count_params(toy_space.network(DEAD).graph) > count_params(live)


@pytest.mark.parametrize("name", ON_TRAINING_IMAGES)
def test_training_images_alone_are_looked_at(
    name: str, toy_space: NASBench201, make_toy_task: Callable[..., ImageTask], fabric: Fabric
) -> None:
    seen = score(name, toy_space, make_toy_task(), fabric, RICH)
    assert seen.ok and seen.extra == {name: seen.value}
    assert score(name, toy_space, make_toy_task(val=5, test=6), fabric, RICH).value == seen.value
    other = score(name, toy_space, make_toy_task(train=7), fabric, RICH).value
    assert (other != seen.value) == (name not in ("params", "flops", "synflow", "zen"))


@pytest.mark.parametrize("name", WEIGHED)
def test_seeds_and_batches_are_told_apart(
    name: str, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric
) -> None:
    engines = [
        make_zero_cost(name, toy_space, toy_task, fabric, **options)
        for options in ({}, {"seed": 1}, {"batch": 16}, {"live": False})
    ]
    values = [engine.score([Trial("a", DEAD)])[0].value for engine in engines]
    assert values[0] != values[1] and all(a.identity != b.identity for a, b in pairwise(engines))
    assert values == [engine.score([Trial("b", DEAD)])[0].value for engine in engines]


@pytest.mark.parametrize("name", ["jacob_cov", "zen", "naswot"])
def test_a_network_cut_off_from_its_input_is_a_counted_failure(
    name: str, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric
) -> None:
    engine = make_zero_cost(name, toy_space, toy_task, fabric, batch=16)
    good, cut = engine.score([Trial("a", RICH), Trial("b", CUT_OFF)])
    assert good.ok and not cut.ok and cut.error


def no_weights() -> Graph:
    b = GraphBuilder((4, 2, 2))
    return b.build(b.add("global_pool", b.add("relu", b.input, name="relu"), name="pool"))


def no_relu() -> Graph:
    b = GraphBuilder((1, 2, 2))
    return b.build(b.add("linear", b.add("global_pool", b.input, name="pool"), name="head", out=2))


@pytest.mark.parametrize("name", ["synflow", "grad_norm", "snip", "grasp", "fisher"])
def test_a_network_without_weights(name: str) -> None:
    with pytest.raises(GraphError, match="no weights of convolutions or linear layers"):
        ZERO_COST[name](Network.of(no_weights()), {}, torch.randn(2, 4, 2, 2), LABELS)


def test_a_network_without_relus_or_features() -> None:
    graph = no_relu()
    weights, images = RandomInit(0)([graph])[0], torch.randn(2, 1, 2, 2)
    with pytest.raises(GraphError, match="no ReLU"):
        naswot(Network.of(graph), weights, images)
    with pytest.raises(GraphError, match="no feature maps"):
        zen(Network.of(graph), weights, images)


def test_an_output_that_does_not_respond() -> None:
    graph = no_relu()
    weights = {name: torch.zeros_like(w) for name, w in RandomInit(0)([graph])[0].items()}
    with pytest.raises(GraphError, match="does not respond"):
        jacob_cov(Network.of(graph), weights, torch.randn(2, 1, 2, 2))


def test_images_of_another_size_are_refused(toy_space: NASBench201) -> None:
    graph = toy_space.network(RICH).graph
    with pytest.raises(GraphError, match="inputs do not fit"):
        grad_norm(Network.of(graph), RandomInit(0)([graph])[0], torch.randn(2, 3, 16, 16), LABELS)


class Huge:
    """Weights whose activations overflow: float32 at once, float64 after some layers."""

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        return [{name: w * 1e38 for name, w in drawn.items()} for drawn in RandomInit(0)(graphs)]


@pytest.mark.parametrize("name", WEIGHED)
def test_activations_that_overflow_are_a_counted_failure(
    name: str, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric
) -> None:
    sample = Sample(zero_cost=16)
    engine = WeightedEstimator(Huge(), toy_space, toy_task, fabric, readout=name, sample=sample)
    (found,) = engine.score([Trial("a", RICH)])
    assert not found.ok and "overflow" in str(found.error)


def test_synflow_holds_what_float32_does_not() -> None:
    graph = simplify(NASBench201((3, 8, 8), 4, width=4, depth=5).network(RICH).graph)
    weights = {name: w * 100 for name, w in RandomInit(0)([graph])[0].items()}
    value = synflow(Network.of(graph), weights)  # the logarithm of more than 1e38
    assert 88 < float(value) < 710


def test_unknown_names_and_too_few_images(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> None:
    with pytest.raises(ConfigError, match=r"synflo[\s\S]*params \| flops \| synflow"):
        make_zero_cost("synflo", toy_space, toy_task, fabric)
    with pytest.raises(DataError):
        make_zero_cost("snip", toy_space, toy_task, fabric, batch=1000)


def test_counts_of_an_earlier_definition_do_not_mix(
    toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    """Multiply-adds were once counted of norms, pools and sums too: files of that time said `flops` alone."""
    engine, trials, path = (
        make_zero_cost("flops", toy_space, toy_task, fabric),
        [Trial("a", RICH)],
        tmp_path / "s.jsonl",
    )
    assert engine.identity["readout"] == f"flops: {MACS}"
    score_to_file(engine, trials, path, {**engine.identity, "readout": "flops"}, progress=False)
    with pytest.raises(DataError, match="readout"):
        score_to_file(engine, trials, path, engine.identity, progress=False)
    assert make_zero_cost("params", toy_space, toy_task, fabric).identity["readout"] == "params"
