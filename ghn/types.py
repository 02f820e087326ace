"""The protocols that hold the house together, and the data that passes between them.

Axis vocabulary, used by every jaxtyping shape: `b` items in a batch, `c` channels, `h w` image size, `k` classes,
`g` graphs in a batch, `n` nodes (over all graphs when flat, padded when after `g`), `d` hidden size, `e` edges.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from ghn.display import brief, card, facts
from ghn.errors import ConfigError
from ghn.graph.diagram import Diagram
from ghn.graph.interpreter import Inputs
from ghn.graph.ir import Graph
from ghn.graph.network import Network as Network
from ghn.graph.network import Program as Program
from ghn.graph.network import WeightDict as WeightDict

Arch = TypeVar("Arch", bound=Hashable)
Batch = tuple[Inputs, Tensor]
"""Inputs and targets of some items."""


@brief
@dataclass(frozen=True, slots=True)
class Trial(Generic[Arch]):
    """One architecture to be judged."""

    id: str  # unique within a run; results are stored and resumed under it
    arch: Arch  # a member of the space
    budget: float | None = None  # to be spent, in the estimator's own unit (epochs for training); None: its default
    resume: str | None = None  # id of the earlier trial whose state this one continues


@brief
@dataclass(frozen=True, slots=True)
class Score:
    """An estimator's answer to a trial; higher is better. A failure is counted, never ranked."""

    value: float  # the estimate; NaN exactly when `error` is set
    cost_seconds: float = 0.0  # wall-clock time spent on this trial
    budget: float | None = None  # what was really spent, in the unit of `Trial.budget`
    std: float | None = None  # standard deviation of `value` as the estimator sees it
    error: str | None = None  # why there is no value
    extra: dict[str, Any] = field(default_factory=dict)  # further readings (loss, accuracy, curves), JSON-able

    def __post_init__(self) -> None:
        if self.error is None and not math.isfinite(self.value):
            raise ValueError(f"a Score without an error needs a finite value, got {self.value}")
        if self.error is not None and not math.isnan(self.value):
            raise ValueError(f"a failed Score has value NaN, got {self.value} with error {self.error!r}")

    def _repr_html_(self) -> str:
        shown = {"value": self.value if self.ok else None, "std": self.std, "seconds": self.cost_seconds}
        return card("Score", facts({**shown, "budget": self.budget, "error": self.error, **self.extra}))

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
    """A set of architectures and the one road from each to its network."""

    @property
    def name(self) -> str:
        """The space's name in configs, tables and checkpoints."""

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; the class, or `make_space(name, **settings)`, makes an equal space of them."""

    def sample(self, rng: Random) -> Arch:
        """Draws one architecture uniformly."""

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All architectures one edit away; a mutation is a random one of them."""

    def network(self, arch: Arch) -> Network:
        """The network; the only road to execution and to features."""

    def parse(self, text: str) -> Arch:
        """Reads the space's official string."""

    def format(self, arch: Arch) -> str:
        """Writes the space's official string."""

    def canonical(self, arch: Arch) -> Hashable:
        """A key equal for architectures that compute the same family of functions."""


# --- capabilities: what a space may have beyond that; asked for with `isinstance`, never with `hasattr` ---


@runtime_checkable
class Finite(Protocol):
    """A space whose networks can be listed."""

    def distinct(self) -> Sequence[Any]:
        """One architecture of each function that the space computes, in a fixed order; chosen without accuracies."""


@runtime_checkable
class Listed(Protocol):
    """A space whose members, too, can be listed."""

    def members(self) -> Sequence[Any]:
        """All of them, also those that compute the same, in a fixed order."""


@runtime_checkable
class Growing(Protocol):
    """A space in which complex architectures come about from simple ones, a step at a time, as PNAS needs it."""

    def simplest(self) -> Iterator[Any]:
        """Where a progressive search begins."""

    def expand(self, arch: Any) -> Iterator[Any]:
        """The architectures that are one step more complex."""


@runtime_checkable
class Changeable(Protocol):
    """A space that makes variants of itself; others are made anew from their class and settings."""

    def with_settings(self, changed: Mapping[str, Any]) -> Space[Any]:
        """The space with some of its settings changed; `ConfigError` where it has none of the name."""


@runtime_checkable
class Prepares(Protocol):
    """A space whose networks take a while to make, and which can make them beside other work."""

    def prepare(self, key: str, n: int) -> None:
        """Begins to make the networks of the `n` members that are drawn one after the other with `Random(key)`."""

    def finish(self, key: str) -> None:
        """Waits for those; nothing to wait for where they were not begun."""


@runtime_checkable
class Encoded(Protocol):
    """A space that knows features of its architectures for regressions."""

    def encode(self, arch: Any) -> Mapping[str, float]:
        """Features by name, the same names for every architecture."""


@runtime_checkable
class NamedInSource(Protocol):
    """A space whose members stand in files of source code, as genotypes do, which are read and never run."""

    def from_source(self, text: str) -> Mapping[str, Any]:
        """The members that a file's text names; `ArchitectureError` where it names none, or some that are none."""


@runtime_checkable
class Drawn(Protocol):
    """A space that says what is drawn of an architecture, such as its cells; others are drawn as their live graph."""

    def diagrams(self, arch: Any) -> Sequence[Diagram]:
        """One diagram or several, the same number and titles for every architecture."""


@runtime_checkable
class Readable(Protocol):
    """A space that says in which variants of itself - deeper, wider - networks are best trained and read.

    A variant is a dict of changed settings, such as `{"depth": 3}`; `{}` is the space as it is. Spaces that are not
    `Readable` are read as they are.
    """

    def reading_variants(self) -> Sequence[Mapping[str, Any]]:
        """Those in which generated weights order best, the fastest first."""

    def training_variants(self) -> Sequence[Mapping[str, Any]]:
        """Those over which a hypernetwork that reads them is best trained."""

    def proxy_variant(self) -> Mapping[str, Any]:
        """The one in which zero-cost proxies of activations order best."""


@brief
@dataclass(frozen=True)
class Reference:
    """Trained accuracies of networks, as a report shows them."""

    name: str
    unit: str  # of the values
    values: Mapping[str, float]  # official string -> accuracy, a fraction
    # official string -> accuracies of several trainings, for the ceiling; those trained once are missing
    seeds: Mapping[str, Sequence[float]]
    note: str | None = None  # what a reader must know
    noise: float | None = None  # standard deviation of a value over trainings, where known otherwise than from `seeds`

    def part(self, archs: Iterable[str], name: str | None = None) -> Reference:
        """What it knows of some networks, perhaps under another name."""
        known = [arch for arch in archs if arch in self.values]
        seeds = {arch: self.seeds[arch] for arch in known if arch in self.seeds}
        return replace(self, name=name or self.name, values={arch: self.values[arch] for arch in known}, seeds=seeds)


class Benchmark(Protocol):
    """What is known of the networks of a space: fixed samples, references, and what its published numbers stand for."""

    @property
    def label(self) -> str:
        """What its published numbers are, in a few words."""

    @property
    def samples(self) -> tuple[str, str]:
        """Names of its fixed samples: the one to develop with, and the one kept for reports."""

    @property
    def usual(self) -> str:
        """The sample that is ranked where none is named."""

    @property
    def words(self) -> tuple[str, ...]:
        """Names of its references, as configs give them."""

    @property
    def trainings(self) -> Path:
        """The table of its networks that this project has trained."""

    def candidates(self, n: int, sample: str) -> list[str]:
        """The first `n` official strings of a sample, in a fixed order in which few stand for many.

        Raises:
            ConfigError: unknown sample, or more networks than it has; so does `history`.
        """

    def sample(self, name: str, task_checksum: str) -> Reference:
        """The networks of a fixed sample that were drawn at random, with the accuracies that they are judged by.

        Published ones where there are any, else those of `trained`.
        """

    def references(self, word: str, archs: Sequence[str], task_checksum: str) -> list[Reference]:
        """What one of `words` names, for these networks and images.

        Raises:
            DataError: they were trained on other images or in another skeleton; so does `trained`.
        """

    def published(self, archs: Sequence[str]) -> Reference:
        """Published accuracies of these networks."""

    def every(self) -> Reference:
        """Published accuracies of all members, those that compute one function apart; `DataError` where none are."""

    def trained(self, task_checksum: str) -> Reference:
        """What is in `trainings`."""

    def history(self, given: int) -> list[tuple[Trial[Any], Score]]:
        """Published accuracies of networks drawn uniformly from the sample to develop with, to learn from."""


@runtime_checkable
class Benchmarked(Protocol):
    """A space with a benchmark."""

    def benchmark(self) -> Benchmark:
        """What is known of its networks."""


def member_of(space: Space[Any], arch: Any) -> Any:
    """The member that is meant: a string is parsed (`ArchitectureError` where it is malformed), a member stays."""
    return space.parse(arch) if isinstance(arch, str) else arch


def network_of(space: Space[Any], arch: Any) -> Network:
    """The network that is meant: of a member or its string that of the space; a network stays."""
    return arch if isinstance(arch, Network) else space.network(member_of(space, arch))


def check_trials(trials: Sequence[Any]) -> Sequence[Trial[Any]]:
    """The trials; a `ConfigError` for architectures, and for one alone."""
    wrong = trials if isinstance(trials, str | Trial) else next((t for t in trials if not isinstance(t, Trial)), None)
    if wrong is not None:
        raise ConfigError(
            "an estimator scores a list of trials",
            got=f"{type(wrong).__name__}: {str(wrong)[:100]}",
            fix="score([Trial('0', architecture)]); of architectures: Model.score",
        )
    return trials


@runtime_checkable
class Split(Protocol):
    """A part of a task's data: in memory, or read as it is needed."""

    @property
    def device(self) -> torch.device:
        """Where batches lie."""

    def __len__(self) -> int:
        """Items of one pass."""

    def to(self, device: torch.device | str) -> Split:
        """The same split, with its batches on another device; itself when they are there already."""

    def batches(self, size: int) -> Iterator[Batch]:
        """One pass in a fixed order; the last batch may be smaller."""

    def epoch(self, size: int, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        """One pass in a random order, for training; a smaller last batch is left out, unless it is the only one.

        Args:
            size: items a batch.
            generator: of the order; nothing is drawn after the first batch.
            start: batches that are passed over, as they have been seen.
        """

    def take(self, n: int, seed: int = 0) -> Split:
        """A fixed sample of `n` items in memory, stratified where targets are classes; the same on every device.

        Raises:
            DataError: there are fewer.
        """

    def hold_out(self, n: int, seed: int = 0) -> tuple[Split, Split]:
        """Cuts `n` items off, stratified where targets are classes: the rest, and what was cut off.

        Raises:
            DataError: there are fewer, or the data can only be read from first to last.
        """


@runtime_checkable
class Task(Protocol):
    """What networks are trained and judged on: data in three splits, what is minimised, and what counts in the end.

    `train` is to learn from, `val` to score and select on, `test` to report on.
    """

    @property
    def name(self) -> str:
        """A short name, kept in checkpoints."""

    @property
    def input_shape(self) -> Any:
        """Of one item, such as channels, height and width; of several inputs a tuple or dict of shapes."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of what a network must give for one item, such as a logit a class."""

    @property
    def train(self) -> Split: ...

    @property
    def val(self) -> Split: ...

    @property
    def test(self) -> Split: ...

    @property
    def checksum(self) -> str:
        """Hex digest of all that scores and trainings depend on: data, loss, metric, augmentation."""

    def to(self, device: torch.device | str) -> Task:
        """The same task, with its batches on a device."""

    def with_splits(self, **splits: Split) -> Task:
        """The same task on other data: any of `train`, `val` and `test`."""

    def normalised_as(self, description: Mapping[str, Any]) -> Task:
        """The same data in the units of another task, which a network was trained on, as its `describe` tells them."""

    def augment(self, inputs: Inputs, generator: torch.Generator, shift: int) -> Inputs:
        """Random changes of a training batch that leave its targets right; `shift`: by how many pixels at most."""

    def loss(self, output: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """What is minimised, a scalar: the `mean` or the `sum` over a batch.

        Raises:
            ConfigError: the output is not of `output_shape`; `metric` raises it too.
        """

    def metric(self, output: Tensor, target: Tensor) -> Tensor:
        """What counts, [b]: one number an item, higher is better."""

    def target_vectors(self, target: Tensor) -> Tensor:
        """What a linear regression should give for targets, [b, k]; the `metric` reads such outputs, too.

        Raises:
            ConfigError: the loss is the user's own, so that nothing is known of its targets.
        """

    def describe(self) -> dict[str, Any]:
        """JSON-able, kept in checkpoints: `kind`, `input_shape`, `output_shape`, units of the inputs, `checksum`..."""


@runtime_checkable
class Resizable(Protocol):
    """A task whose inputs can be made smaller, such as images."""

    def resized(self, size: int) -> Task:
        """The task at a height and width in pixels; ConfigError where that is larger."""


@runtime_checkable
class Weights(Protocol):
    """Weights for graphs: names and shapes are those of `graph.params()`; a module is never touched."""

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """Returns one dict a graph, in order."""


@runtime_checkable
class Estimator(Protocol[Arch]):
    """Judges architectures; one `Score` a trial, in order, failures inside it."""

    source: str  # the paper behind it

    @property
    def identity(self) -> dict[str, Any]:
        """All that a score depends on beside the architecture, JSON-able: scores of different identity do not mix."""

    def fit(self, history: Sequence[tuple[Trial[Arch], Score]]) -> None:
        """Learns from trained references; estimators that need none ignore it."""

    def score(self, trials: Sequence[Trial[Arch]]) -> list[Score]:
        """Judges each trial."""

    def cost(self, arch: Arch) -> float | None:
        """Multiply-adds of judging one architecture; None where they say nothing, as of a look-up or a training."""


# --- capabilities of an estimator ---


@runtime_checkable
class Streams(Protocol):
    """An estimator that judges any number of trials in bounded memory."""

    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        """Each trial with its score, as they come."""


@runtime_checkable
class JudgesTogether(Protocol):
    """An estimator whose scores may depend on the other trials of a call."""

    @property
    def together(self) -> bool:
        """Whether a score depends on the other trials of its call."""


@runtime_checkable
class Remembers(Protocol):
    """An estimator that charges a resumed trial with what it adds, and knows of earlier ones in its own memory only."""

    def remember(self, trial: Trial[Any]) -> None:
        """Takes a trial as judged, by another process or before a kill."""


@runtime_checkable
class NeedsReferences(Protocol):
    """An estimator that cannot judge before it has learnt from some references."""

    least: int  # fewest successes that it learns from


def check_space(space: object) -> None:
    """Raises `ConfigError` for what is no `Space`."""
    if not isinstance(space, Space):
        raise ConfigError(
            "no space of architectures", got=type(space).__name__, expected="an object with the members of Space"
        )


def least_references(estimator: Estimator[Any]) -> int:
    """How many references an estimator needs before it can learn from them."""
    return estimator.least if isinstance(estimator, NeedsReferences) else 1


@runtime_checkable
class Searcher(Protocol[Arch]):
    """Proposes trials and learns from their scores."""

    source: str  # the paper behind it

    @property
    def identity(self) -> dict[str, Any]:
        """All that its proposals depend on beside the scores, JSON-able."""

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` new trials; none: scores of earlier ones are needed first, or, where none is awaited, finished."""

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Takes the score of a trial that was asked for."""


@runtime_checkable
class Inherits(Protocol):
    """A searcher whose trials may resume trials of other architectures, whose weights they inherit."""

    @property
    def inherits(self) -> bool:
        """Whether trials resume those of other architectures."""


@runtime_checkable
class Bracketed(Protocol):
    """A searcher whose trials belong to brackets, such as those of Hyperband."""

    def bracket_of(self, trial: Trial[Any]) -> int | None:
        """The number of the bracket of a trial that was asked for, from 0; None where it is in none."""


@runtime_checkable
class Raisable(Protocol):
    """A searcher whose largest budget can be raised while it runs: those on the highest rung go on to higher ones."""

    @property
    def max_budget(self) -> float:
        """The largest budget of a trial."""

    def raise_budget(self, max_budget: float) -> None:
        """Puts rungs on top up to a larger budget; `ConfigError` where it is not larger."""
