"""What is known of the stability of an order over fidelities, and its JSON.

Successive halving replayed on values that are known at every fidelity: who was dropped, and what it cost.

How stable an order is: between successive fidelities, between seeds, and what successive halving would have lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from ghn.analysis.correlation import MIN_ITEMS, Statistic, ceiling, check_reference, rank
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, DataError
from ghn.files import Stored
from ghn.search.bracket import Bracket, rung_budgets, rung_sizes, total_budget
from ghn.search.halving import hyperband_brackets
from ghn.search.simulate import replay_bracket
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run


@dataclass(frozen=True, slots=True)
class Step:
    """One fidelity against the one before it and against the last.

    Attributes:
        fidelity: such as the number of epochs.
        previous: Kendall's tau with the fidelity before; empty for the first.
        last: Kendall's tau with the last fidelity.
        last_best_half: the same among the best half by the last fidelity.
        overlap: share of its top networks that are among the top of the last fidelity.
        seeds: Kendall's tau between two trainings with different seeds, both at this fidelity; None when unknown.
    """

    fidelity: float
    previous: Statistic
    last: Statistic
    last_best_half: Statistic
    overlap: Statistic
    seeds: Statistic | None = None


@dataclass(frozen=True, slots=True)
class Halving:
    """What successive halving would have lost, over draws of its candidates.

    Attributes:
        eta: of each rung, 1/eta go on.
        rungs: fidelities of the rungs.
        sizes: candidates on each.
        whole: whether all networks are the candidates; then draws differ in how ties fall alone.
        draws: of the candidates.
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


@dataclass(frozen=True, slots=True)
class Stability(Stored):
    """How the order of the same networks changes with the fidelity.

    Attributes:
        name: what was measured, in a few words.
        fidelity_name: what a fidelity is, such as "epochs".
        unit: of the values and of regret.
        n_given: networks given.
        n: networks with a value at every fidelity; all numbers stand on these.
        top: size of the top.
        steps: by rising fidelity.
        settled: the fidelity from which on the top is that of the last fidelity, up to ties at the cut.
        halvings: one a factor and bracket.
        seeds_n: networks on which the agreement between seeds stands; 0 when it is unknown.
        bootstrap: resamples behind the intervals.
        warnings: what the reader must know.
    """

    SCHEMA: ClassVar[str] = "ghn.stability/1"

    name: str
    fidelity_name: str
    unit: str
    n_given: int
    n: int
    top: int
    steps: tuple[Step, ...]
    settled: float
    halvings: tuple[Halving, ...]
    seeds_n: int
    bootstrap: int
    warnings: tuple[str, ...] = ()

    def step(self, fidelity: float) -> Step:
        """The step of a fidelity."""
        return next(step for step in self.steps if step.fidelity == fidelity)


# --- Successive halving replayed on values that are known at every fidelity: who was dropped, and what it cost ---

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


# --- How stable an order is: between successive fidelities, between seeds, and what successive halving would have l ---


def measure_stability(
    values: Mapping[float, ArrayLike],
    *,
    seeds: Mapping[float, ArrayLike] | None = None,
    top: int = 10,
    etas: Sequence[float] = (2, 3, 4),
    draws: int = 200,
    bootstrap: int = 1000,
    seed: int = 0,
    name: str = "",
    fidelity_name: str = "epochs",
    unit: str = "",
    progress: bool = False,
) -> Stability:
    """Measures how the order of the same networks changes from one fidelity to the next.

    A fidelity is whatever makes an estimate dearer and better: epochs of one training, snapshots of one hypernetwork,
    resolutions. A network without a value at one of them is left out of all, and counted.

    Args:
        values: {fidelity: [n]}, the same networks in the same order; higher is better, NaN where it failed.
        seeds: {fidelity: [n, seeds]} values of trainings with several seeds, NaN where a network has none; for any of
            the fidelities.
        top: size of the top whose members are watched.
        etas: reduction factors of successive halving; none leaves it out.
        draws: of the candidates of successive halving.
        bootstrap: resamples behind the intervals; 0 for none.
        seed: of resamples and draws.
        name: what was measured, in a few words.
        fidelity_name: what a fidelity is.
        unit: of the values.
        progress: whether to show a bar.

    Raises:
        DataError: lengths differ, fewer than ten networks have a value at every fidelity, or all values of the
            last are equal.
        ConfigError: fewer than two fidelities, one that is not positive, or a setting out of range.
    """
    table, fidelities, n_given = _table(values)
    if not 1 <= top < len(table) or draws < 1:
        raise ConfigError(
            "a top and draws that do not fit", got=f"top={top}, draws={draws}", expected=f"1 <= top < {len(table)}"
        )
    columns = tqdm(table.T, desc="stability", unit="fidelity", disable=not progress)
    between, warnings, seeds_n = _between_seeds(seeds or {}, fidelities, bootstrap, seed)
    steps: list[Step] = []
    for i, column in enumerate(columns):
        found = rank(column, table[:, -1], ks=(top,), bootstrap=bootstrap, seed=seed)
        previous = Statistic(None)
        if i and np.ptp(table[:, i - 1]) > 0:  # else there is no order to agree with
            previous = rank(column, table[:, i - 1], ks=(), bootstrap=bootstrap, seed=seed)["kendall"]
        steps.append(
            Step(
                fidelities[i],
                previous,
                found["kendall"],
                found["kendall_best_half"],
                found[f"precision@{top}"],
                between.get(fidelities[i]),
            )
        )
    if len(table) < n_given:
        warnings.append(f"{n_given - len(table)} of {n_given} networks lack a value at some fidelity and are left out.")
    return Stability(
        name=name,
        fidelity_name=fidelity_name,
        unit=unit,
        n_given=n_given,
        n=len(table),
        top=top,
        steps=tuple(steps),
        settled=_settled(steps),
        halvings=tuple(replay_halvings(table, fidelities, etas, draws, seed, progress=progress)),
        seeds_n=seeds_n,
        bootstrap=bootstrap,
        warnings=tuple(warnings),
    )


def stability_of_table(
    table: ReferenceTable,
    metric: str = "val_accuracy",
    *,
    seed: int = 0,
    scale: float = 1.0,
    unit: str = "",
    top: int = 10,
    etas: Sequence[float] = (2, 3, 4),
    draws: int = 200,
    bootstrap: int = 1000,
    progress: bool = False,
) -> Stability:
    """Measures the stability of the learning curves in a table: one seed's curves, epoch by epoch, and all seeds.

    Args:
        table: with curves.
        metric: `val_accuracy`, `train_accuracy`, `val_loss` or `train_loss`; losses are negated.
        seed: whose curves are followed; a search trains once.
        scale: what values are multiplied by, such as 100 for points.
        unit: of the scaled values.
        top: as in `measure_stability`; so are the other arguments.
        etas: as there.
        draws: as there.
        bootstrap: as there.
        progress: as there.

    Raises:
        DataError: too few networks have a curve with this seed.
        ConfigError: as in `measure_stability`.
    """
    sign = -scale if metric.endswith("loss") else scale
    runs = [run for arch in table.archs() for run in table.of(arch) if run.seed == seed]
    epochs = sorted({epoch for run in runs for epoch in run.epochs})
    values = {float(epoch): _readings(runs, metric, epoch) * sign for epoch in epochs}
    several = [own for arch in table.archs() if len(own := table.of(arch)) > 1]
    width = min(map(len, several), default=0)
    seeds = {
        float(e): np.array([_readings(own[:width], metric, e) * sign for own in several]) for e in epochs if several
    }
    header = table.header
    return measure_stability(
        values,
        seeds=seeds,
        top=top,
        etas=etas,
        draws=draws,
        bootstrap=bootstrap,
        name=f"{metric.replace('_', ' ')} of {len(runs)} trainings on {header.task}",
        unit=unit,
        progress=progress,
    )


def _readings(runs: Sequence[Run], metric: str, epoch: int) -> Floats:
    found = [run.reading(metric, epoch) if epoch in run.epochs else None for run in runs]
    return np.array([np.nan if value is None else value for value in found], dtype=float)


def _table(values: Mapping[float, ArrayLike]) -> tuple[Floats, list[float], int]:
    """[n, fidelities] of the networks that have all, the fidelities, and how many networks were given."""
    fidelities = sorted(values)
    if len(fidelities) < 2 or not all(0 < f < np.inf for f in fidelities):
        raise ConfigError("stability needs fidelities", got=fidelities, expected="at least two, positive")
    columns = [np.asarray(values[f], dtype=float) for f in fidelities]
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        shapes = {f: column.shape for f, column in zip(fidelities, columns, strict=True)}
        raise DataError(
            "fidelities are not of the same networks", got=shapes, expected="[n] at each, in the same order"
        )
    table = np.stack(columns, 1)
    whole = table[np.isfinite(table).all(1)]
    check_reference(whole[:, -1], failed=len(table) - len(whole))
    return whole, [float(f) for f in fidelities], len(table)


def _between_seeds(
    seeds: Mapping[float, ArrayLike], fidelities: Sequence[float], bootstrap: int, seed: int
) -> tuple[dict[float, Statistic], list[str], int]:
    """Agreement of two seeds at each fidelity that has several, warnings, and the networks it stands on."""
    tables = {float(f): np.asarray(table, dtype=float) for f, table in seeds.items()}
    if unknown := sorted(set(tables) - set(fidelities)):
        raise ConfigError("seeds of fidelities without values", got=unknown, expected=list(fidelities))
    if not tables:
        return {}, [], 0
    counts = {f: int(np.isfinite(table).all(-1).sum()) for f, table in tables.items()}
    if min(counts.values()) < MIN_ITEMS:
        return {}, [f"Agreement between seeds is unknown: fewer than {MIN_ITEMS} networks have all seeds."], 0
    found = {f: ceiling(table, ks=(), bootstrap=bootstrap, seed=seed)["kendall"] for f, table in tables.items()}
    return found, [], min(counts.values())


def _settled(steps: Sequence[Step]) -> float:
    """The first fidelity from which on the top is always that of the last; the last fidelity is one."""
    settled = steps[-1].fidelity
    for step in reversed(steps):
        if step.overlap.value is None or step.overlap.value < 1 - 1e-9:
            break
        settled = step.fidelity
    return settled
