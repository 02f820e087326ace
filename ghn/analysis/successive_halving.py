"""Successive halving as numbers: rungs, the brackets of Hyperband, and whom they drop where all values are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, check_numbers

Schedule = tuple[tuple[float, ...], tuple[int, ...]]  # rungs of a bracket, and candidates on each
MOST_RUNGS = 1000
SLACK = 1e-9  # so that rounding in powers of eta costs no rung and no place


def rung_budgets(min_budget: float, max_budget: float, eta: float) -> tuple[float, ...]:
    """`min_budget` times powers of `eta` as long as they are below `max_budget`, then that; whole if `min_budget` is.

    Raises:
        ConfigError: eta is not above 1, or the largest budget is below that of the cheapest rung.
    """
    check_numbers("", min_budget=min_budget, max_budget=max_budget, eta=eta)
    if not eta > 1:
        raise ConfigError("eta must be above 1: of each rung, 1/eta go on", got=eta, expected="such as 2, 3 or 4")
    if not 0 < min_budget <= max_budget:
        raise ConfigError(
            "the budget is below the cheapest rung" if 0 < max_budget < min_budget else "budgets of no rung",
            got=f"min_budget={min_budget}, max_budget={max_budget}",
            expected="0 < min_budget <= max_budget",
            fix=f"min_budget={max_budget} trains every candidate fully" if 0 < max_budget < min_budget else None,
        )
    if (many := math.log(max_budget / min_budget) / math.log(eta)) > MOST_RUNGS:
        raise ConfigError("so small an eta gives too many rungs", got=f"eta={eta}: {many:.0f}", expected=MOST_RUNGS)
    whole, levels, level = float(min_budget).is_integer(), [], float(min_budget)
    while level < max_budget * (1 - SLACK):
        levels.append(float(round(level)) if whole else level)
        level *= eta
    return (*dict.fromkeys(b for b in levels if b < max_budget), float(max_budget))


def rung_sizes(n: int, rungs: int, eta: float) -> tuple[int, ...]:
    """Trials in each rung: `n` divided by powers of `eta`, rounded down."""
    return tuple(math.floor(n / eta**i + SLACK) for i in range(rungs))


def total_budget(rungs: Sequence[float], sizes: Sequence[int]) -> float:
    """What a bracket spends when trials are resumed: each rung costs the difference to the one before."""
    steps = zip(sizes, rungs, (0.0, *rungs), strict=False)
    return sum(size * (budget - before) for size, budget, before in steps)


def hyperband_brackets(rungs: Sequence[float], eta: float, count: int) -> list[Schedule]:
    """Rungs and sizes of the first `count` brackets of Hyperband, the most exploring first.

    Source: Li et al., Hyperband, JMLR 2018, algorithm 1: bracket s begins with ceil((s_max + 1) / (s + 1) * eta^s).
    """
    found = []
    for first in range(count):
        halvings = len(rungs) - 1 - first
        n = math.ceil(len(rungs) / (halvings + 1) * eta**halvings - SLACK)
        found.append((tuple(rungs[first:]), rung_sizes(n, halvings + 1, eta)))
    return found


def climb(values: Floats, sizes: Sequence[int]) -> list[np.ndarray]:
    """The rows that reach each rung when values [n, rungs] on all are known: the best of the rung before, best first.

    Rows are in the order of proposal, which decides between equals and who has a place on the first rung.
    """
    reached = [np.arange(min(len(values), sizes[0]))]
    for rung, size in enumerate(sizes[1:]):
        rows = reached[-1]
        reached.append(rows[np.argsort(-values[rows, rung], kind="stable")[:size]])
    return reached


@dataclass(frozen=True, slots=True)
class Halving:
    """What successive halving would have lost, over draws of its candidates: of each rung, 1/eta go on.

    Attributes:
        rungs, sizes: fidelities of the rungs, and candidates on each.
        whole: whether all networks are the candidates; then draws differ in how ties fall alone.
        bests: how many different networks were the best of a draw: where they are few, the shares stand on few cases.
        dropped: share of the draws in which the eventual best was not taken along from a rung to the next; one number a
            rung but the last.
        regret: what the best survivor lacks to the best candidate at the last fidelity, mean over draws.
        regret_high: the 95th percentile of the same.
        cost: share of what training every candidate to the last fidelity costs, a fidelity being its own cost.
    """

    eta: float
    rungs: tuple[float, ...]
    sizes: tuple[int, ...]
    whole: bool
    draws: int
    bests: int
    dropped: tuple[float, ...]
    regret: float
    regret_high: float
    cost: float

    @property
    def lost(self) -> float:
        """Share of the draws in which the eventual best did not reach the last rung."""
        return sum(self.dropped)


def replay_halvings(
    table: Floats, fidelities: Sequence[float], etas: Sequence[float], draws: int, seed: int, *, progress: bool
) -> Iterator[Halving]:
    """Replays the brackets of Hyperband that fit, and all networks at once, for each reduction factor.

    The table [n, fidelities] is finite and its fidelities rise; a rung between two of them reads the lower.

    Raises:
        ConfigError: an eta that is not above 1.
    """
    schedules = [(eta, one) for eta in etas for one in _fitting(len(table), fidelities, eta)]
    for eta, schedule in tqdm(schedules, desc="successive halving", unit="bracket", disable=not progress):
        yield _replay(eta, schedule, table, fidelities, draws, seed)


def _fitting(n: int, fidelities: Sequence[float], eta: float) -> Iterator[Schedule]:
    rungs = rung_budgets(fidelities[0], fidelities[-1], eta)
    brackets = hyperband_brackets(rungs, eta, len(rungs) - 1)  # the last of all has one rung and drops nobody
    yield from (bracket for bracket in brackets if bracket[1][0] < n)
    every = [rung_sizes(n, len(rungs) - first, eta) for first in range(len(rungs))]
    first = next(i for i, sizes in enumerate(every) if sizes[-1] >= 1)  # few networks begin on a later rung
    if len(every[first]) > 1:
        yield rungs[first:], every[first]


def _replay(
    eta: float, schedule: Schedule, table: Floats, fidelities: Sequence[float], draws: int, seed: int
) -> Halving:
    rungs, sizes = schedule
    columns = np.searchsorted(fidelities, np.array(rungs) * (1 + SLACK), side="right") - 1
    rng = np.random.default_rng(seed)
    fell, regrets, bests = np.zeros(len(rungs) - 1), np.zeros(draws), set()
    for draw in range(draws):
        chosen = rng.permutation(len(table))[: sizes[0]]
        final = table[chosen, -1]
        bests.add(int(chosen[final.argmax()]))
        reached = climb(table[chosen][:, columns], sizes)
        alive = [bool((final[rung] == final.max()).any()) for rung in reached]
        if not alive[-1]:
            fell[alive.index(False) - 1] += 1
        regrets[draw] = final.max() - final[reached[-1]].max()
    return Halving(
        eta=float(eta),
        rungs=rungs,
        sizes=sizes,
        whole=sizes[0] == len(table),
        draws=draws,
        bests=len(bests),
        dropped=tuple((fell / draws).tolist()),
        regret=float(regrets.mean()),
        regret_high=float(np.percentile(regrets, 95)),
        cost=total_budget(rungs, sizes) / (sizes[0] * rungs[-1]),
    )
