"""What a surrogate sees of an architecture: feature sources, used in any combination."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from ghn.errors import ConfigError
from ghn.graph.descriptors import VERSION, aligned, names_of
from ghn.graph.op import OPS
from ghn.graph.stats import MACS
from ghn.scoring.model import Model
from ghn.spaces import fastest_variant
from ghn.spaces.graph_features import GraphFeatures
from ghn.spaces.members import live_graph, live_stats
from ghn.types import Encoded, Estimator, Space, Trial

Matrix = Float[np.ndarray, "n f"]
BLOCK = 64  # graphs embedded at once


@runtime_checkable
class Input(Protocol):
    """A source of features."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Any:
        """All that its features depend on beside space and architecture, JSON-able; None where that is nothing."""
        ...

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features of one or more members of a space; NaN where an architecture has none.

        Raises:
            ConfigError: the space has no such features; it is asked for none before anything is spent.
        """
        ...


@runtime_checkable
class Named(Protocol):
    """A source whose features have names, which are not the same for every network: those of references are learnt."""

    def named(self, space: Space[Any], archs: Sequence[Any]) -> Sequence[Mapping[str, float] | None]:
        """Features by name of each member; None where it has none."""
        ...


@runtime_checkable
class Cellular(Protocol):
    """A space whose members are a cell with an operation at each of its places: edges, or edges and vertices."""

    def cell(self, arch: Any) -> Any:
        """The cell: `ops` and their `vocabulary`, its `paths()`, and the `labels()` of all that there can be."""
        ...


@dataclass(frozen=True)
class Statistics:
    """Counts on the live graph: parameters, multiply-adds, depth, width, and how often each operation occurs.

    They are taken in the variant in which the space is read fastest, as its cells repeat: a count in a deeper one
    follows from it. Parameters and multiply-adds are logarithms, as their effect is.
    """

    name: str = "statistics"
    identity: str = MACS
    _known: dict[Hashable, list[float]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, 5 + operations]."""
        shallow, rows = fastest_variant(space), []
        for arch in archs:
            key = (repr(shallow), space.canonical(arch))
            if key not in self._known:
                self._known[key] = _statistics(shallow, arch)
            rows.append(self._known[key])
        return np.array(rows)


def _statistics(space: Space[Any], arch: Any) -> list[float]:
    stats = live_stats(space, arch)
    sizes = [np.log(stats.params + 1), np.log(stats.macs + 1), stats.depth, stats.width, stats.kernels.get(3, 0)]
    return [*map(float, sizes), *(float(stats.ops.get(op, 0)) for op in OPS)]


@dataclass(frozen=True)
class GraphNumbers:
    """Graph features that any network has: operations, paths, edges, and what there is at each resolution."""

    name: str = "graph"
    identity: str = VERSION
    _of: dict[str, GraphFeatures] = field(default_factory=dict, repr=False, compare=False)

    def named(self, space: Space[Any], archs: Sequence[Any]) -> Sequence[Mapping[str, float] | None]:
        return self._of.setdefault(repr(space), GraphFeatures(space))(archs)

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, names that some of the architectures have]."""
        rows = self.named(space, archs)
        return aligned(rows, names_of(rows))


@dataclass(frozen=True)
class Adjacency:
    """Adjacency encoding: which operation is at each place of the cell, one-hot; dead edges count as cut.

    Source: White et al., "A Study on Encodings for Neural Architecture Search", NeurIPS 2020, sec. 3 (one-hot
    adjacency matrix encoding).
    """

    name: str = "adjacency"
    identity: None = None

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, places * operations]."""
        cells = _cells(space, archs, self.name)
        index = {op: i for i, op in enumerate(cells[0].vocabulary)}
        codes = np.array([[index[op] for op in cell.ops] for cell in cells])
        return np.eye(len(index))[codes].reshape(len(archs), -1)


@dataclass(frozen=True)
class Paths:
    """Path encoding: how many paths from input to output have each sequence of operations; skips are left out.

    Source: White, Neiswanger & Savani, "BANANAS", AAAI 2021, sec. 4.1; there whether a path is there, here how often,
    as a sum of two equal paths is another function than one.
    """

    name: str = "paths"
    identity: None = None

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, paths]."""
        cells = _cells(space, archs, self.name)
        index = {path: i for i, path in enumerate(cells[0].labels())}
        out = np.zeros((len(archs), len(index)))
        for row, cell in zip(out, cells, strict=True):
            for path in cell.paths():
                row[index[path]] += 1
        return out


@dataclass(frozen=True)
class Summary:
    """The space's own features, `space.encode`, such as counts of live operations and a summary of paths."""

    name: str = "summary"
    identity: None = None

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        if not isinstance(space, Encoded):
            raise _lacks(space, self.name, "encode")
        return np.array([list(space.encode(arch).values()) for arch in archs], dtype=float)


def _cells(space: Space[Any], archs: Sequence[Any], name: str) -> list[Any]:
    if not isinstance(space, Cellular):
        raise _lacks(space, name, "cell")
    return [space.cell(arch) for arch in archs]


def _lacks(space: Space[Any], name: str, method: str) -> ConfigError:
    what, fix = (
        f"space {space.name} has no features for the input {name!r}",
        "take graph or statistics",
    )
    return ConfigError(what, expected=f"a method `{method}(arch)`", fix=fix)


@dataclass(frozen=True)
class Embedding:
    """The hypernetwork's embedding of the graph: the mean of its encoded nodes.

    Source: Zhang, Ren & Urtasun, "Graph HyperNetworks", ICLR 2019, sec. 4; used as features as in Knyazev et al.,
    "Parameter Prediction for Unseen Deep Architectures", NeurIPS 2021, sec. 5.3.
    """

    model: Model
    name: str = "embedding"

    @property
    def identity(self) -> str:
        return self.model.digest

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        rows = []
        for start in range(0, len(archs), BLOCK):
            graphs = [live_graph(self.model.space, arch) for arch in archs[start : start + BLOCK]]
            with torch.no_grad():
                rows.append(self.model.hypernetwork("the input embedding").embed(graphs).float().cpu().numpy())
        return np.concatenate(rows)


@dataclass(frozen=True)
class Scores:
    """What another estimator says, such as the loss and accuracy of generated weights.

    Readings are `value`, or numbers in `Score.extra`.
    """

    estimator: Estimator[Any]
    readings: tuple[str, ...] = ("value",)
    name: str = "scores"

    @property
    def identity(self) -> dict[str, Any]:
        return {"estimator": self.estimator.identity, "readings": self.readings}

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, readings], NaN where the estimator failed."""
        scores = self.estimator.score([Trial(str(i), arch) for i, arch in enumerate(archs)])
        rows = [{**score.extra, "value": score.value} for score in scores]
        return np.array([[row.get(name, np.nan) for name in self.readings] for row in rows], dtype=float)


@dataclass(frozen=True)
class Curve:
    """The first epochs of a training: the curves of a short training, or of any estimator that keeps them.

    The epochs are asked for as a trial's budget; scores hold `extra["curve"]`, as those of training and tables do.

    Source: Baker et al., "Accelerating Neural Architecture Search using Performance Prediction", ICLR workshop 2018,
    sec. 3 (time series features beside those of the architecture).
    """

    estimator: Estimator[Any]
    epochs: int = 2
    curves: tuple[str, ...] = ("val_accuracy",)
    name: str = "curve"

    @property
    def identity(self) -> dict[str, Any]:
        return {"estimator": self.estimator.identity, "epochs": self.epochs, "curves": self.curves}

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError("the first epochs of a curve must be at least one", got=self.epochs)

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, curves * epochs], NaN where a training failed or its curves are shorter."""
        scores = self.estimator.score([Trial(str(i), arch, budget=self.epochs) for i, arch in enumerate(archs)])
        curves = [score.extra.get("curve", {}) for score in scores]
        blank = [np.nan] * self.epochs
        rows = [[[*curve.get(name, ()), *blank][: self.epochs] for name in self.curves] for curve in curves]
        return np.array(rows, dtype=float).reshape(len(archs), -1)


CHEAP: dict[str, Callable[[], Input]] = {one.name: one for one in (GraphNumbers, Statistics, Adjacency, Paths, Summary)}
INPUTS = (*CHEAP, "embedding", "scores", "curve")
OF_THE_SPACE = (Adjacency, Paths, Summary)  # which not every space has


def usual_inputs(space: Space[Any]) -> tuple[str, ...]:
    """The inputs that need nothing but the space, of those that it has: what a surrogate takes when none are named."""
    summary = ("summary",) if isinstance(space, Encoded) else ("graph",)
    return (*summary, "adjacency", "paths") if isinstance(space, Cellular) else summary


def make_inputs(
    names: Sequence[str | Input],
    *,
    hypernetwork: Model | None = None,
    training: Estimator[Any] | None = None,
    epochs: int = 2,
) -> list[Input]:
    """Makes feature sources from their names; what is a source already stays.

    Args:
        names: of `INPUTS`, or sources.
        hypernetwork: for `embedding` and `scores`.
        training: for `curve`: an estimator whose scores hold curves.
        epochs: of the curve.

    Raises:
        ConfigError: none, an unknown name, or one for which something is missing.
    """
    made: list[Input] = []
    for name in [names] if isinstance(names, str) else names:
        if not isinstance(name, str):
            made.append(name)
        elif name in CHEAP:
            made.append(CHEAP[name]())
        elif name not in INPUTS:
            raise ConfigError("unknown input of a surrogate", got=name, expected=" | ".join(INPUTS))
        elif name == "curve":
            made.append(Curve(_given(training, name, "training=an estimator with curves"), epochs))
        else:
            model = _given(hypernetwork, name, "hypernetwork=ghn.load()")
            read = ("value", "accuracy")
            made.append(Embedding(model) if name == "embedding" else Scores(model.estimator(skeletons="fastest"), read))
    if not made or len({source.name for source in made}) < len(made):
        raise ConfigError("a surrogate needs inputs, each once", got=[s.name for s in made], expected=INPUTS)
    return made


def _given(value: Any, name: str, how: str) -> Any:
    if value is None:
        raise ConfigError(f"the input {name!r} of a surrogate needs more than its name", fix=f"give {how}")
    return value
