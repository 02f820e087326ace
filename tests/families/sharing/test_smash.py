"""SMASH: encodings and the weights that come of them."""

from __future__ import annotations

from random import Random

import pytest
import torch
import torch.nn.functional as F

from ghn.errors import ConfigError, GraphError
from ghn.families.sharing.memory_code import FEATURES, encode
from ghn.families.sharing.smash import Smash, SmashConfig
from ghn.graph.interpreter import Interpreter
from ghn.graph.ir import Graph, GraphBuilder
from ghn.graph.simplify import simplify
from ghn.spaces import NASBench201, make_space

SPACE = NASBench201((3, 8, 8), 4, width=4, depth=1)
CONFIG = SmashConfig(classes=4, unit=4, hidden=16, blocks=2)


def graphs(n: int, depth: int = 1, seed: int = 0) -> list[Graph]:
    rng, space = Random(seed), NASBench201((3, 8, 8), 4, width=4, depth=depth)
    return [simplify(space.network(space.sample(rng)).graph) for _ in range(n)]


@pytest.fixture
def net() -> Smash:
    torch.manual_seed(0)
    return Smash(SmashConfig(classes=4, unit=4, hidden=16, blocks=2, skeletons=[{"depth": 3}]), SPACE)


def test_a_cell_stands_for_unit_by_unit_filters() -> None:
    b = GraphBuilder((3, 8, 8))
    x = b.add("conv", b.input, name="a", out=10, kernel=3, padding=1)
    x = b.add("conv", x, name="b", out=4, kernel=1)
    graph = b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="linear", out=2))
    cells, columns = encode(graph, 4, 3)
    assert columns == [("a/weight", (10, 3, 3, 3), 0), ("b/weight", (4, 10, 1, 1), 3)]
    assert cells.shape == (FEATURES, 3, 4)
    filled = cells.abs().sum(0) > 0
    assert filled.tolist() == [[True] * 4, [False] * 3 + [True], [False] * 3 + [True]]
    cells_of_b = cells[:, :, 3].T
    assert len({tuple(cell) for cell in cells_of_b.tolist()}) == 3  # its three units of input are told apart


def test_names_and_shapes_are_those_of_the_graph_and_it_runs(net: Smash) -> None:
    for graph, weights in zip(many := graphs(6), net(many), strict=True):
        assert {name: tuple(w.shape) for name, w in weights.items()} == {p.name: p.shape for p in graph.params()}
        logits = Interpreter(graph).run(weights, torch.randn(8, 3, 8, 8)).output
        assert logits.shape == (8, 4) and logits.isfinite().all()


def test_weights_do_not_depend_on_what_is_encoded_beside(net: Smash) -> None:
    small, large = graphs(3), graphs(2, depth=3, seed=1)
    together = net([*small, *large])
    for graph, weights in zip([*small, *large], together, strict=True):
        (alone,) = net([graph])
        assert all(torch.allclose(alone[name], weights[name], atol=1e-5) for name in weights)


def test_filters_have_the_scale_of_he(net: Smash) -> None:
    (graph,) = graphs(1)
    wide = make_space("nasbench201", input_shape=(3, 8, 8), classes=4, width=32, depth=1)
    graph = simplify(wide.network(("nor_conv_3x3",) * 6).graph)
    torch.manual_seed(0)
    (weights,) = Smash(SmashConfig(classes=4), wide)([graph])
    for param in graph.params():
        if param.kind == "conv_weight" and param.shape[1] >= 32:
            scale = float(weights[param.name].std()) * (param.shape[1] * param.shape[2] * param.shape[3] / 2) ** 0.5
            assert 0.7 < scale < 1.4, param.name


def test_it_learns_and_what_is_learnt_is_shared(net: Smash) -> None:
    x, y = torch.randn(16, 3, 8, 8), torch.arange(16) % 4
    two = graphs(2)
    modules = [Interpreter(graph) for graph in two]
    optimizer, losses = torch.optim.Adam(net.parameters(), 3e-3), []
    for _ in range(15):
        weights = net(two)
        loss = sum(F.cross_entropy(m.run(w, x).output, y) for m, w in zip(modules, weights, strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is not None for name, p in net.named_parameters() if not name.startswith("learnt"))
    weights = net(two)
    assert weights[0]["head/linear/weight"] is weights[1]["head/linear/weight"]


def test_what_it_cannot_emit() -> None:
    b = GraphBuilder((3, 8, 8))
    x = b.add("conv", b.input, name="large", out=4, kernel=5, padding=2)
    graph = b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="linear", out=2))
    with pytest.raises(
        GraphError, match=r"square kernels up to 3(.|\n)*large/weight(.|\n)*\[1, 3\](.|\n)*weights.kernel=5"
    ):
        encode(graph, 4, 3)
    with pytest.raises(ConfigError, match="blocks must be a whole number of at least 1"):
        SmashConfig(classes=4, blocks=0)
    with pytest.raises(ConfigError, match="method smash"):
        SmashConfig(classes=4, method="oneshot")
    assert SmashConfig(**CONFIG.describe()) == CONFIG
