"""What a surrogate sees of an architecture."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import toy
from cases_surrogates import Readings, accuracy
from lightning_fabric import Fabric
from toy_models import CHAIN, CUT_OFF, EDGE, cells

from ghn.analysis.correlation import kendall
from ghn.errors import ConfigError, GraphError
from ghn.families.surrogates.inputs import (
    INPUTS,
    Adjacency,
    Curve,
    Embedding,
    GraphNumbers,
    Paths,
    Scores,
    Statistics,
    Summary,
    make_inputs,
    usual_inputs,
)
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.graph import simplify
from ghn.graph.descriptors import VERSION, aligned, graph_features, names_of
from ghn.graph.stats import MACS, graph_stats
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.spaces import DARTS, NASBench201
from ghn.spaces.nasbench201.space import EDGES, OPERATIONS
from ghn.tasks import ImageTask
from ghn.train.network import Recipe
from ghn.types import Score, Trial

ARCHS = cells(12)


@pytest.mark.parametrize("source", [Statistics(), Adjacency(), Paths(), Summary()], ids=lambda s: s.name)
def test_a_row_an_architecture_whatever_the_company(source: Callable[..., np.ndarray]) -> None:
    together = source(toy.SPACE, ARCHS)
    assert np.isfinite(together).all() and len(np.unique(together, axis=0)) > 6
    for arch, row in zip(ARCHS, together, strict=True):
        np.testing.assert_array_equal(source(toy.SPACE, [arch])[0], row)


def test_graph_features_are_those_of_the_live_shallow_network_and_computed_once(monkeypatch) -> None:
    asked: list[Any] = []

    def counted(space: Any, arch: Any) -> Any:
        asked.append(arch)
        return simplify(space.network(arch).graph)

    monkeypatch.setattr("ghn.spaces.graph_features.live_graph", counted)
    deep, source = NASBench201((3, 8, 8), classes=4, width=4, depth=5), GraphNumbers()
    rows = source.named(deep, [*ARCHS, *ARCHS])
    assert rows[: len(ARCHS)] == rows[len(ARCHS) :]
    assert rows[0] == graph_features(simplify(NASBench201((3, 8, 8), 4, 4, depth=1).network(ARCHS[0]).graph))
    assert len(asked) == len({deep.canonical(arch) for arch in ARCHS})
    np.testing.assert_array_equal(source(deep, ARCHS), aligned(rows[: len(ARCHS)], names_of(rows)))


def test_what_references_do_not_have_is_left_out_and_what_has_no_network_fails_alone() -> None:
    archs = [arch for arch in cells(60) if "avg_pool_3x3" not in arch][:12]
    surrogate = SurrogateEstimator(toy.SPACE, inputs=["graph"], model="ridge", folds=2)
    surrogate.fit([(Trial(str(i), arch), Score(accuracy(arch))) for i, arch in enumerate(archs)])
    pooling = ("avg_pool_3x3", *("nor_conv_3x3",) * 5)  # reads what no reference has
    scores = surrogate.score([Trial("a", archs[0]), Trial("b", pooling), Trial("c", "no cell")])
    assert [score.ok for score in scores] == [True, True, False]
    assert surrogate.identity["inputs"] == {"graph": VERSION}


def test_usual_inputs_are_those_of_the_space_or_of_any_graph() -> None:
    assert usual_inputs(toy.SPACE) == ("summary", "adjacency", "paths")
    assert usual_inputs(DARTS((3, 8, 8), 4, width=2, depth=3)) == ("summary",)
    assert usual_inputs(Unencoded()) == ("graph",)


class Unencoded:
    """A space without features of its own, some members of which have no network."""

    name = "unencoded"

    def __init__(self) -> None:
        self.inner = toy.SPACE

    def canonical(self, arch: Any) -> Any:
        return self.inner.canonical(arch)

    def parse(self, text: str) -> Any:
        return self.inner.parse(text)

    def format(self, arch: Any) -> str:
        return self.inner.format(arch)

    def network(self, arch: Any) -> Any:
        if arch == ARCHS[-1]:
            raise GraphError("told to")
        return self.inner.network(arch)


def test_a_space_without_features_is_learnt_by_its_graphs() -> None:
    surrogate = SurrogateEstimator(Unencoded(), model="ridge", folds=2)  # type: ignore[arg-type]
    known = [(Trial(str(i), arch), Score(accuracy(arch))) for i, arch in enumerate(cells(40, 1))]
    surrogate.fit(known)
    scores = surrogate.score([Trial(str(i), arch) for i, arch in enumerate(ARCHS)])
    assert [score.ok for score in scores] == [True] * (len(ARCHS) - 1) + [False]
    assert kendall([s.value for s in scores[:-1]], [accuracy(arch) for arch in ARCHS[:-1]]) > 0.5


def test_adjacency_says_which_operation_is_on_which_live_edge() -> None:
    one = Adjacency()(toy.SPACE, [CHAIN])[0].reshape(len(EDGES), len(OPERATIONS))
    assert [OPERATIONS[i] for i in one.argmax(1)] == list(CHAIN) and (one.sum(1) == 1).all()
    dead, none = Adjacency()(toy.SPACE, [CUT_OFF, ("none",) * 6])
    np.testing.assert_array_equal(dead, none)


def test_paths_count_each_sequence_of_operations() -> None:
    both = ("nor_conv_3x3", "nor_conv_3x3", "none", "avg_pool_3x3", "skip_connect", "skip_connect")
    row = Paths()(toy.SPACE, [both])[0]
    labels = toy.SPACE.cell(both).labels()
    assert len(labels) == len(row) == 1 + 3 + 9 + 27
    held = {label: n for label, n in zip(labels, row, strict=True) if n}
    assert held == {("nor_conv_3x3",): 2, ("avg_pool_3x3",): 1}
    equal = Paths()(toy.SPACE, [CHAIN, EDGE])
    np.testing.assert_array_equal(*equal)


def test_statistics_are_those_of_the_live_shallow_network() -> None:
    deep = NASBench201((3, 8, 8), classes=4, width=4, depth=5)
    rows = Statistics()(deep, ARCHS)
    for arch, row in zip(ARCHS, rows, strict=True):
        stats = graph_stats(simplify(toy.SPACE.network(arch).graph))
        assert np.exp(row[:2]) - 1 == pytest.approx([stats.params, stats.macs])
        assert list(row[2:4]) == [stats.depth, stats.width]


def test_statistics_of_an_earlier_count_do_not_mix() -> None:
    surrogate = SurrogateEstimator(toy.SPACE, inputs=["statistics", "paths"])
    assert surrogate.identity["inputs"] == {"statistics": MACS, "paths": None}  # it was None for both


def test_a_space_without_cells_says_what_to_use() -> None:
    class Bare:
        name = "bare"

    for source, method in product((Adjacency(), Paths()), ("cell",)):
        with pytest.raises(ConfigError, match=rf"{method}[\s\S]*statistics"):
            source(Bare(), ["a"])  # type: ignore[arg-type]


def test_embeddings_are_those_of_the_hypernetwork(toy_model: Model) -> None:
    rows = Embedding(toy_model)(toy.SPACE, ARCHS)
    for arch, row in zip(ARCHS, rows, strict=True):
        np.testing.assert_allclose(row, toy_model.embed(simplify(toy.SPACE.network(arch).graph)).numpy(), atol=1e-5)


def test_scores_are_readings_and_nan_where_there_are_none() -> None:
    rows = Scores(Readings(fails=ARCHS[1:2]), ("value", "accuracy", "loss"))(toy.SPACE, ARCHS[:2])
    assert rows[0][:2] == pytest.approx([accuracy(ARCHS[0]), accuracy(ARCHS[0]) / 2])
    assert np.isnan(rows[0][2]) and np.isnan(rows[1]).all()


def test_curves_are_the_first_epochs() -> None:
    rows = Curve(Readings(fails=ARCHS[1:2]), 3)(toy.SPACE, ARCHS[:2])
    assert rows[0] == pytest.approx([accuracy(ARCHS[0]) * e / 5 for e in (1, 2, 3)])
    assert np.isnan(rows[1]).all()
    assert np.isnan(Curve(Readings(curve=2), 3)(toy.SPACE, ARCHS[:1])[0]).tolist() == [False, False, True]
    with pytest.raises(ConfigError, match="at least one"):
        Curve(Readings(), 0)


def test_curves_of_a_short_training(toy_task: ImageTask, fabric: Fabric) -> None:
    training = LowFidelityEstimator(toy.SPACE, toy_task, Recipe(epochs=2, batch_size=40), fabric)
    source = Curve(training, 1, ("train_loss", "val_accuracy"))
    rows = source(toy.SPACE, ARCHS[:2])
    assert rows.shape == (2, 2) and np.isfinite(rows).all()


def test_inputs_by_name() -> None:
    made = make_inputs(INPUTS, hypernetwork=load(device="cpu"), training=Readings(), epochs=3)
    assert [source.name for source in made] == list(INPUTS)
    assert make_inputs([made[0]]) == [made[0]]
    assert made[-1](toy.SPACE, ARCHS[:1]).shape == (1, 3)
