"""What a surrogate sees of an architecture."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import toy
from cases_surrogates import Readings, accuracy
from lightning_fabric import Fabric
from toy_models import CHAIN, CUT_OFF, EDGE, cells

from ghn.errors import ConfigError
from ghn.families.surrogates.inputs import (
    INPUTS,
    Adjacency,
    Curve,
    Embedding,
    Paths,
    Scores,
    Statistics,
    Summary,
    make_inputs,
)
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.graph import simplify
from ghn.graph.stats import MACS, graph_stats
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.space import EDGES, OPERATIONS
from ghn.tasks import ImageTask
from ghn.train.network import Recipe

ARCHS = cells(12)


@pytest.mark.parametrize("source", [Statistics(), Adjacency(), Paths(), Summary()], ids=lambda s: s.name)
def test_a_row_an_architecture_whatever_the_company(source: Callable[..., np.ndarray]) -> None:
    together = source(toy.SPACE, ARCHS)
    assert np.isfinite(together).all() and len(np.unique(together, axis=0)) > 6
    for arch, row in zip(ARCHS, together, strict=True):
        np.testing.assert_array_equal(source(toy.SPACE, [arch])[0], row)


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
