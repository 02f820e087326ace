"""Successive halving replayed on values that are known at every fidelity: who was dropped, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from ghn.ranking.weighted import Floats
from ghn.report.stability.model import Halving
from ghn.search.bracket import Bracket, rung_budgets, rung_sizes, total_budget
from ghn.search.halving import hyperband_brackets
from ghn.search.simulate import replay_bracket

Plan = tuple[float, tuple[float, ...], tuple[int, ...]]  # eta, rungs, sizes


def replay_halvings(
    table: Floats, fidelities: Sequence[float], etas: Sequence[float], draws: int, seed: int, *, progress: bool
) -> Iterator[Halving]:
    """Replays the brackets of Hyperband that fit, and all networks at once, for each reduction factor.

    Args:
        table: [n, fidelities], finite.
        fidelities: rising; a rung between two of them reads the lower.
        etas: reduction factors.
        draws: of the candidates.
        seed: of the draws.
        progress: whether to show a bar.

    Raises:
        ConfigError: an eta that is not above 1.
    """
    plans = [plan for eta in etas for plan in _plans(len(table), fidelities, eta)]
    for plan in tqdm(plans, desc="successive halving", unit="bracket", disable=not progress):
        yield _replay(plan, table, fidelities, draws, seed)


def _plans(n: int, fidelities: Sequence[float], eta: float) -> Iterator[Plan]:
    rungs = rung_budgets(fidelities[0], fidelities[-1], eta)
    brackets = list(hyperband_brackets(rungs, eta, len(rungs) - 1, 1))  # the last of all has one rung and drops nobody
    yield from ((eta, b.rungs, b.sizes) for b in brackets if b.sizes[0] < n)
    sizes = [rung_sizes(n, len(rungs) - first, eta) for first in range(len(rungs))]
    first = next(i for i, own in enumerate(sizes) if own[-1] >= 1)  # few networks begin on a later rung
    if len(sizes[first]) > 1:
        yield eta, rungs[first:], sizes[first]


def _replay(plan: Plan, table: Floats, fidelities: Sequence[float], draws: int, seed: int) -> Halving:
    eta, rungs, sizes = plan
    column = {r: int(np.searchsorted(fidelities, r * (1 + 1e-9), side="right")) - 1 for r in rungs}
    rng = np.random.default_rng(seed)
    fell, regrets, bests = np.zeros(len(rungs) - 1), np.zeros(draws), set()
    for draw in range(draws):
        chosen = rng.permutation(len(table))[: sizes[0]].tolist()
        final = {i: table[i, -1] for i in chosen}
        reached = replay_bracket(Bracket(rungs, sizes), chosen, lambda i, budget: float(table[i, column[budget]]))
        top = max(final.values())
        bests.add(max(chosen, key=final.__getitem__))
        alive = [any(final[i] == top for i in rung) for rung in reached]
        if not alive[-1]:
            fell[alive.index(False) - 1] += 1
        regrets[draw] = top - max(final[i] for i in reached[-1])
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
