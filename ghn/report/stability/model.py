"""What is known of the stability of an order over fidelities, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ghn.ranking import Statistic
from ghn.report.codec import check_schema, damaged, plain

STABILITY_SCHEMA = "ghn.stability/1"


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
class Stability:
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

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears."""
        return {"schema": STABILITY_SCHEMA, **plain(asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Stability:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, or keys missing.
        """
        check_schema(data, STABILITY_SCHEMA)
        try:
            fields = {key: value for key, value in data.items() if key != "schema"}
            steps = tuple(_step(one) for one in data["steps"])
            halvings = tuple(
                Halving(**{**one, **{key: tuple(one[key]) for key in ("rungs", "sizes", "dropped")}})
                for one in data["halvings"]
            )
            return cls(**{**fields, "steps": steps, "halvings": halvings, "warnings": tuple(data["warnings"])})
        except (KeyError, TypeError) as error:
            raise damaged(error) from error


def _step(data: Mapping[str, Any]) -> Step:
    found = {key: Statistic(**data[key]) for key in ("previous", "last", "last_best_half", "overlap")}
    return Step(data["fidelity"], **found, seeds=data["seeds"] and Statistic(**data["seeds"]))
