"""Races on panels whose readings are drawn: who is found, what it costs, and that nothing is read twice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from doubles import Double

from ghn.analysis.ridge import TAIL, chance_above, fit_ridge
from ghn.errors import ConfigError, DataError, EstimatorError
from ghn.scoring.combined import Combined, Ensemble
from ghn.scoring.panel import LIVE_PARAMETERS, Readings
from ghn.scoring.race_field import ReadInParts
from ghn.scoring.racing import CHANCE, LEFT, Race, has_left
from ghn.types import Score, Trial

SECONDS = {"cheap": 1.0, "middle": 3.0, "dear": 6.0}
WHOLE = sum(SECONDS.values())


class Member(Double):
    """Says what it is told of a candidate, and counts how often."""

    def __init__(self, name, values, seconds=0.0):
        self.name, self.values, self.seconds, self.asked = name, values, seconds, Counter()

    @property
    def identity(self):
        return {"member": self.name}

    def score(self, trials):
        self.asked.update(trial.arch for trial in trials)
        found = [self.values[trial.arch] for trial in trials]
        return [Score.failed("no", self.seconds) if v is None else Score(v, self.seconds) for v in found]


class Numbers:
    """A panel of candidates that are numbers, `a` and `a + n` one function; its value is the sum of its readings."""

    def __init__(self, readings, n):
        self.members = {name: Member(name, dict(enumerate(v)), SECONDS[name]) for name, v in readings.items()}
        self.weights = {LIVE_PARAMETERS: 0.0} | {f"{name}/value": 1.0 for name in readings}
        self.space = SimpleNamespace(canonical=lambda arch: arch % n)

    def put_together(self, trial, answers, before=None):
        seconds = sum(score.cost_seconds for score in answers.values())
        if any(not score.ok for score in answers.values()):
            return Readings({}, seconds, "a member failed")
        return Readings({f"{name}/value": score.value for name, score in answers.items()}, seconds)

    def settled_on(self, read):
        return self

    def normal_scores(self, read):
        return np.array([[r.values.get(name, 0.0) for name in self.weights] for r in read])

    def known(self, archs):
        return np.zeros((len(archs), 0))

    def judge(self, trials, read):
        return [Score(sum(r.values.values()), r.seconds, std=0.1, extra=dict(r.values)) for r in read]


def panel(n=600, seed=0, agree=0.8):
    """Readings of which any two correlate with `agree`."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(n)
    return Numbers({name: agree**0.5 * shared + (1 - agree) ** 0.5 * rng.standard_normal(n) for name in SECONDS}, n)


def trials(n=600):
    return [Trial(f"t{i}", i) for i in range(n)]


def truth(numbers, n=600):
    return np.sum([[member.values[i] for i in range(n)] for member in numbers.members.values()], axis=0)


def missed(numbers, scores, k):
    return sum(has_left(scores[i]) for i in np.argsort(-truth(numbers, len(scores)))[:k])


def test_the_best_are_found_for_less():
    numbers = panel()
    assert isinstance(numbers, ReadInParts)
    race = Race(numbers, 10, risk=0.05)
    scores = race.run(trials())
    found = np.argsort([-score.value for score in scores])[:10]
    assert set(found) == set(np.argsort(-truth(numbers))[:10])
    full = [score for score in scores if not has_left(score)]
    assert 64 <= len(full) < 200 and race.spent < 0.5 * 600 * WHOLE
    assert race.spent == pytest.approx(sum(score.cost_seconds for score in scores))
    assert all(score.value == pytest.approx(truth(numbers)[i]) for i, score in enumerate(scores) if score in full)
    left = [score for score in scores if has_left(score)]
    kth = scores[found[-1]].value
    assert all(score.value < kth and score.std > 0.1 and score.extra[CHANCE] < 0.5 for score in left)
    assert sum(score.extra[CHANCE] for score in left) <= 0.05 * 10
    assert {score.extra[LEFT] for score in left} <= {None, *SECONDS}
    # cheap readings first: most candidates never saw the dear one
    asked = {name: sum(member.asked.values()) for name, member in numbers.members.items()}
    assert asked["cheap"] > 2 * asked["dear"] == 2 * len(full)


def test_fewer_are_missed_than_is_stated():
    """Over 30 draws of readings that are normal, at two risks and two strengths of agreement."""
    for risk, agree in ((0.05, 0.8), (0.2, 0.5)):
        runs = [
            (p, Race(p, 5, risk=risk, pilot=32).run(trials(200))) for p in (panel(200, s, agree) for s in range(15))
        ]
        lost = np.array([missed(numbers, scores, 5) for numbers, scores in runs])
        assert lost.mean() <= risk * 5


def test_exact_readings_leave_no_doubt():
    """Where the cheapest reading tells the value, none of the best leaves, and no other is read in full for it."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal(600)
    for seed in range(5):
        numbers = Numbers(dict.fromkeys(SECONDS, values), 600)
        scores = Race(numbers, 20, seed=seed).run(trials())
        assert missed(numbers, scores, 20) == 0
        assert sum(not has_left(score) for score in scores) < 64 + 20 + 32
        assert numbers.members["dear"].asked.total() < 64 + 20 + 32


def test_a_race_is_told_by_its_seed():
    first, again, other = (Race(panel(), 10, seed=seed).run(trials()) for seed in (1, 1, 2))
    assert first == again
    assert [has_left(score) for score in first] != [has_left(score) for score in other]


def test_what_is_looked_for_must_be_there():
    for best in (0, 21):
        numbers = panel(20)
        with pytest.raises(ConfigError, match=rf"best={best}, 20 candidates[\s\S]*1 to 20"):
            Race(numbers, best).run(trials(20))
        assert not numbers.members["cheap"].asked
    with pytest.raises(ConfigError, match="best=a"):
        Race(panel(20), "a").run(trials(20))
    for wrong in ({"risk": "a"}, {"risk": None}, {"risk": 0.0}, {"risk": 1.0}, {"pilot": 5}):
        with pytest.raises(ConfigError):
            Race(panel(), 3, **wrong)
    with pytest.raises(DataError, match="unique"):
        Race(panel(), 1).run([Trial("a", 0), Trial("a", 1)])


def test_all_are_read_where_all_are_looked_for():
    numbers = panel(100)
    scores = Race(numbers, 100).run(trials(100))
    assert not any(map(has_left, scores)) and [s.value for s in scores] == pytest.approx(list(truth(numbers, 100)))


def test_failures_are_counted_and_twins_run_once():
    numbers = panel(200)
    for i in range(0, 200, 7):
        numbers.members["cheap"].values[i] = None
    twins = [Trial(f"twin{i}", 200 + i) for i in range(200)]
    scores = Race(numbers, 10).run([*trials(200), *twins])
    assert scores[:200] == scores[200:]
    failed = [i for i, score in enumerate(scores[:200]) if not score.ok]
    assert failed and all(i % 7 == 0 for i in failed)  # those that were asked
    assert all(scores[i].error == "a member failed" and scores[i].cost_seconds > 0 for i in failed)
    assert all(set(member.asked.values()) == {1} and max(member.asked) < 200 for member in numbers.members.values())


def test_a_killed_race_goes_on(tmp_path: Path):
    numbers = panel()
    whole = Race(numbers, 10).run(trials())

    class Killed(Member):
        def score(self, trials):
            if self.asked.total() > 150:
                raise KeyboardInterrupt
            return super().score(trials)

    cut = panel()
    cut.members["cheap"] = Killed("cheap", cut.members["cheap"].values, SECONDS["cheap"])
    with pytest.raises(KeyboardInterrupt):
        Race(cut, 10, folder=tmp_path).run(trials())
    after = panel()
    assert Race(after, 10, folder=tmp_path).run(trials()) == whole
    for name, member in after.members.items():
        assert member.asked.total() + cut.members[name].asked.total() == numbers.members[name].asked.total()
    # more of the best: what is read is used
    wider = panel()
    assert missed(wider, Race(wider, 20, folder=tmp_path).run(trials()), 20) <= 1
    assert wider.members["dear"].asked.total() < numbers.members["dear"].asked.total()
    with pytest.raises(DataError, match="another architecture"):
        Race(panel(), 10, folder=tmp_path).run([replace(trial, arch=599 - trial.arch) for trial in trials()])


def test_seconds_are_kept():
    for seconds in (64 * WHOLE + 1, 64 * WHOLE + 150):
        race = Race(panel(), 10, seconds=seconds)
        scores = race.run(trials())
        assert 64 * WHOLE <= race.spent <= seconds and len(scores) == 600
    assert race.spent > seconds - 32 * 6


def test_a_member_that_raises_ends_the_race():
    numbers = panel()
    numbers.members["dear"].values = {}
    with pytest.raises(EstimatorError, match="in a row"):
        Race(numbers, 10).run(trials())


class Reads(Double):
    """A member that reads a number off a cell, which lies in `noise` of how many paths it has."""

    def __init__(self, space, noise, seed):
        self.space, self.noise, self.rng, self.known = space, noise, Random(seed), {}

    def score(self, trials):
        for t in trials:
            if t.arch not in self.known:
                self.known[t.arch] = self.space.encode(t.arch)["most_convs"] + self.rng.gauss(0, self.noise)
        return [Score(self.known[t.arch], 0.1, extra={"loss": -self.known[t.arch]}) for t in trials]


@pytest.mark.parametrize("kind", ["combined", "taught", "ensemble"])
def test_real_panels(toy_space, kind):
    """With and without references; what is usual is told by the pilot, or, where all are read, by all."""
    archs = Random(0).sample(toy_space.distinct(), 90)
    named = [Trial(toy_space.format(arch), arch) for arch in archs]
    members = {name: Reads(toy_space, noise, i) for i, (name, noise) in enumerate((("a", 0.3), ("b", 0.2)))}
    made = Ensemble(toy_space, members)
    if kind != "ensemble":
        made = Combined(toy_space, members, {"a/loss": 1, "b/loss": 2})
    if kind == "taught":
        known = Random(1).sample(toy_space.distinct(), 12)
        made.fit([(Trial(str(i), a), Score(toy_space.encode(a)["mean_pools"])) for i, a in enumerate(known)])
    plain = made.score(named)
    assert Race(made, 90).run(named) == plain
    scores = Race(made, 5, pilot=30).run([*named, Trial("bad", "no cell"), Trial("worse", 3)])
    assert made.population is None and not scores[-2].ok
    assert json.dumps([score.extra for score in scores])
    best = np.argsort([-s.value for s in plain])[:3]
    assert not any(has_left(scores[i]) for i in best) and sum(map(has_left, scores)) > 10


def test_ridge_knows_how_wrong_it_is():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 8))
    y = x[:, 0] - 2 * x[:, 1] + 3 + 0.5 * rng.standard_normal(400)
    ridge = fit_ridge(x[:100], y[:100])
    mean, std = ridge.predict(x[100:])
    errors = (y[100:] - mean) / std
    assert np.abs(errors).max() < 5 and errors.std() == pytest.approx(1, abs=0.1)
    rest = [fit_ridge(np.delete(x[:30], i, 0), np.delete(y[:30], i), [3.0]) for i in range(30)]
    left_out = [y[i] - one.predict(x[i : i + 1])[0][0] for i, one in enumerate(rest)]
    assert fit_ridge(x[:30], y[:30], [3.0]).spread == pytest.approx(np.sqrt(np.mean(np.square(left_out))))
    far = ridge.predict(np.full((1, 8), 30.0))[1]
    assert far > 2 * std.max()
    chance = chance_above(1.0, np.array([1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.25]))
    assert chance[0] == 0.5 and 0.15 < chance[1] < 0.2 and chance[2] > 3e-5 * 10 and TAIL < 30


def test_a_model_refuses_before_anything_is_read(toy_model):
    with pytest.raises(ConfigError, match="best=31, 30 candidates"):
        toy_model.rank(toy_model.space.distinct()[40:70], best=31)
