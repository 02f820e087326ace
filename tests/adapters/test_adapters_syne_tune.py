"""The searcher inside Syne Tune's own schedulers and simulator, and our tables as its blackboxes."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("syne_tune")
from doubles import Double
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, uniform
from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving
from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

from ghn.adapters.syne_tune import GHNSearcher, config_space
from ghn.adapters.syne_tune_blackbox import blackbox
from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.search.surrogate import Surrogate
from ghn.spaces.configs import config_of, member_of_config
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.types import Score

HEADER = TableHeader("nasbench201", "toy", recipe={"epochs": 3})


class Convolutions(Double):
    """Likes them: scores by their number."""

    def score(self, trials: Any) -> list[Score]:
        return [Score(float(sum("conv" in op for op in trial.arch))) for trial in trials]


def surrogate(space: Any, **options: Any) -> Surrogate[Any]:
    return Surrogate(Convolutions(), space, pool=30, **{"direction": "minimize", **options})


def run_trials(scheduler: Any, n: int, value: Any) -> list[dict[str, Any]]:
    configs = []
    for i in range(n):
        configs.append(scheduler.suggest().config)
        trial = Trial(i, configs[-1], datetime(2020, 1, 1))
        scheduler.on_trial_add(trial)
        scheduler.on_trial_complete(trial, {"accuracy": value(i, configs[-1])})
    return configs


@pytest.fixture(scope="module")
def table(toy_space: Any) -> ReferenceTable:
    """Curves of three epochs; the more convolutions, the better."""
    runs = [
        Run(toy_space.format(a), seed, val_accuracy=[0.1, 0.2, c := 0.1 * sum("conv" in op for op in a)], seconds=30.0)
        for a in Random(1).sample(toy_space.distinct(), 40)
        for seed in (0, 1)
    ]
    assert c is not None
    return ReferenceTable(HEADER, tuple(runs))


def test_accuracies_are_maximised_and_no_function_comes_twice(toy_space: Any) -> None:
    made = surrogate(toy_space)
    space = {**config_space(toy_space), "lr": uniform(0.1, 0.2), "epochs": 3}
    first = config_of(toy_space, toy_space.distinct()[9])
    searcher = GHNSearcher(space, made, points_to_evaluate=[{**first, "lr": 0.1}], random_seed=0)
    scheduler = SingleObjectiveScheduler(space, "accuracy", do_minimize=False, searcher=searcher)

    def accuracy(i: int, config: dict[str, Any]) -> float:
        return float(sum("conv" in option for option in config.values() if isinstance(option, str)))

    configs = run_trials(scheduler, 8, accuracy)
    archs = [member_of_config(toy_space, config) for config in configs]
    assert archs[0] == toy_space.distinct()[9] and all(c["epochs"] == 3 and 0.1 <= c["lr"] <= 0.2 for c in configs)
    assert len({toy_space.canonical(arch) for arch in archs}) == 8 == len(made.observed)
    assert np.mean([accuracy(0, config) for config in configs[1:]]) > 3  # of 6 places with 2 convolutions in 5: 2.4
    assert made.best[1] == -max(accuracy(0, config) for config in configs)  # type: ignore[index]


def test_failures_and_values_that_are_none(toy_space: Any, caplog: Any) -> None:
    made = surrogate(toy_space)
    searcher = GHNSearcher(config_space(toy_space), made)
    scheduler = SingleObjectiveScheduler(config_space(toy_space), "accuracy", do_minimize=False, searcher=searcher)
    configs = run_trials(scheduler, 3, lambda i, config: [0.5, float("nan"), float("-inf")][i])
    assert list(made.observed.values()) == [-0.5] and caplog.text.count("counts as failed") == 2
    searcher.on_trial_error(77)  # one that never reported
    searcher.on_trial_result(3, configs[0], -0.7)
    searcher.on_trial_error(3)
    assert list(made.observed.values()) == [-0.5]  # nothing is lost by a failure of the same function
    known = {toy_space.canonical(member_of_config(toy_space, config)) for config in configs}
    assert not known & {toy_space.canonical(arch) for arch in made.suggest(5)}


def test_constant_values_are_no_trouble(toy_space: Any) -> None:
    made = surrogate(toy_space)
    scheduler = SingleObjectiveScheduler(
        config_space(toy_space), "accuracy", searcher=GHNSearcher(config_space(toy_space), made)
    )
    assert len(run_trials(scheduler, 7, lambda i, config: 0.1)) == 7 == len(made.observed)


def test_under_asha_values_of_one_resource_count(toy_space: Any) -> None:
    made = surrogate(toy_space)
    searcher = GHNSearcher(config_space(toy_space), made, resource=2)
    scheduler = AsynchronousSuccessiveHalving(
        config_space(toy_space), "accuracy", do_minimize=False, searcher=searcher, time_attr="epoch", max_t=3
    )
    for i in range(3):
        trial = Trial(i, scheduler.suggest().config, datetime(2020, 1, 1))
        scheduler.on_trial_add(trial)
        for epoch in (1, 2):
            scheduler.on_trial_result(trial, {"accuracy": 0.1 * i + epoch, "epoch": epoch})
        scheduler.on_trial_complete(trial, {"accuracy": 5.0, "epoch": 3})
    assert sorted(made.observed.values()) == pytest.approx([-2.2, -2.1, -2.0])


def test_wrong_spaces_and_directions(toy_space: Any) -> None:
    with pytest.raises(ConfigError, match="do_minimize=False"):
        GHNSearcher(config_space(toy_space), surrogate(toy_space, direction="maximize"))
    with pytest.raises(ConfigError, match="other choices"):
        GHNSearcher({"width": choice([8, 16])}, surrogate(toy_space))
    with pytest.raises(ArchitectureError, match="no option"):  # at once, and not in the middle of a run
        GHNSearcher(config_space(toy_space), surrogate(toy_space), points_to_evaluate=[{"0-1": "fft"}])
    with pytest.raises(ArchitectureError):
        GHNSearcher({"arch": choice(["fft", "conv"])}, surrogate(toy_space))
    searcher = GHNSearcher(config_space(toy_space), surrogate(toy_space))
    with pytest.raises(ArchitectureError, match="without the choice"):
        searcher.on_trial_complete(0, {"width": 8}, 0.5)


def test_a_missing_package_names_its_extra(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "syne_tune", None)
    monkeypatch.delitem(sys.modules, "ghn.adapters.syne_tune")
    with pytest.raises(ImportError, match=r"pip install \"ghn\[syne-tune\]\""):
        import ghn.adapters.syne_tune  # noqa: F401


def test_a_table_becomes_a_blackbox(toy_space: Any, table: ReferenceTable) -> None:
    whole, columns = blackbox(table), blackbox(table, toy_space)
    assert whole.objectives_evaluations.shape == columns.objectives_evaluations.shape == (40, 2, 3, 2)
    arch = table.archs()[7]
    for box, config in ((whole, {"arch": arch}), (columns, config_of(toy_space, toy_space.parse(arch)))):
        found = box.objective_function(config, fidelity={"epoch": 3}, seed=1)
        assert found == {"val_accuracy": table.of(arch)[1].val_accuracy[-1], "elapsed_time": 30.0}
        assert box.objective_function(config, fidelity={"epoch": 1}, seed=0)["elapsed_time"] == pytest.approx(10.0)
    box = blackbox(ReferenceTable(HEADER, tuple(Run(arch, 0, test_accuracy=0.5) for arch in table.archs())))
    assert box.fidelity_values.tolist() == [3] and box.objectives_names == ["test_accuracy"]


def test_wrong_tables(toy_space: Any, table: ReferenceTable) -> None:
    with pytest.raises(DataError, match="without trainings"):
        blackbox(ReferenceTable(HEADER))
    with pytest.raises(DataError, match="val_loss"):
        blackbox(table, metrics=["val_loss"])
    with pytest.raises(ConfigError, match="unknown metric"):
        blackbox(table, metrics=["accuracy"])
    other = TableHeader("macro", "toy")
    with pytest.raises(DataError, match="space differs"):
        blackbox(ReferenceTable(other, table.runs), toy_space)
    apart = (Run("a", 0, val_accuracy=[0.1], epochs=[1]), Run("b", 0, val_accuracy=[0.1], epochs=[2]))
    with pytest.raises(DataError, match="no epoch in common"):
        blackbox(ReferenceTable(HEADER, apart))


def test_it_simulates_on_a_table_of_ours(
    toy_space: Any, table: ReferenceTable, tmp_path: Path, monkeypatch: Any
) -> None:
    """The whole way: Syne Tune's simulator, its tuner, our table and our searcher."""
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.blackbox_repository import UserBlackboxBackend

    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path))
    box, made = blackbox(table), surrogate(toy_space)
    searcher = GHNSearcher(box.configuration_space, made, random_seed=0)
    scheduler = SingleObjectiveScheduler(
        box.configuration_space, "val_accuracy", do_minimize=False, searcher=searcher, random_seed=0
    )
    tuner = Tuner(
        trial_backend=UserBlackboxBackend(box, elapsed_time_attr="elapsed_time", seed=0),
        scheduler=scheduler,
        stop_criterion=StoppingCriterion(max_num_trials_finished=12),
        n_workers=2,
        sleep_time=0,
        callbacks=[SimulatorCallback()],
        save_tuner=False,
    )
    tuner.run()
    assert 12 <= len(made.observed) <= 14 and set(made.observed) <= set(table.archs())
    final = {arch: -table.of(arch)[0].val_accuracy[-1] for arch in table.archs()}
    assert made.observed == {arch: final[arch] for arch in made.observed}
    assert np.mean(list(made.observed.values())) < np.mean(list(final.values()))
