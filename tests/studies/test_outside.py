"""Spaces beyond the one that weights were trained in."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from shared_cases import SPACES, make_bank
from toy_models import save_toy

from ghn.errors import ConfigError, GraphError
from ghn.graph.stats import count_params
from studies.outside import Grouped, grouped, variations


@pytest.mark.parametrize("name", SPACES)
def test_grouped_convolutions_are_the_same_network_with_fewer_weights(name: str) -> None:
    space = SPACES[name]
    graph = space.network(space.sample(Random(3))).graph
    other = grouped(graph)
    assert [(n.name, n.op, n.inputs, n.shape) for n in other.nodes] == [
        (n.name, n.op, n.inputs, n.shape) for n in graph.nodes
    ]
    assert count_params(other) < count_params(graph)
    groups = {n.name: n.attr["groups"] for n in other.nodes if n.op == "conv"}
    assert groups["stem/conv"] == 1 and 2 in groups.values()  # three colours cannot be halved
    depthwise = [n for n in graph.nodes if n.op == "conv" and n.attr["groups"] > 1]
    assert all(groups[n.name] == n.attr["groups"] for n in depthwise)


def test_variations_of_a_space(tmp_path: Path, fabric: Fabric) -> None:
    kinds = {kind.name: kind for kind in variations(toy.SPACE)}
    assert list(kinds) == ["as trained", "depth 3", "width 8", "grouped convolutions"]
    assert (kinds["depth 3"].space.describe()["depth"], kinds["width 8"].space.describe()["width"]) == (3, 8)
    assert list(variations(toy.SPACE, depths=[2, 5], widths=[]))[2].name == "depth 5"
    with pytest.raises(ConfigError):
        variations(toy.SPACE, depths=[0])

    def trained(skeletons: list[dict[str, Any]]) -> list[str]:
        path = tmp_path / f"{len(skeletons)}.safetensors"
        model = save_toy(path, toy.SPACE, toy.make_task(), fabric, trainer={"skeletons": skeletons})
        return [name for name, kind in kinds.items() if kind.trained_in(model)]

    assert trained([]) == ["as trained"]
    assert trained([{"depth": 1}, {"depth": 3}]) == ["as trained", "depth 3"]


def test_a_bank_has_no_grouped_convolutions() -> None:
    space = Grouped(toy.SPACE)
    arch = space.parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|")
    with pytest.raises(GraphError, match="no weights for stage0/cell0/0-1/conv/weight of this shape"):
        make_bank()([space.network(arch).graph])
    assert space.name == "nasbench201" and repr(space) == f"Grouped({toy.SPACE!r})"
