"""The promotions of our schedulers against Optuna's and Syne Tune's, on one recorded table of curves.

Both packages have the asynchronous, *stopping* kind only (Syne Tune 0.16, Optuna 5): a trial that reports on a rung
goes on or is stopped for good, by its place among those that reported there before it. Two settings in which that must
agree with ours:

- A trial that reports *last* is judged with the whole rung known, as in synchronous successive halving. So every member
  of a rung is asked about as the last one, with a new study each.
- Our ASHA promotes in two moments: a trial when it reports, or later, when the rung has grown. The first are exactly
  those that the stopping kind lets go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
import recorded

from ghn.search import ASHA, SuccessiveHalving

Judge = Callable[[Sequence[str], int, int], list[bool]]


def optuna_decisions(order: Sequence[str], epoch: int, eta: int) -> list[bool]:
    """Which networks go on beyond a rung, when they report one after another."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Optuna lets the best go on even before eta have reported; bootstrap_count waits for them, as we do.
    pruner = optuna.pruners.SuccessiveHalvingPruner(epoch, eta, bootstrap_count=eta - 1)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    decisions = []
    for arch in order:
        trial = study.ask()
        trial.report(recorded.curve(arch)[epoch - 1], step=epoch)
        decisions.append(not trial.should_prune())
    return decisions


def syne_tune_decisions(order: Sequence[str], epoch: int, eta: int) -> list[bool]:
    """The same of Syne Tune."""
    pytest.importorskip("syne_tune")
    from syne_tune.backend.trial_status import Trial
    from syne_tune.config_space import choice
    from syne_tune.optimizer.scheduler import SchedulerDecision
    from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving

    # It lets those go on that have at most n/eta better ones, one more than the paper's best n/eta. A factor a hair
    # larger is the paper's rule; the grace period a hair shorter leaves the rung where it was.
    scheduler = AsynchronousSuccessiveHalving(
        {"arch": choice(list(order))},
        metric="value",
        do_minimize=False,
        time_attr="epoch",
        max_t=100,
        grace_period=epoch - 1e-3,
        reduction_factor=eta + 1e-6,
        random_seed=0,
    )
    decisions = []
    for number, arch in enumerate(order):
        trial = Trial(number, {"arch": arch}, datetime(2020, 1, 1))
        scheduler.on_trial_add(trial)
        result = {"value": recorded.curve(arch)[epoch - 1], "epoch": epoch}
        decisions.append(scheduler.on_trial_result(trial, result) == SchedulerDecision.CONTINUE)
    return decisions


JUDGES = pytest.mark.parametrize("judge", [optuna_decisions, syne_tune_decisions], ids=["optuna", "syne-tune"])


@JUDGES
@pytest.mark.parametrize(("n", "eta", "epochs"), [(54, 3, 18), (64, 4, 16), (32, 2, 16)])
def test_successive_halving_promotes_the_same_at_every_rung(judge: Judge, n: int, eta: int, epochs: int) -> None:
    rungs = defaultdict(list)
    searcher = SuccessiveHalving(recorded.candidates(n), max_budget=epochs, eta=eta, n=n)
    for trial, _ in recorded.run_all(searcher):
        rungs[int(trial.budget)].append(trial.arch)
    budgets = sorted(rungs)
    assert [len(rungs[b]) for b in budgets[:3]] == [n, n // eta, n // eta**2]
    for budget, following in pairwise(budgets):
        if len(rungs[budget]) % eta:  # n/eta is no whole number, and the packages round it differently
            continue
        members = rungs[budget]
        last = [judge([*(m for m in members if m != arch), arch], budget, eta)[-1] for arch in members]
        assert {arch for arch, goes_on in zip(members, last, strict=True) if goes_on} == set(rungs[following])


@JUDGES
@pytest.mark.parametrize("seed", range(3))
def test_asha_promotes_the_same_as_they_report(judge: Judge, seed: int) -> None:
    eta = 3
    done = [trial for trial, _ in recorded.run_all(ASHA(recorded.candidates(seed=seed), max_budget=18, eta=eta))]
    order = [trial.arch for trial in done if trial.budget == 1]
    at_once = [b.resume == a.id for a, b in zip(done, [*done[1:], None], strict=True) if a.budget == 1 and b]
    theirs = judge(order, 1, eta)
    if judge is syne_tune_decisions:  # lets the very first go on; and compares with m/eta unrounded, we with whole ones
        theirs = [good and m % eta == 0 for m, good in enumerate(theirs, start=1)]
        at_once = [good and m % eta == 0 for m, good in enumerate(at_once, start=1)]
    assert sum(at_once) > 5
    assert at_once == theirs[: len(at_once)]
    best = sorted(order, key=lambda arch: -recorded.curve(arch)[0])[: len(order) // eta]
    assert {t.arch for t in done if t.budget == 3} >= set(best)  # the others go on later, when the rung has grown


def test_asha_with_everything_known_is_successive_halving() -> None:
    """One worker that promotes only after the whole rung has reported: ask for all, then tell all."""
    found: dict[str, dict[float, set[str]]] = {}
    judge = recorded.estimator()
    for name, searcher in {
        "asha": ASHA(recorded.candidates(81), max_budget=9),
        "halving": SuccessiveHalving(recorded.candidates(81), max_budget=9, n=81),
    }.items():
        rungs: dict[float, set[str]] = defaultdict(set)
        while trials := searcher.ask(1000):
            for trial, score in zip(trials, judge.score(trials), strict=True):
                searcher.tell(trial, score)
                rungs[trial.budget].add(trial.arch)
        found[name] = dict(rungs)
    assert found["asha"] == found["halving"]
    assert [len(found["asha"][b]) for b in (1, 3, 9)] == [81, 27, 9]


def test_the_recorded_losses_have_no_ties() -> None:
    """Else which of two equals goes on would be a matter of taste."""
    for epoch in (1, 2, 3, 4, 6, 8, 9, 16, 18):
        values: list[Any] = [recorded.curve(arch)[epoch - 1] for arch in recorded.archs()]
        assert len(set(values)) == len(values)
