"""pymoo's own algorithms on problems of ours."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pymoo")
from doubles import Double
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.population import Population
from pymoo.optimize import minimize

import ghn
from ghn.adapters.pymoo import ArchitectureProblem
from ghn.errors import ConfigError
from ghn.search.surrogate import Surrogate
from ghn.spaces import NASBench201, make_space
from ghn.spaces.members import live_params, live_stats
from ghn.types import Score


class Convolutions(Double):
    """Likes them: scores by their number; fails where there are none."""

    def score(self, trials: Any) -> list[Score]:
        found = [convolutions(trial.arch) for trial in trials]
        return [Score(float(n)) if n else Score.failed("no convolution") for n in found]


def convolutions(cell: Any) -> int:
    return sum("conv" in op for op in cell)


def rows(problem: ArchitectureProblem, archs: Any) -> Any:
    return np.array([problem.rows.row(arch) for arch in archs])


def test_objectives_are_those_of_the_networks(toy_space: Any) -> None:
    archs = [arch for arch in Random(0).sample(toy_space.distinct(), 8) if convolutions(arch)]
    problem = ArchitectureProblem(toy_space, Convolutions(), ["params", "macs"], latency=lambda arch: 2.5)
    assert problem.objectives == ("accuracy", "params", "macs", "latency")
    found = problem.evaluate(rows(problem, archs), return_values_of=["F"])
    stats = [live_stats(toy_space, arch) for arch in archs]
    wanted = [[-convolutions(a), s.params, s.macs, 2.5] for a, s in zip(archs, stats, strict=True)]
    assert found.tolist() == wanted


def test_nsga2_finds_the_front_and_judges_no_function_twice(toy_space: Any) -> None:
    asked: list[Any] = []

    def train(arch: Any) -> float:
        asked.append(toy_space.canonical(arch))
        return live_params(toy_space, arch) ** 0.5

    problem = ArchitectureProblem(toy_space, train, flat=lambda arch: -float(convolutions(arch)), sizes=())
    result = minimize(problem, NSGA2(pop_size=12, **problem.operators()), ("n_gen", 6), seed=1)
    assert len(asked) == len(set(asked)) and len(asked) > 40
    keys = [problem.rows.key(row) for row in result.pop.get("X")]
    assert len(set(keys)) == len(keys)
    first = [live_params(toy_space, toy_space.sample(rng)) ** 0.5 for rng in [Random(0)] for _ in range(12)]
    assert -result.F[:, 0].min() > max(first) * 0.9 and -result.F[:, 1].min() >= 5


def test_a_surrogate_judges_in_its_unit(toy_space: Any) -> None:
    made = Surrogate(Convolutions(), toy_space, pool=20)
    for arch in [arch for arch in Random(0).sample(toy_space.distinct(), 12) if convolutions(arch)]:
        made.observe(arch, 0.1 * convolutions(arch))
    problem = ArchitectureProblem(toy_space, made)
    some = toy_space.distinct()[::900]
    mean, _ = made.predict(some)
    found = problem.evaluate(rows(problem, some), return_values_of=["F"])
    assert found[:, 0] == pytest.approx(-mean, nan_ok=True)


def test_a_hypernetwork_judges_as_a_surrogate_of_it(toy_model: Any) -> None:
    model = ghn.load()
    problem = ArchitectureProblem(model.space, model)
    assert isinstance(problem.accuracy, Surrogate) and problem.accuracy.space is model.space
    with pytest.raises(ConfigError, match="no task"):  # as the surrogate says
        ArchitectureProblem(toy_model.space, toy_model)


def test_failures_are_infeasible_and_told(toy_space: Any) -> None:
    def latency(arch: Any) -> float:
        if convolutions(arch) == 1:
            raise OSError("no device")
        return float("nan") if convolutions(arch) == 2 else 1.0

    problem = ArchitectureProblem(toy_space, Convolutions(), latency=latency)
    every = {convolutions(arch): arch for arch in toy_space.distinct()}
    _, bad = problem.evaluate(rows(problem, [every[n] for n in range(5)]))
    assert bad[:, 0].tolist() == [1, 1, 1, 0, 0]
    reasons = [problem.failed[toy_space.format(every[n])] for n in range(3)]
    assert reasons[0] == "no convolution" and "no device" in reasons[1] and "nan" in reasons[2]
    result = minimize(problem, NSGA2(pop_size=10, **problem.operators()), ("n_gen", 3), seed=1)
    assert np.isfinite(result.F).all() and all(convolutions(problem.rows.member(row)) > 2 for row in result.X)


def test_equal_values_are_no_trouble(toy_space: Any) -> None:
    problem = ArchitectureProblem(toy_space, lambda arch: 0.5, sizes=())
    result = minimize(problem, NSGA2(pop_size=6, **problem.operators()), ("n_gen", 2), seed=1)
    assert result.F.tolist() == [[-0.5]] * len(result.F)


def test_rows_of_one_function_are_duplicates(toy_space: Any) -> None:
    problem = ArchitectureProblem(toy_space, Convolutions())
    chain, edge = [
        ("nor_conv_3x3", *["none"] * 3, "skip_connect", "none"),
        (*["none"] * 3, "nor_conv_3x3", *["none"] * 2),
    ]
    population = Population.new("X", rows(problem, [chain, edge, toy_space.distinct()[9]]))
    assert len(problem.operators()["eliminate_duplicates"].do(population)) == 2
    assert len(problem.operators()["eliminate_duplicates"].do(population[:1], population[1:])) == 0


def test_choices_that_depend_on_others_stay_in_the_space() -> None:
    space = make_space("nasbench101", input_shape=(3, 8, 8), classes=4)
    problem, rng = ArchitectureProblem(space, lambda arch: 1.0, sizes=()), np.random.default_rng(0)
    found = [problem.rows.member(rng.integers(0, problem.xu + 1)) for _ in range(30)]
    assert all(space.parse(space.format(arch)) == arch for arch in found)


def test_wrong_input(toy_space: Any) -> None:
    with pytest.raises(ConfigError, match="macs"):
        ArchitectureProblem(toy_space, Convolutions(), ["weight"])
    with pytest.raises(ConfigError, match="list of names"):
        ArchitectureProblem(toy_space, Convolutions(), "params")
    with pytest.raises(ConfigError, match="no function"):
        ArchitectureProblem(toy_space, Convolutions(), latency=2.5)  # type: ignore[arg-type]
    for nothing in ("loss", None, Convolutions):
        with pytest.raises(ConfigError, match="nothing that tells accuracies"):
            ArchitectureProblem(toy_space, nothing)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="maximised"):
        ArchitectureProblem(toy_space, Surrogate(Convolutions(), toy_space, direction="minimize"))
    wider = Surrogate(Convolutions(), NASBench201((3, 8, 8), 7, width=4, depth=1))
    with pytest.raises(ConfigError, match="another space"):
        ArchitectureProblem(toy_space, wider)
    bare: Any = type("Bare", (), {"name": "bare"})()
    for no_space in (bare, None):
        with pytest.raises(ConfigError, match="decisions"):
            ArchitectureProblem(no_space, Convolutions())


def test_a_cost_takes_the_place_of_a_size_only_where_the_size_is_left_out(toy_space: Any) -> None:
    with pytest.raises(ConfigError, match="two objectives have the name params"):
        ArchitectureProblem(toy_space, Convolutions(), ["params", "macs"], params=lambda arch: 1.0)
    problem = ArchitectureProblem(toy_space, Convolutions(), ["macs"], params=lambda arch: 1.5)
    arch = ("nor_conv_3x3",) * 6
    found = problem.evaluate(rows(problem, [arch]), return_values_of=["F"])
    assert problem.objectives == ("accuracy", "macs", "params")
    assert found.tolist() == [[-6, live_stats(toy_space, arch).macs, 1.5]]


def test_a_missing_package_names_its_extra(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "pymoo", None)
    monkeypatch.delitem(sys.modules, "ghn.adapters.pymoo")
    with pytest.raises(ImportError, match=r"pip install \"ghn\[pymoo\]\""):
        import ghn.adapters.pymoo  # noqa: F401
