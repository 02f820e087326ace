"""Pictures of biases and of networks: what is drawn, where it lies, and that it is the same twice."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from ghn.analysis.bias import Bias, measure_bias
from ghn.analysis.compare import compare
from ghn.drawing.style import to_bytes
from ghn.errors import ArchitectureError
from ghn.graph.layout import layered
from ghn.report.bias import bias_map, bias_pictures, likeness_map
from ghn.report.networks import pair_figure
from ghn.report.words import MINUS
from ghn.spaces.darts.space import DARTS
from ghn.spaces.members import diagrams
from ghn.spaces.nasbench201.space import NASBench201

SPACE = NASBench201((3, 8, 8), 10, width=4, depth=1)
LONG = "an estimator with a very long name that costs $5 and more than that"


class Foreign:
    """A space without cells."""

    name = "foreign"

    def network(self, arch: Any) -> Any:
        return SPACE.network(arch)

    def parse(self, text: str) -> Any:
        return SPACE.parse(text)


@pytest.fixture(scope="module")
def bias() -> Bias:
    rng = np.random.default_rng(0)
    archs = [SPACE.format(arch) for arch in SPACE.distinct()[::80]]
    truth = rng.normal(size=len(archs))
    pools = np.array([arch.count("pool") for arch in archs], dtype=float)
    scores = {"likes pools": truth + pools, LONG: truth - pools + rng.normal(size=len(archs)), "flat": 0 * truth}
    seeds = truth[:, None] + 0.1 * rng.normal(size=(len(archs), 2))
    given = compare(scores, truth, ids=archs, bootstrap=50)
    return measure_bias(given, {"pools": pools, "idle": rng.normal(size=len(archs))}, seeds=seeds, permutations=199)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


class TestMaps:
    def test_every_number_with_its_sign_and_stars_for_the_significant(self, bias: Bias) -> None:
        drawn = texts(bias_map(bias))
        starred = [text for text in drawn if text.endswith("*")]
        assert len(starred) == sum(found.significant for found in bias.effects) >= 2
        assert {text[0] for text in starred} == {"+", MINUS}
        assert drawn.count("\N{EN DASH}") == 2  # of the constant estimate
        assert f"a second training of {bias.repeated} networks" in drawn
        assert any(text.startswith("an estimator with") and "\\$" in text for text in drawn)

    def test_of_two_rows_once(self, bias: Bias) -> None:
        drawn = texts(likeness_map(bias))
        many = len(bias.rows)
        assert len(drawn) == 2 * many + many * (many - 1) // 2
        assert f"1  {bias.rows[0].name}" in drawn

    def test_all_pictures(self, bias: Bias) -> None:
        found = bias_pictures(bias, SPACE)
        assert [one.kind for one in found[:2]] == ["bias", "likeness"]
        assert len(found) == 2 + len(bias.wrong_pairs)
        assert "overrates networks with many pools" in found[0].alt
        assert [one.kind for one in bias_pictures(bias)] == ["bias", "likeness"]

    def test_the_same_bytes_twice(self, bias: Bias) -> None:
        pair = bias.wrong_pairs[0]
        for draw in (lambda: bias_map(bias), lambda: likeness_map(bias), lambda: pair_figure(bias, pair, SPACE)):
            assert to_bytes(draw(), "svg") == to_bytes(draw(), "svg")

    def test_without_properties_or_other_rows(self) -> None:
        rng = np.random.default_rng(1)
        one = compare({"one": rng.normal(size=20)}, np.arange(20.0), baselines={}, bootstrap=0)
        assert bias_pictures(measure_bias(one, {}, permutations=9, pairs=0)) == []


class TestDiagrams:
    def test_a_cell_has_its_operations_as_nodes(self) -> None:
        cell = ("nor_conv_3x3", "skip_connect", "avg_pool_3x3", "none", "none", "nor_conv_1x1")
        (found,) = diagrams(SPACE, cell)
        assert found.labels == ("in", "conv 3x3", "+", "skip", "avg 3x3", "+", "conv 1x1", "out")
        assert set(found.edges) == {(0, 1), (1, 2), (0, 3), (2, 4), (3, 5), (4, 5), (5, 6), (6, 7)}
        assert diagrams(SPACE, SPACE.format(cell)) == [found]

    def test_dead_edges_are_not_drawn(self) -> None:
        (found,) = diagrams(SPACE, ("nor_conv_3x3", "none", "none", "skip_connect", "none", "none"))
        assert found.labels == ("in", "skip", "out")
        (cut,) = diagrams(SPACE, ("none",) * 6)
        assert (cut.labels, cut.edges) == (("in", "out"), ())

    def test_both_cells_of_darts(self) -> None:
        space = DARTS((3, 32, 32), 10, 4, 4)
        arch = space.sample(Random(0))
        found = diagrams(space, arch)
        assert [one.title for one in found] == ["normal cell", "reduce cell"]
        for one in found:
            assert len(one.labels) == 2 + 8 + 4 + 1
            assert sum(target == len(one.labels) - 1 for _, target in one.edges) == 4  # what is concatenated

    def test_any_other_space_as_its_live_graph(self) -> None:
        (found,) = diagrams(Foreign(), SPACE.format(("none", "none", "none", "nor_conv_3x3", "none", "none")))
        assert found.labels[0] == "input" and found.labels[-1] == "linear"
        assert found.labels.count("conv 3x3") == 1 + 3 + 2  # stem, a cell a stage, a second one a reduction
        assert found.labels.count("conv 3x3/2") == 2
        assert not {"batch_norm", "relu"} & set(found.labels)

    def test_a_foreign_id(self, bias: Bias) -> None:
        with pytest.raises(ArchitectureError):
            pair_figure(bias, bias.wrong_pairs[0], DARTS((3, 32, 32), 10, 4, 4))


class TestLayout:
    @pytest.mark.parametrize("seed", range(8))
    def test_edges_go_down_and_nodes_do_not_meet(self, seed: int) -> None:
        space: Any = DARTS((3, 32, 32), 10, 4, 4) if seed % 2 else SPACE
        for diagram in diagrams(space, space.sample(Random(seed))):
            widths = [len(label) + 2.0 for label in diagram.labels]
            found = layered(widths, diagram.edges)
            for (source, target), points in zip(diagram.edges, found.edges, strict=True):
                assert (points[0], points[-1]) == (found.nodes[source], found.nodes[target])
                assert all(below[1] - above[1] == 1 for above, below in pairwise(points))
            for i, (x, y) in enumerate(found.nodes):
                assert found.left <= x - widths[i] / 2 + 1e-9 and x + widths[i] / 2 <= found.right + 1e-9
                for j, (other, level) in enumerate(found.nodes[:i]):
                    assert level != y or abs(other - x) >= (widths[i] + widths[j]) / 2 - 1e-9

    def test_a_chain_is_straight(self) -> None:
        found = layered([3.0] * 4, [(0, 1), (1, 2), (2, 3)])
        assert len({round(x, 9) for x, _ in found.nodes}) == 1
        assert found.layers == 4

    def test_two_ways_need_not_cross(self) -> None:
        found = layered([3.0] * 6, [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)])
        (x1, _), (x2, _), (x3, _), (x4, _) = found.nodes[1:5]
        assert (x1 < x2) == (x4 < x3)
