"""What every `Searcher` must do."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from ghn.errors import ConfigError
from ghn.types import Inherits, Score, Searcher, Space, Trial

Make = Callable[[], Searcher[Any]]  # gives a new searcher each time, always the same
STEPS = 120


def value(trial: Trial[Any]) -> float:
    """A score that depends on the architecture and grows with the budget."""
    return Random(str(trial.arch)).random() + 0.01 * (trial.budget or 0)


def drive(
    searcher: Searcher[Any],
    steps: int = STEPS,
    *,
    ask: int = 1,
    fails: Callable[[Trial[Any]], bool] = lambda trial: False,
    pick: Callable[[int], int] = lambda waiting: 0,
) -> list[Trial[Any]]:
    """Asks for `ask` at a time and tells one after another; returns the trials in the order of their proposal."""
    asked: list[Trial[Any]] = []
    waiting: list[Trial[Any]] = []
    while len(asked) < steps:
        new = searcher.ask(ask)
        assert len(new) <= ask
        asked += new
        waiting += new
        if not waiting:
            break
        trial = waiting.pop(pick(len(waiting)))
        searcher.tell(trial, Score.failed("it broke") if fails(trial) else Score(value(trial), budget=trial.budget))
    return asked


def is_a_searcher(make: Make, space: Space[Any]) -> None:
    searcher = make()
    assert isinstance(searcher, Searcher)
    assert searcher.source.strip()
    assert searcher.identity == json.loads(json.dumps(make().identity)) and searcher.identity
    before = searcher.identity
    assert len(drive(searcher)) > 10
    assert searcher.identity == before  # of what it was made from, not of what it was told


def asking_gives_at_most_n(make: Make, space: Space[Any]) -> None:
    assert make().ask(0) == []
    for n in (1, 2, 7):
        assert 1 <= len(make().ask(n)) <= n
        assert len(make().ask()) == 1
        drive(make(), ask=n)


def ids_are_unique_and_archs_are_members(make: Make, space: Space[Any]) -> None:
    trials = drive(make(), ask=3)
    assert len({t.id for t in trials}) == len(trials)
    for trial in trials:
        assert space.parse(space.format(trial.arch)) == trial.arch


def budgets_rise_from_the_trial_that_is_resumed(make: Make, space: Space[Any]) -> None:
    """Or, where it is another architecture from which weights are inherited, this is said, and it may have several."""
    searcher = make()
    inherits = isinstance(searcher, Inherits) and searcher.inherits
    earlier: dict[str, Trial[Any]] = {}
    for trial in drive(make()):
        assert trial.budget is None or trial.budget > 0
        if trial.resume is not None:
            before = earlier[trial.resume]
            assert (before.arch != trial.arch) if inherits else before.arch == trial.arch
            assert inherits or before.budget < trial.budget
        earlier[trial.id] = trial
    resumed = [t.resume for t in earlier.values() if t.resume]
    assert inherits or len(set(resumed)) == len(resumed)


def the_same_answers_give_the_same_trials(make: Make, space: Space[Any]) -> None:
    for settings in ({}, {"ask": 4}, {"ask": 4, "pick": lambda waiting: waiting // 2}):
        assert drive(make(), **settings) == drive(make(), **settings)


def failures_do_no_harm(make: Make, space: Space[Any]) -> None:
    trials = drive(make(), fails=lambda trial: int(trial.id.split("@")[0]) % 3 == 0)
    failed = {t.id for t in trials if int(t.id.split("@")[0]) % 3 == 0}
    assert failed and not failed & {t.resume for t in trials}
    assert len(trials) > 10
    drive(make(), fails=lambda trial: True)


def finished_is_finished(make: Make, space: Space[Any]) -> None:
    searcher = make()
    if len(drive(searcher, 600)) >= 600:
        pytest.skip("goes on for ever")
    assert searcher.ask(5) == [] == searcher.ask()


def awaited_trials_are_neither_lost_nor_doubled(make: Make, space: Space[Any]) -> None:
    """Workers that all wait get nothing; whatever the order of their scores, nothing is proposed twice."""
    for seed in range(3):
        rng = Random(seed)
        trials = drive(make(), ask=5, pick=rng.randrange)
        assert len({t.id for t in trials}) == len(trials)


def only_what_was_asked_for_can_be_told(make: Make, space: Space[Any]) -> None:
    searcher = make()
    trial = searcher.ask()[0]
    searcher.tell(trial, Score(0.5))
    for wrong in (trial, Trial("nobody's", trial.arch)):
        with pytest.raises(ConfigError):
            searcher.tell(wrong, Score(0.5))


class _Impatient:
    """Asks again, in vain, whenever the searcher has nothing to give."""

    def __init__(self, searcher: Searcher[Any]) -> None:
        self.ask_once, self.tell = searcher.ask, searcher.tell

    def ask(self, n: int = 1) -> list[Trial[Any]]:
        self.ask_once(0)
        found = self.ask_once(n)
        if not found:
            assert self.ask_once(1) == self.ask_once(3) == []
        return found


def an_ask_in_vain_changes_nothing(make: Make, space: Space[Any]) -> None:
    """A history holds no asks that gave nothing, so they must leave no trace."""
    for settings in ({}, {"ask": 7}):
        assert drive(_Impatient(make()), **settings) == drive(make(), **settings)


SEARCHER_CHECKS = (
    is_a_searcher,
    asking_gives_at_most_n,
    ids_are_unique_and_archs_are_members,
    budgets_rise_from_the_trial_that_is_resumed,
    the_same_answers_give_the_same_trials,
    failures_do_no_harm,
    finished_is_finished,
    awaited_trials_are_neither_lost_nor_doubled,
    only_what_was_asked_for_can_be_told,
    an_ask_in_vain_changes_nothing,
)


def check_searcher(make: Make, space: Space[Any]) -> None:
    """Runs the whole suite."""
    for check in SEARCHER_CHECKS:
        check(make, space)
