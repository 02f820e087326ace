"""The live part of a network and its numbers, of members and of official strings, in both spaces."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from ghn.errors import ArchitectureError
from ghn.graph.simplify import simplify
from ghn.graph.stats import PROPERTIES, count_params, graph_stats
from ghn.spaces.darts.space import DARTS
from ghn.spaces.members import live_graph, live_params, live_stats, space_properties
from ghn.spaces.nasbench201.space import NASBench201

SPACE = NASBench201((3, 8, 8), 10, width=4, depth=1)
DEAD = ("nor_conv_3x3", "none", "none", "skip_connect", "none", "none")  # nothing reads node 1


@pytest.mark.parametrize("arch", [DEAD, SPACE.format(DEAD)], ids=["member", "string"])
def test_dead_operations_do_not_count(arch: object) -> None:
    whole = SPACE.network(DEAD).graph
    assert live_graph(SPACE, arch) == simplify(whole)
    assert live_stats(SPACE, arch) == graph_stats(simplify(whole)) != graph_stats(whole)
    assert live_params(SPACE, arch) == count_params(simplify(whole)) < count_params(whole)


@pytest.mark.parametrize("space", [SPACE, DARTS((3, 32, 32), 10, 4, 4)], ids=["nasbench201", "darts"])
def test_all_of_them_vary(space: NASBench201 | DARTS) -> None:
    rng = Random(0)
    archs = [space.sample(rng) for _ in range(40)]
    found = space_properties(space, archs)
    assert list(found) == list(PROPERTIES)
    for name, values in found.items():
        assert values.shape == (40,)
        assert np.ptp(values) > 0, name
    texts = [space.format(arch) for arch in archs]
    assert all(
        np.array_equal(a, b) for a, b in zip(found.values(), space_properties(space, texts).values(), strict=True)
    )


@pytest.mark.parametrize(
    "read", [live_graph, live_stats, live_params, lambda space, arch: space_properties(space, [arch])]
)
def test_a_foreign_architecture(read: Callable[..., object]) -> None:
    with pytest.raises(ArchitectureError):
        read(SPACE, "no network")
