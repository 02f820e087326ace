"""The space of diverse networks: every split draws valid networks, and the splits differ as they should."""

from __future__ import annotations

import json
from random import Random
from statistics import fmean
from typing import Any

import pytest
import torch
from conformance.space import SPACE_CHECKS

from ghn.errors import ArchitectureError, ConfigError
from ghn.graph import function_key, simplify
from ghn.graph.interpreter import Interpreter
from ghn.graph.ir import Graph
from ghn.graph.program import check
from ghn.graph.stats import graph_stats
from ghn.spaces import describe_space, make_space
from ghn.spaces.deepnets.build import build
from ghn.spaces.deepnets.space import DeepNets
from ghn.spaces.deepnets.splits import SPLITS

SHAPE = (3, 8, 8)
NORMS = ("batch_norm", "aten.group_norm.default", "aten.layer_norm.default")


@pytest.fixture(scope="module")
def space() -> DeepNets:
    return DeepNets(SHAPE, 4)


@pytest.fixture(scope="module")
def graphs() -> dict[str, list[Graph]]:
    """Some networks of every split."""
    found = {}
    for split in SPLITS:
        one = DeepNets(SHAPE, 4, split)
        found[split] = [one.network(one.sample(Random(f"{split}/{i}"))).graph for i in range(2)]
    return found


# the check that is left out captures over a hundred networks; a few are looked at below
RULES = [rule for rule in SPACE_CHECKS if rule.__name__ != "canonical_keys_agree_with_the_graphs"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_is_a_space(rule: Any, space: DeepNets) -> None:
    rule(space)


def test_canonical_keys_are_those_of_the_graphs(space: DeepNets) -> None:
    archs = [space.sample(Random(i)) for i in range(3)]
    keys = [space.canonical(arch) for arch in archs]
    assert keys == [function_key(simplify(space.network(arch).graph)) for arch in archs] and len(set(keys)) == 3


@pytest.mark.parametrize("split", SPLITS)
def test_every_network_is_known_and_whole(split: str, graphs: dict[str, list[Graph]]) -> None:
    for graph in graphs[split]:
        assert [node.op for node in graph.nodes if not node.operation.runs] == []
        assert graph.input_shape == SHAPE and graph.output_shape == (4,)
        head = [p for p in graph.params() if p.kind == "linear_weight"]
        assert len(head) == 1 and head[0].name == "head/weight"  # the class head, and no other layer


def test_splits_differ_as_they_should(graphs: dict[str, list[Graph]]) -> None:
    def mean(split: str, of: Any) -> float:
        return fmean(of(graph) for graph in graphs[split])

    def width(graph: Graph) -> int:
        return max(p.shape[0] for p in graph.params() if p.name.startswith("stem/"))

    def terms(graph: Graph) -> float:
        """Sums a cell: a cell of more is denser."""
        sums = [node.name for node in graph.nodes if node.op == "sum" and node.name.startswith("cells/")]
        return len(sums) / len({name.split("/")[1] for name in sums}) if sums else 0.0

    assert mean("wide", width) > 1.5 * mean("test", width)
    assert mean("deep", lambda g: graph_stats(g).depth) > 1.5 * mean("test", lambda g: graph_stats(g).depth)
    assert mean("dense", terms) > 1.5 * mean("test", terms)
    for split in SPLITS:
        normed = [any(node.op in NORMS for node in graph.nodes) for graph in graphs[split]]
        assert set(normed) == {split != "norm_free"}


def test_all_that_is_named_is_drawn(space: DeepNets) -> None:
    drawn = [dict(space.sample(Random(i))) for i in range(60)]
    chosen = {str(value) for one in drawn for name, value in one.items() if name.endswith("/op")}
    assert {"conv_5", "separable_3", "dilated_5", "crossed_5", "grouped_3", "attention", "squeeze", "max_3"} <= chosen
    assert {one.get("other norm", one["norm"]) for one in drawn} == {"batch", "group", "layer"}
    assert {one.get("smooth", one["activation"]) for one in drawn} == {"relu", "gelu", "silu", "hardswish"}
    assert {one["cells"] for one in drawn} == {3, 4, 5}


def test_a_graph_computes_what_its_module_computes() -> None:
    space = DeepNets((3, 12, 20), 5, "dense")  # maps of other than square, and of odd, sides
    for i in range(3):
        arch = space.sample(Random(i))
        assert check(space._questions.make(arch), torch.zeros(2, 3, 12, 20)) < 1e-3


def test_a_fixed_set_of_networks() -> None:
    space = DeepNets(SHAPE, 4, networks=3)
    rng = Random(0)
    drawn = {space.sample(rng) for _ in range(40)}
    assert len(drawn) == 3
    again = DeepNets(SHAPE, 4, networks=3)
    assert drawn == {again.sample(Random(i)) for i in range(40)}
    assert space.format(DeepNets(SHAPE, 4).sample(Random(0)))  # the others are members, too


def test_settings(space: DeepNets) -> None:
    wide = space.with_settings({"split": "wide"})
    assert wide == make_space(**describe_space(wide)) != space
    with pytest.raises(ArchitectureError, match="width"):
        space.parse(wide.format(wide.sample(Random(0))))
    for settings, message in (({"split": "huge"}, "norm_free"), ({"networks": 0}, "networks")):
        with pytest.raises(ConfigError, match=message):
            make_space("deepnets", input_shape=SHAPE, classes=4, **settings)
    with pytest.raises(ConfigError, match="8 pixels"):
        DeepNets((3, 4, 4), 4)


def test_a_network_has_a_text_of_its_decisions(space: DeepNets) -> None:
    arch = space.sample(Random(1))
    assert json.loads(space.format(arch)) == dict(arch)
    assert build.__module__ == "ghn.spaces.deepnets.build"
    network = space.network(arch)
    assert isinstance(network.program, Interpreter)  # nothing of the module is kept
