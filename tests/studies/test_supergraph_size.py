"""How spaces grow: parts of them, and what is measured of each."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest
import toy
from shared_cases import SPACES

from ghn.errors import ConfigError
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.graph import simplify
from ghn.graph.stats import count_params
from studies.growth import Scales, draw_member, growth_points, largest_member, open_supergraph, smaller_cells

NET = {"hidden": 8, "layers": 1, "heads": 2, "decoder_hidden": 8, "channels": 8}


def whole(space: Any) -> Any:
    return tuple(tuple(range(len(choice.options))) for choice in space.choices())


def test_points_of_both_spaces() -> None:
    points = [(axis, at) for axis, at, _, _ in growth_points(toy.SPACE, depths=[1, 2])]
    assert points == [
        *(("operations", k) for k in (2, 3, 4, 5)),
        *(("edges", k) for k in (1, 3, 6)),
        *(("depth", k) for k in (1, 2)),
        *(("width", k) for k in (2, 4, 8, 16)),
    ]
    axes = [axis for axis, *_ in growth_points(SPACES["darts"])]
    assert axes.count("operations") == 7 and "edges" not in axes  # its nodes cannot be taken away
    for wrong in ({"depths": [0]}, {"widths": ["8"]}, {"depths": [True]}):
        with pytest.raises(ConfigError):
            growth_points(toy.SPACE, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SPACES)
def test_the_whole_space_is_its_own_part(name: str) -> None:
    space = SPACES[name]
    assert open_supergraph(space, whole(space)) == space.supergraph().graph


def test_a_smaller_cell_has_no_trace_of_what_is_closed() -> None:
    for kept, nodes in zip(smaller_cells(toy.SPACE), ({"0-3"}, {"0-1", "0-3", "1-3"}), strict=True):
        graph = open_supergraph(toy.SPACE, kept)
        mixed = {n.name.split("/")[2] for n in graph.nodes if n.op == "mix"}
        assert mixed == nodes
        assert {
            n.name.split("/")[2].partition("@")[0] for n in graph.nodes if n.op == "conv" and "-" in n.name
        } <= nodes
        rng = Random(0)
        for arch in (draw_member(toy.SPACE, kept, rng) for _ in range(20)):
            used = {c.name for c, op in zip(toy.SPACE.choices(), arch, strict=True) if op != "none"}
            assert used <= nodes
            Bank(BankConfig("darts", 4), toy.SPACE)([simplify(toy.SPACE.network(arch).graph)])


@pytest.mark.parametrize("name", SPACES)
def test_members_of_a_part_and_the_largest_of_them(name: str) -> None:
    space = SPACES[name]
    part = tuple(own[:4] for own in whole(space))
    largest, rng = largest_member(space, part), Random(1)
    assert all(o in own for o, own in zip(space.to_choices(largest), part, strict=True))
    size = count_params(simplify(space.network(largest).graph))
    for _ in range(10):
        member = draw_member(space, part, rng)
        assert all(o in own for o, own in zip(space.to_choices(member), part, strict=True))
        assert count_params(simplify(space.network(member).graph)) <= size


def test_only_the_whole_supergraph_grows_with_the_operations() -> None:
    scales = Scales(NET, images=4, networks=2)
    sizes = [scales.measure(*point) for point in growth_points(toy.SPACE, depths=[1], widths=[4, 8])]
    operations = [size for size in sizes if size.axis == "operations"]
    assert all(a.memory["supergraph"] < b.memory["supergraph"] for a, b in pairwise(operations))
    assert {size.parameters["hypernetwork"] for size in sizes} == {operations[0].parameters["hypernetwork"]}
    full = operations[-1]
    bank = Bank(BankConfig("darts", 4), toy.SPACE)
    assert full.parameters["bank"] == sum(p.numel() for p in bank.parameters())
    for size in sizes:
        assert size.parameters["mean network"] <= size.parameters["largest network"] <= size.parameters["bank"]
        assert size.memory["path"] < min(size.memory[name] for name in ("supergraph", "hypernetwork", "smash"))
    same = [
        size for size in sizes if (size.axis, size.at) in {("operations", 5), ("edges", 6), ("depth", 1), ("width", 4)}
    ]
    assert len(same) == 4 and all(size.memory == full.memory for size in same)
    again = Scales(NET, images=4, networks=2).measure("width", 4, toy.SPACE, whole(toy.SPACE))
    assert (again.memory, again.parameters) == (full.memory, full.parameters)


@pytest.mark.parametrize("wrong", [{"images": 0}, {"networks": 1.5}, {"net": {**NET, "depth": 3}}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="growth"):
        Scales(**{"net": NET, "images": 2, "networks": 1, **wrong}).measure("width", 4, toy.SPACE, whole(toy.SPACE))
