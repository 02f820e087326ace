"""What a network costs when it is used: parameters, multiply-adds, latency; and bounds within which it must lie."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from ghn.errors import ConfigError, GhnError
from ghn.scoring.latency import Latency
from ghn.spaces.members import live_params, live_stats
from ghn.types import Space

COSTS = ("params", "macs", "latency")
LABELS = {"params": "live parameters", "macs": "multiply-adds an image", "latency": "milliseconds a pass"}


class Cost:
    """What architectures of a space cost, lower is better; each function (`space.canonical`) is counted once.

    Args:
        name: one of `COSTS`, or any other with a `function`.
        space: of the architectures.
        function: of an architecture; by default live parameters or multiply-adds, of those names.
        identity: what the function depends on, JSON-able.
    """

    def __init__(
        self,
        name: str,
        space: Space[Any],
        function: Callable[[Any], float],
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.name, self._space, self.function = name, space, function
        self.identity = {"name": name, **(identity or {})}
        self._known: dict[Hashable, float] = {}

    def __call__(self, arch: Any) -> float:
        key = self._space.canonical(arch)
        if key not in self._known:
            self._known[key] = float(self.function(arch))
        return self._known[key]

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the most that was seen; None before the first."""
        return (min(self._known.values()), max(self._known.values())) if self._known else None

    @property
    def label(self) -> str:
        """For the axis of a picture."""
        return LABELS.get(self.name, self.name)


def make_cost(name: str, space: Space[Any], latency: Latency | None = None) -> Cost:
    """A cost by name.

    Args:
        name: one of `COSTS`.
        space: of the architectures.
        latency: measures; for `latency`.

    Raises:
        ConfigError: unknown name, or nothing that measures.
    """
    if name not in COSTS:
        raise ConfigError("unknown cheap objective", got=name, expected=" | ".join(COSTS))
    if name == "params":
        return Cost(name, space, partial(live_params, space))
    if name == "macs":
        return Cost(name, space, partial(_macs, space))
    if latency is None:
        raise ConfigError(
            "latency is measured, and nothing was given that measures it",
            got="objective latency",
            expected="params | macs, or latency=Latency(space)",
            fix="from ghn.scoring.latency import Latency",
        )
    return Cost(name, space, latency, latency.identity)


def _macs(space: Space[Any], arch: Any) -> int:
    return live_stats(space, arch).macs


@dataclass(frozen=True)
class Bound:
    """Networks that cost more than `above` and at most `most`."""

    cost: Cost
    most: float = inf
    above: float = -inf

    def __post_init__(self) -> None:
        if not self.most > max(self.above, 0.0):
            raise ConfigError(f"a bound of {self.cost.name} must be above 0", got=self.most, fix="null for no bound")

    def holds(self, arch: Any) -> bool:
        """Whether a network lies within."""
        return self.above < self.cost(arch) <= self.most

    @property
    def identity(self) -> dict[str, Any]:
        """JSON-able; an end that is open is null."""
        ends = {"above": self.above, "most": self.most}
        return self.cost.identity | {name: None if abs(end) == inf else end for name, end in ends.items()}

    def __str__(self) -> str:
        parts = [f"{self.cost.name} of at most {self.most:g}"] if self.most < inf else []
        parts += [f"{'' if parts else self.cost.name + ' '}above {self.above:g}"] if self.above > -inf else []
        return " and ".join(parts)


def within(bounds: Sequence[Bound], arch: Any) -> bool:
    """Whether a network keeps all bounds; one whose cost cannot be told does not."""
    try:
        return all(bound.holds(arch) for bound in bounds)
    except GhnError:
        return False


def seen(bounds: Sequence[Bound]) -> str:
    """From where to where the costs of bounds went, for a message; empty where none could be told."""
    costs = {bound.cost for bound in bounds}
    return ", ".join(f"{cost.name} from {cost.range[0]:g} to {cost.range[1]:g}" for cost in costs if cost.range)
