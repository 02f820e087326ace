"""The search algorithm, driven by Ray Tune's own `SearchGenerator` and `ConcurrencyLimiter`.

A run of `tune.Tuner` starts a cluster, which takes longer than all of this; examples/ray_surrogate.py has one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("ray.tune")
from doubles import Double
from ray import cloudpickle
from ray.tune.experiment import Experiment
from ray.tune.search import ConcurrencyLimiter, Searcher, SearchGenerator

from ghn.adapters.ray import GHNSearch
from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.search.surrogate import Surrogate
from ghn.spaces import NASBench201
from ghn.spaces.configs import member_of_config, options_of
from ghn.types import Score


class Convolutions(Double):
    """Likes them: scores by their number."""

    def score(self, trials: Any) -> list[Score]:
        return [Score(float(convolutions(trial.arch))) for trial in trials]


def convolutions(cell: Any) -> int:
    return sum("conv" in op for op in cell)


def search(space: Any, **options: Any) -> GHNSearch:
    return GHNSearch(Surrogate(Convolutions(), space, pool=20, **options), "accuracy")


def asked(space: Any, mode: str = "max", **options: Any) -> GHNSearch:
    made = search(space, **options)
    assert made.set_search_properties("accuracy", mode, {"lr": 0.1}) is False
    return made


def test_ray_asks_and_tells(toy_space: Any, tmp_path: Path) -> None:
    made = asked(toy_space)
    generator = SearchGenerator(ConcurrencyLimiter(made, max_concurrent=2))
    experiment = Experiment("toy", lambda config: None, config={"lr": 0.1}, num_samples=6, storage_path=str(tmp_path))
    generator.add_configurations([experiment])
    trials = [generator.next_trial(), generator.next_trial()]
    assert generator.next_trial() is None  # two run
    configs = []
    for _ in range(4):
        trial = trials.pop(0)
        configs.append(trial.config)
        arch = member_of_config(toy_space, trial.config)
        generator.on_trial_result(trial.trial_id, {"accuracy": 0.0})
        generator.on_trial_complete(trial.trial_id, {"accuracy": convolutions(arch)})
        trials.append(generator.next_trial())
    assert all(config["lr"] == 0.1 and config.keys() == {"lr", *options_of(toy_space)} for config in configs)
    assert len(made.surrogate.observed) == 4 and sorted(made.surrogate.observed.values()) != [0.0] * 4
    assert made.surrogate.observed == {
        toy_space.format(toy_space.parse(text)): convolutions(toy_space.parse(text)) for text in made.surrogate.observed
    }


def test_failures_are_no_values(toy_space: Any, caplog: Any) -> None:
    made = asked(toy_space)
    for trial in "abcde":
        made.suggest(trial)
    made.on_trial_complete("a", {"accuracy": 0.5})
    made.on_trial_complete("a", {"accuracy": 0.9})  # told before
    made.on_trial_complete("b", {"accuracy": float("nan")})
    made.on_trial_complete("c", {"loss": 0.5})
    made.on_trial_complete("d", {"accuracy": 0.7}, error=True)
    made.on_trial_complete("e", None)
    made.on_trial_complete("z", {"accuracy": 0.9})  # none of ours
    assert list(made.surrogate.observed.values()) == [0.5] and caplog.text.count("counts as failed") == 1


def test_it_finishes_with_the_space(toy_space: Any) -> None:
    class Small:
        """A few members of the toy space."""

        few = toy_space.distinct()[::200]
        name, describe = "small", staticmethod(dict)
        format, parse, canonical, network = toy_space.format, toy_space.parse, toy_space.canonical, toy_space.network

        def distinct(self) -> list[Any]:
            return list(self.few)

        def sample(self, rng: Random) -> Any:
            return rng.choice(self.few)

        def neighbours(self, arch: Any) -> Any:
            return iter(())

    made = asked(Small())
    for arch in Small.few[2:]:
        made.surrogate.announce(arch)
    found = [made.suggest(trial) for trial in "abc"]
    assert found[2] == Searcher.FINISHED
    assert {one["arch"] for one in found[:2]} == {toy_space.format(arch) for arch in Small.few[:2]}  # type: ignore[index]


def test_saved_and_restored_it_goes_on(toy_space: Any, tmp_path: Path) -> None:
    made, path = asked(toy_space), tmp_path / "searcher.pkl"
    first = [made.suggest(trial) for trial in "abc"]
    made.on_trial_complete("a", {"accuracy": 0.5})
    made.save(str(path))
    again = asked(toy_space, seed=1)
    again.restore(str(path))
    again.on_trial_complete("b", {"accuracy": 0.25})  # one that ran when it was saved
    assert sorted(again.surrogate.observed.values()) == [0.25, 0.5] and again.suggest("d") not in first
    for text in ("", "[]", "{}", json.dumps({"running": {}, "surrogate": {}})):
        path.write_text(text)
        with pytest.raises(DataError, match=r"searcher\.pkl"):
            again.restore(str(path))
    made.save(str(path))
    with pytest.raises(DataError, match="another space"):
        asked(NASBench201((3, 8, 8), 7, width=4, depth=1)).restore(str(path))
    with pytest.raises(DataError, match="another direction"):
        asked(toy_space, "min", direction="minimize").restore(str(path))


def test_ray_pickles_its_search(toy_space: Any) -> None:
    made = asked(toy_space)
    made.suggest("a")
    again = cloudpickle.loads(cloudpickle.dumps(made))
    again.on_trial_complete("a", {"accuracy": 0.5})
    assert len(again.surrogate.observed) == 1 and again.suggest("b") is not None


def test_trials_of_another_run_are_taken(toy_space: Any) -> None:
    made, other = asked(toy_space), asked(toy_space)
    made.add_evaluated_point(other.suggest("a"), 0.5)  # type: ignore[arg-type]
    made.add_evaluated_point(other.suggest("b"), 0.5, error=True)  # type: ignore[arg-type]
    assert len(made.surrogate.observed) == 1
    with pytest.raises(ArchitectureError, match="without the choice"):
        made.add_evaluated_point({"width": 8}, 0.5)


def test_wrong_modes(toy_space: Any) -> None:
    with pytest.raises(ConfigError, match="opposite"):
        asked(toy_space, "min")
    with pytest.raises(ConfigError, match="opposite"):
        GHNSearch(Surrogate(Convolutions(), toy_space, direction="minimize"), "accuracy", "max")
    with pytest.raises(ConfigError, match="different metrics"):
        search(toy_space).set_search_properties("loss", "max", {})
    assert search(toy_space, direction="minimize").mode == "min"


def test_a_missing_package_names_its_extra(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "ray.tune", None)
    monkeypatch.delitem(sys.modules, "ghn.adapters.ray")
    with pytest.raises(ImportError, match=r"pip install \"ghn\[ray\]\""):
        import ghn.adapters.ray  # noqa: F401
