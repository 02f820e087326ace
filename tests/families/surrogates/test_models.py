"""The regressors, their targets and their calibration."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import toy
from toy_models import cells

from ghn.errors import ConfigError, DataError
from ghn.families.surrogates.models import MODELS, GraphNetwork, graph_data, make_model
from ghn.families.surrogates.regression import TARGETS, Calibration, Prediction, Rows, calibrate, coverage
from ghn.graph import simplify
from ghn.graph.op import OPS
from ghn.types import Score

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = X[:, 0] + 0.5 * X[:, 1]


@pytest.mark.parametrize("name", [m for m in MODELS if m != "gnn"])
def test_models_learn_and_repeat(name: str) -> None:
    def predict() -> Prediction:
        model = make_model(name, seed=3)()
        model.fit(Rows(X[:60]), Y[:60])
        return model.predict(Rows(X[60:]))

    mean, std = predict()
    assert np.corrcoef(mean, Y[60:])[0, 1] > 0.9
    assert mean.shape == std.shape == (20,) and (std >= 0).all()
    np.testing.assert_array_equal(mean, predict().mean)


def test_the_graph_network_learns_and_repeats() -> None:
    graphs = [simplify(toy.SPACE.network(arch).graph) for arch in cells(16)]
    x, y = Rows(np.zeros((16, 0)), graphs), np.array([len(graph) / 20 for graph in graphs])
    y -= y.mean()
    runs = []
    for _ in range(2):
        net = GraphNetwork(members=3, steps=40, seed=1)
        net.fit(x, y)
        runs.append(net.predict(x))
    np.testing.assert_array_equal(runs[0].mean, runs[1].mean)
    assert np.mean((runs[0].mean - y) ** 2) < np.var(y) / 2 and (runs[0].std > 0).any()


def test_a_graph_network_sees_telling_operations_and_what_feeds_them() -> None:
    pool_and_conv = ("none", "none", "none", "avg_pool_3x3", "none", "none")
    graph = simplify(toy.SPACE.network(pool_and_conv).graph)
    data = graph_data(graph)
    kept = [n.op for n in graph.nodes if n.op not in ("relu", "batch_norm", "identity", "sum")]
    assert [list(OPS)[k] for k in data.kind[:, 0]] == kept
    along = data.edge_index[:, data.direction == 0]
    assert (along[0] < along[1]).all() and set(along[1].tolist()) == set(range(1, len(kept)))
    np.testing.assert_array_equal(along.flip(0), data.edge_index[:, data.direction == 1])


def test_unknown_models() -> None:
    with pytest.raises(ConfigError, match="gaussian_process"):
        make_model("svm")


@pytest.mark.parametrize("name", ["rank", "value"])
def test_targets_come_back_rising_and_go_on_beyond(name: str) -> None:
    values = np.array([0.1, 0.1, 0.6, 0.7, 0.8, 0.85, 0.9, 0.91])
    target = TARGETS[name](values)
    assert target.back(target.targets) == pytest.approx(values)
    assert target.targets.mean() == pytest.approx(0, abs=0.1) and 0.7 < target.targets.std() < 1.1
    line = target.back(np.linspace(-4, 4, 200))
    assert (np.diff(line) > 0).all()
    np.testing.assert_array_equal(TARGETS[name](np.full(5, 0.3)).back(np.zeros(2)), [0.3, 0.3])


class Proud:
    """Always off by up to one, and says 0.1."""

    reads_graphs = False

    def fit(self, x: Rows, y: np.ndarray) -> None: ...

    def predict(self, x: Rows) -> Prediction:
        return Prediction(np.zeros(len(x)), np.full(len(x), 0.1))


def test_calibration_takes_pride_down() -> None:
    found = calibrate(Proud, Rows(np.zeros((101, 1))), np.linspace(-1, 1, 101))
    assert found.scale == pytest.approx(10 / 3**0.5, rel=0.05)
    assert [found.reach(level) for level in (0.5, 0.8, 0.95)] == pytest.approx([5, 8, 9.5], abs=0.25)


def test_calibration_looks_at_references_that_the_model_has_not_seen() -> None:
    noise = RNG.normal(size=60)
    found = calibrate(make_model("random_forest"), Rows(X[:60]), noise)
    model = make_model("random_forest")()
    model.fit(Rows(X[:60]), noise)
    mean, std = model.predict(Rows(X[:60]))
    assert np.sqrt(np.mean(((noise - mean) / std) ** 2)) < found.scale  # what it has seen, it knows too well


def test_few_references_give_wide_intervals() -> None:
    few = Calibration(np.array([0.5, -1.0, 1.5, -0.7, 0.2]))
    assert few.reach(0.95) > 1.5 and few.reach(0.95) > few.scale * 1.96
    assert few.reach(0.5) == 0.7


def test_coverage_counts_values_inside() -> None:
    made = partial(Score, 0.5, extra={"intervals": {"50%": [0.4, 0.6], "80%": [0.3, 0.7], "95%": [0.0, 1.0]}})
    assert coverage([made(), made(), Score.failed("x")], [0.5, 0.65, 0.5]) == {0.5: 0.5, 0.8: 1.0, 0.95: 1.0}
    with pytest.raises(DataError):
        coverage([Score(0.5)], [0.5])
    with pytest.raises(DataError):
        coverage([made()], [0.5, 0.6])
