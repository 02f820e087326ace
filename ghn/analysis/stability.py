"""How stable an order is: between successive fidelities, between seeds, and what successive halving would have lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from ghn.analysis.correlation import MIN_ITEMS, Statistic, ceiling, check_reference, rank
from ghn.analysis.successive_halving import Halving, replay_halvings
from ghn.analysis.weighted import Floats
from ghn.display import brief
from ghn.errors import ConfigError, DataError
from ghn.files import Stored


@dataclass(frozen=True, slots=True)
class Fidelity:
    """One fidelity, such as a number of epochs, against the one before it and against the last.

    Kendall's tau with the `previous` (empty for the first), with the `last`, with that among its best half, and between
    `seeds`: two trainings at this fidelity, None when unknown. `overlap` is the share of its top networks that are in
    the top of the last fidelity.
    """

    fidelity: float
    previous: Statistic
    last: Statistic
    last_best_half: Statistic
    overlap: Statistic
    seeds: Statistic | None = None


@brief
@dataclass(frozen=True, slots=True)
class Stability(Stored):
    """How the order of the same networks changes with the fidelity, such as "epochs".

    All numbers stand on the `n` of `n_given` networks that have a value at every fidelity, the agreement between seeds
    on `seeds_n`, 0 when it is unknown. From the `settled` fidelity on the top is that of the last, up to ties at the
    cut. There is one of the `halvings` a factor and bracket.
    """

    SCHEMA: ClassVar[str] = "ghn.stability/1"

    name: str
    fidelity_name: str
    unit: str
    n_given: int
    n: int
    top: int
    steps: tuple[Fidelity, ...]
    settled: float
    halvings: tuple[Halving, ...]
    seeds_n: int
    bootstrap: int
    warnings: tuple[str, ...] = ()

    def step(self, fidelity: float) -> Fidelity:
        return next(step for step in self.steps if step.fidelity == fidelity)


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
    steps: list[Fidelity] = []
    for i, (fidelity, column) in enumerate(zip(fidelities, columns, strict=True)):
        found = rank(column, table[:, -1], ks=(top,), bootstrap=bootstrap, seed=seed)
        last = found["kendall"], found["kendall_best_half"], found[f"precision@{top}"]
        previous = Statistic(None)
        if i and np.ptp(table[:, i - 1]) > 0:  # else there is no order to agree with
            previous = rank(column, table[:, i - 1], ks=(), bootstrap=bootstrap, seed=seed)["kendall"]
        steps.append(Fidelity(fidelity, previous, *last, between.get(fidelity)))
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


def _settled(steps: Sequence[Fidelity]) -> float:
    """The first fidelity from which on the top is always that of the last; the last fidelity is one."""
    settled = steps[-1].fidelity
    for step in reversed(steps):
        if step.overlap.value is None or step.overlap.value < 1 - 1e-9:
            break
        settled = step.fidelity
    return settled
