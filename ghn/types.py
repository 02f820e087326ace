"""The protocols that hold the house together, and the data that passes between them.

Axis vocabulary, used by every jaxtyping shape: `b` images in a batch, `c` channels, `h w` image size, `k` classes,
`g` graphs in a batch, `n` nodes (over all graphs when flat, padded when after `g`), `d` hidden size, `e` edges.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from ghn.graph.ir import Graph

Arch = TypeVar("Arch", bound=Hashable)
WeightDict = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Trial(Generic[Arch]):
    """One architecture to be judged.

    Attributes:
        id: unique within a run; results are stored and resumed under it.
        arch: a member of the space.
        budget: what may be spent on it, in the estimator's own unit (epochs for training); None for its default.
        resume: id of the earlier trial whose state this one continues.
    """

    id: str
    arch: Arch
    budget: float | None = None
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """An estimator's answer to a trial; higher is better.

    Attributes:
        value: the estimate; NaN exactly when `error` is set. A failure is counted, never ranked.
        cost_seconds: wall-clock time spent on this trial.
        budget: what was really spent, in the unit of `Trial.budget`.
        std: standard deviation of `value` as the estimator sees it.
        error: why there is no value.
        extra: further readings (loss, accuracy, curves), JSON-able.
    """

    value: float
    cost_seconds: float = 0.0
    budget: float | None = None
    std: float | None = None
    error: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.error is None and not math.isfinite(self.value):
            raise ValueError(f"a Score without an error needs a finite value, got {self.value}")
        if self.error is not None and not math.isnan(self.value):
            raise ValueError(f"a failed Score has value NaN, got {self.value} with error {self.error!r}")

    @classmethod
    def failed(cls, error: str, cost_seconds: float = 0.0) -> Score:
        """A counted failure."""
        return cls(math.nan, cost_seconds, error=error)

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None


@runtime_checkable
class Space(Protocol[Arch]):
    """A set of architectures and the one road from each to its computation graph."""

    @property
    def name(self) -> str:
        """The space's name in configs, tables and checkpoints."""
        ...

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; `make_space(name, **settings)` makes an equal space."""
        ...

    def sample(self, rng: Random) -> Arch:
        """Draws one architecture uniformly."""
        ...

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All architectures one edit away; a mutation is a random one of them."""
        ...

    def lower(self, arch: Arch) -> Graph:
        """The computation graph; the only road to execution and to features."""
        ...

    def parse(self, text: str) -> Arch:
        """Reads the space's official string."""
        ...

    def format(self, arch: Arch) -> str:
        """Writes the space's official string."""
        ...

    def canonical(self, arch: Arch) -> Hashable:
        """A key equal for architectures that compute the same family of functions."""
        ...


def member_of(space: Space[Any], arch: Any) -> Any:
    """The member of a space that is meant: an official string is parsed, a member stays as it is.

    Raises:
        ArchitectureError: a malformed string.
    """
    return space.parse(arch) if isinstance(arch, str) else arch


@runtime_checkable
class Weights(Protocol):
    """Weights for graphs: names and shapes are those of `graph.params()`; a module is never touched."""

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """Returns one dict a graph, in order."""
        ...


@runtime_checkable
class Estimator(Protocol[Arch]):
    """Judges architectures; one `Score` a trial, in order, failures inside it."""

    source: str

    def fit(self, history: Sequence[tuple[Trial[Arch], Score]]) -> None:
        """Learns from trained references; estimators that need none ignore it."""
        ...

    def score(self, trials: Sequence[Trial[Arch]]) -> list[Score]:
        """Judges each trial."""
        ...


@runtime_checkable
class Searcher(Protocol[Arch]):
    """Proposes trials and learns from their scores."""

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` new trials; none: scores of earlier ones are needed first, or, where none is awaited, finished."""
        ...

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Takes the score of a trial that was asked for."""
        ...
