"""The surrogate that others' searches are told to ask: what it expects, what it suggests, what it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from doubles import Double
from scipy.stats import norm, spearmanr

from ghn.errors import ArchitectureError, CheckpointError, ConfigError, DataError, ExistsError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.scoring.model import Model
from ghn.search.acquisition import ACQUISITIONS, expected_improvement
from ghn.search.surrogate import Surrogate
from ghn.spaces import NASBench201
from ghn.types import Score


class Guess(Double):
    """Knows the truth but for an error that depends on the architecture; counts what it is asked."""

    def __init__(self, truth: Any, error: float = 1.0, bad: Any = None) -> None:
        self.truth, self.error, self.bad, self.asked = truth, error, bad or (lambda arch: False), list[Any]()

    def score(self, trials: Any) -> list[Score]:
        self.asked += [trial.arch for trial in trials]
        rng = [Random(str(trial.arch)) for trial in trials]
        return [
            Score.failed("bad") if self.bad(t.arch) else Score(self.truth(t.arch) + self.error * r.gauss(0, 1))
            for t, r in zip(trials, rng, strict=True)
        ]


@pytest.fixture(scope="module")
def truth(toy_space: Any) -> Any:
    def value(arch: Any) -> float:
        features = toy_space.encode(arch)
        return float(features["most_convs"] + 0.5 * features["empty_paths"] - features["mean_pools"])

    return value


def observed(space: Any, truth: Any, n: int = 30, **options: Any) -> Surrogate[Any]:
    made = Surrogate(Guess(truth), space, **options)
    for arch in Random(3).sample(space.distinct(), n):
        made.observe(space.format(arch), 100 + 10 * truth(arch))
    return made


def test_observations_correct_what_is_expected_and_give_it_their_unit(toy_space: Any, truth: Any) -> None:
    others = Random(4).sample(toy_space.distinct(), 100)
    wanted = np.array([100 + 10 * truth(arch) for arch in others])
    before, _ = Surrogate(Guess(truth), toy_space).predict(others)
    after, std = observed(toy_space, truth, 60).predict(others)
    assert spearmanr(after, wanted)[0] > spearmanr(before, wanted)[0] > 0.3
    assert abs(np.mean(after - wanted)) < 5 and np.abs(after - wanted).mean() < np.abs(wanted - wanted.mean()).mean()
    assert (std > 0).all()


def test_what_it_suggests_is_far_above_what_is_usual(toy_space: Any, truth: Any) -> None:
    made, every = Surrogate(Guess(truth), toy_space, pool=64), np.array([truth(arch) for arch in toy_space.distinct()])
    found: list[float] = []
    for _ in range(6):
        for arch in made.suggest(2):
            found.append(truth(arch))
            made.observe(arch, found[-1])
    assert np.mean(found) > every.mean() + every.std() and max(found) >= np.quantile(every, 0.9)
    assert made.best == (made.best[0], max(found)) and truth(made.best[0]) == max(found)  # type: ignore[index]


@pytest.mark.parametrize("by", ACQUISITIONS)
def test_nothing_is_suggested_twice(toy_space: Any, truth: Any, by: str) -> None:
    made, key = observed(toy_space, truth, pool=40), toy_space.canonical
    failed = made.suggest(1)[0]
    made.observe(failed, None)
    seen = {key(toy_space.parse(text)) for text in made.observed} | {key(failed)}
    for _ in range(3):
        batch = [key(arch) for arch in made.suggest(5, by=by)]
        assert len(set(batch)) == 5 and not seen & set(batch)
        seen |= set(batch)
    assert made.acquire([toy_space.parse(next(iter(made.observed))), failed], 2) == []


def test_what_others_train_and_what_cannot_be_trained_is_not_suggested(toy_space: Any, truth: Any) -> None:
    made, few, key = observed(toy_space, truth), toy_space.distinct()[::700], toy_space.canonical
    known = {key(toy_space.parse(text)) for text in made.observed}
    left = [arch for arch in few if key(arch) not in known]
    made.announce(toy_space.format(left[0]))
    seen = [key(arch) for _ in range(len(left)) for arch in made.suggest(1, among=few)]
    assert sorted(seen) == sorted(key(arch) for arch in left[1:])
    value = made.observed
    made.announce(next(iter(value)))  # a second training of what is known changes nothing
    assert made.observed == value
    with pytest.raises(ArchitectureError):
        made.announce("|fft~0|")


def test_copies_that_draw_otherwise_do_not_suggest_the_same(toy_space: Any, truth: Any) -> None:
    copies = [Surrogate(Guess(truth), toy_space, pool=10, seed=0) for _ in range(4)]
    for made, seed in zip(copies[1:], (1, None, 1), strict=True):
        made.reseed(seed)
    first, second, third, fourth = (made.suggest(3) for made in copies)
    assert second == fourth and first != second and third not in (first, second)


def test_each_function_is_read_once_and_a_failure_again(toy_space: Any, truth: Any) -> None:
    archs, key = toy_space.distinct()[:10], toy_space.canonical
    judge = Guess(truth, bad=lambda arch: key(arch) == key(archs[0]))
    made = Surrogate(judge, toy_space, pool=30)
    for _ in range(2):
        mean, std = made.predict(archs)
        assert np.isnan(mean).tolist() == np.isnan(std).tolist() == [True, *[False] * 9]
        made.suggest(3)
    keys = [key(arch) for arch in judge.asked]
    assert all(keys.count(one) == 1 for one in keys if one != key(archs[0])) and keys.count(key(archs[0])) >= 2


def test_to_minimise_is_to_maximise_the_opposite(toy_space: Any, truth: Any) -> None:
    up, down = (Surrogate(Guess(truth), toy_space, direction=d) for d in ("maximize", "minimize"))
    others = toy_space.distinct()[:20]
    for arch in Random(3).sample(toy_space.distinct(), 12):
        up.observe(arch, truth(arch))
        down.observe(arch, -truth(arch))
    assert up.predict(others)[0] == pytest.approx(-down.predict(others)[0])
    assert up.suggest(3) == down.suggest(3) and up.best[0] == down.best[0]  # type: ignore[index]


def test_several_trainings_of_a_function_count_as_their_mean(toy_space: Any, truth: Any) -> None:
    made, arch = Surrogate(Guess(truth), toy_space), toy_space.distinct()[5]
    made.observe(arch, None)
    made.observe(arch, 1.0)
    made.observe(arch, 2.0)
    assert made.observed == {toy_space.format(arch): 1.5} and made.best == (arch, 1.5)


def test_equal_values_are_no_trouble(toy_space: Any, truth: Any) -> None:
    made = Surrogate(Guess(truth), toy_space)
    for arch in toy_space.distinct()[:8]:
        made.observe(arch, 0.1)
    mean, std = made.predict(toy_space.distinct()[:3])
    assert mean == pytest.approx(0.1) and np.isfinite(std).all() and len(made.suggest(2)) == 2


def test_one_that_must_learn_first_suggests_at_random_until_it_has(toy_space: Any, truth: Any) -> None:
    made = Surrogate(SurrogateEstimator(toy_space, model="ridge", least=10), toy_space, pool=50)
    with pytest.raises(ConfigError, match="not learnt yet"):
        made.predict(toy_space.distinct()[:2])
    for _ in range(10):
        (arch,) = made.suggest()
        made.observe(arch, truth(arch))
    mean, _ = made.predict(toy_space.distinct()[:50])
    assert spearmanr(mean, [truth(arch) for arch in toy_space.distinct()[:50]])[0] > 0.5
    assert len(made.suggest(2)) == 2


def test_a_damaged_state_changes_nothing(toy_space: Any, truth: Any) -> None:
    ours, theirs = (Surrogate(Guess(truth), toy_space, pool=8, seed=seed) for seed in (0, 1))
    archs = toy_space.distinct()[:6]
    ours.observe(archs[0], 0.5)
    theirs.observe_all({arch: 0.1 * i for i, arch in enumerate(archs)})
    before, state = ours.state(), theirs.state()
    text = toy_space.format(archs[5])
    for damaged in (
        None,
        {**state, "observed": {**state["observed"], text: ["a"]}},
        {**state, "observed": {**state["observed"], text: [10**400]}},
        {**state, "failed": ["no member"]},
        {**state, "waiting": 3},
        {key: value for key, value in state.items() if key != "readings"},
    ):
        with pytest.raises(DataError, match="state of a surrogate"):
            ours.take(damaged)
        assert ours.state() == before
    ours.take(state)
    assert ours.state()["observed"] == state["observed"]


def test_a_saved_one_goes_on(toy_space: Any, truth: Any, tmp_path: Path) -> None:
    path, made = tmp_path / "state.json", observed(toy_space, truth, pool=30)
    waiting, others = made.suggest(3), toy_space.distinct()[:20]
    made.observe(waiting[0], None)
    made.save(path)
    made.save(path)  # its own file may be replaced
    judge = Guess(truth)
    again = Surrogate.load(path, judge, toy_space, pool=30)
    assert again.observed == made.observed and again.predict(others)[0] == pytest.approx(made.predict(others)[0])
    known = {*map(toy_space.canonical, waiting)}
    assert not known & {toy_space.canonical(arch) for arch in again.suggest(10)}
    read = json.loads(path.read_text())["readings"]["read"]
    assert not {toy_space.format(arch) for arch in judge.asked} & set(read)


def test_wrong_files(toy_space: Any, truth: Any, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for text in ("", "[]", '{"schema": "ghn.scores/1"}'):
        path.write_text(text)
        with pytest.raises(ExistsError, match="no state of a surrogate"):
            Surrogate(Guess(truth), toy_space).save(path)
        with pytest.raises(DataError, match=r"state\.json"):
            Surrogate.load(path, Guess(truth), toy_space)
    path.unlink()
    observed(toy_space, truth).save(path)
    other = NASBench201((3, 8, 8), 7, width=4, depth=1)
    with pytest.raises(DataError, match="another space"):
        Surrogate.load(path, Guess(truth), other)
    state = json.loads(path.read_text())
    for damage in ({"observed": [1]}, {"observed": {"x": [1.0]}}, {"waiting": 3}, {"readings": 3}, {"direction": "up"}):
        path.write_text(json.dumps(state | damage))
        with pytest.raises(DataError, match=r"state\.json"):
            Surrogate.load(path, Guess(truth), toy_space)


def test_wrong_input(toy_space: Any, truth: Any, toy_model: Model, toy_task: Any) -> None:
    with pytest.raises(ConfigError, match="maximize"):
        Surrogate(Guess(truth), toy_space, direction="up")
    for no_space in ("nasbench201", 5, ["nasbench201"]):
        with pytest.raises(ConfigError, match="make_space"):
            Surrogate(Guess(truth), no_space)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="of which space"):
        Surrogate(Guess(truth))
    with pytest.raises(CheckpointError, match="another space"):
        Surrogate(toy_model, NASBench201((3, 8, 8), 7, width=4, depth=1))
    with pytest.raises(ConfigError, match="no task"):
        Surrogate(toy_model)
    assert Surrogate(toy_model, task=toy_task).space is toy_model.space
    for judge in (None, "params", truth):
        with pytest.raises(ConfigError, match="can ask about"):
            Surrogate(judge, toy_space)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="whole number"):
        Surrogate(Guess(truth), toy_space, pool=8.5)  # type: ignore[arg-type]
    made = Surrogate(Guess(truth), toy_space, pool=4)
    for settings in ({"seed": -1}, {"seed": "a"}, {"allowed": "small"}, {"curves": 20}):
        with pytest.raises(ConfigError):
            Surrogate(Guess(truth), toy_space, **settings)
    for n in (1.5, 0, "2", True):
        for ask in (made.suggest, made.draw, lambda n: made.acquire([], n)):
            with pytest.raises(ConfigError, match="whole number"):
                ask(n)
    cell = toy_space.distinct()[0]
    for one in (cell, toy_space.format(cell), None):  # none is read part by part, or letter by letter
        for ask in (made.predict, made.acquire, lambda among: made.suggest(among=among or "")):
            with pytest.raises(ConfigError, match="list of architectures"):
                ask(one)
    for value in (float("nan"), float("inf"), 1e300, 10**400, np.float32("inf")):
        with pytest.raises(ConfigError, match="finite number"):
            made.observe(toy_space.distinct()[0], value)
    with pytest.raises(ArchitectureError):
        made.observe("|fft~0|", 1.0)
    with pytest.raises(ConfigError, match="expected_improvement"):
        made.suggest(by="luck")
    with pytest.raises(ConfigError, match="at least 1"):
        made.suggest(0)
    assert made.observed == {}


def test_expected_improvement_is_the_mean_of_what_exceeds_the_best() -> None:
    rng = np.random.default_rng(0)
    mean, std = np.array([0.0, 1.0, 3.0, 1.0]), np.array([1.0, 2.0, 0.5, 0.0])
    draws = np.maximum(norm.rvs(mean, std, size=(400_000, 4), random_state=rng) - 1.5, 0).mean(0)
    assert expected_improvement(mean, std, 1.5, rng) == pytest.approx(draws, abs=0.01)


def test_readings_of_another_run_are_recalled_and_nothing_else(toy_space: Any, truth: Any, tmp_path: Path) -> None:
    first, archs = Surrogate(Guess(truth), toy_space), toy_space.distinct()[:8]
    first.predict(archs)
    first.observe(archs[0], 1.0)
    first.save(tmp_path / "state.json")
    judge = Guess(truth)
    second = Surrogate(judge, toy_space)
    second.recall(tmp_path / "state.json")
    judge.asked.clear()
    second.predict(archs)
    keys = {toy_space.canonical(arch) for arch in judge.asked}
    assert second.observed == {} and not keys & {toy_space.canonical(arch) for arch in archs}
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(DataError):
        second.recall(tmp_path / "state.json")
