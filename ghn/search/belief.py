"""What a surrogate believes of candidates: by estimators that judge before any training, or that learn first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Generic, Protocol

import numpy as np

from ghn.analysis.correction import FEWEST, normal_ranks
from ghn.analysis.weighted import Floats
from ghn.errors import CheckpointError, ConfigError
from ghn.scoring.cached import Cached
from ghn.scoring.combined import Combined
from ghn.scoring.guard import judge
from ghn.scoring.model import Model
from ghn.scoring.panel import Panel, Readings, Rows, draw_members
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import row_of_score, score_of_row
from ghn.spaces import describe_space
from ghn.types import Arch, Estimator, NeedsReferences, Score, Space, Task, Trial

USUAL = 64  # networks that tell what is usual, where a checkpoint does not


class Corrected(Combined):
    """Any estimator's value, and what references say of it by features of the networks.

    Unlike of `Combined`'s readings, nothing is known of it beforehand: references tell its slope and its noise.
    """

    def __init__(self, space: Space[Any], estimator: Estimator[Any]) -> None:
        super().__init__(space, {"judge": estimator}, {"judge/value": 1.0})

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats]:
        if known is None:
            return super()._values(new, known)
        settings = self.settings.told(known.sums, normal_ranks(known.measured))
        return self._taught(new, known, settings, np.zeros(len(self.weights)))


class Belief(Protocol):
    """Expects values of candidates, given those of others."""

    least: int  # observations below which it knows no more than before any

    @property
    def knows(self) -> bool:
        """Whether it can say something before it has `least` observations."""

    def learn(self, archs: Sequence[Any], values: Floats) -> None:
        """Takes what was observed [n], higher is better, in place of all before."""

    def expect(self, archs: Sequence[Any]) -> tuple[Floats, Floats]:
        """Means and standard deviations [n] in the unit of the observations, NaN where it failed."""

    def kept(self) -> dict[str, Any]:
        """What was read of networks and need not be read again, JSON-able."""

    def take(self, kept: Mapping[str, Any]) -> None:
        """Takes what another one has `kept`, where it was read in the same way."""


class PanelBelief(Generic[Arch]):
    """Readings, each taken once, that observations correct.

    Such an estimator speaks in normal scores; a straight line through the observations takes them to their unit.
    """

    least = FEWEST
    knows = True

    def __init__(self, panel: Panel) -> None:
        self.panel = copy(panel)  # the caller's is not changed
        self.cached = Cached(panel.space, _ReadingsAlone(panel))
        self._middle, self._unit = 0.0, 1.0

    def kept(self) -> dict[str, Any]:
        text = self.panel.space.format
        read = {text(arch): row_of_score(score) for arch, score in self.cached.known.values()}
        return {"of": self.cached.identity, "read": read}

    def take(self, kept: Mapping[str, Any]) -> None:
        space = self.panel.space
        if kept["of"] == json.loads(json.dumps(self.cached.identity)):
            read = {space.parse(text): score_of_row(row) for text, row in kept["read"].items()}
            self.cached.known |= {space.canonical(arch): (arch, score) for arch, score in read.items()}

    def learn(self, archs: Sequence[Arch], values: Floats) -> None:
        enough = len(archs) >= self.least
        history = _history(archs, values) if enough else []
        self.panel.fit(history, self._read([trial for trial, _ in history]))
        self._middle, self._unit = _line(values) if enough else (0.0, 1.0)

    def expect(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        if self.panel.population is None:
            self.panel.population = self.panel.population_of(self._read(draw_members(self.panel.space, USUAL)))
        trials = [Trial(str(i), arch) for i, arch in enumerate(archs)]
        mean, std = _numbers(self.panel.judge(trials, self._read(trials)))
        return self._middle + self._unit * mean, self._unit * std

    def _read(self, trials: Sequence[Trial[Arch]]) -> list[Readings]:
        scores = self.cached.score(trials)
        return [Readings(dict(s.extra), s.cost_seconds, None if s.ok else s.error) for s in scores]


class _ReadingsAlone:
    """What a panel reads of a network, as the extra numbers of a score, which can then be kept."""

    def __init__(self, panel: Panel) -> None:
        self.panel, self.source = panel, panel.source

    @property
    def identity(self) -> dict[str, Any]:
        return {name: member.identity for name, member in self.panel.members.items()}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """A panel's readings depend on no reference."""

    def cost(self, arch: Any) -> float | None:
        return self.panel.cost(arch)

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        read = self.panel.read(trials)
        return [
            Score(0.0, r.seconds, extra=dict(r.values)) if r.error is None else Score.failed(r.error, r.seconds)
            for r in read
        ]


class LearntBelief(Generic[Arch]):
    """An estimator that says nothing before it has learnt, and then speaks in the unit of what it learnt from."""

    knows = False

    def __init__(self, estimator: Estimator[Arch], least: int) -> None:
        self.estimator, self.least = estimator, least
        self._learnt: tuple[list[Arch], list[float]] = ([], [])

    def learn(self, archs: Sequence[Arch], values: Floats) -> None:
        if len(archs) >= self.least and (known := (list(archs), values.tolist())) != self._learnt:
            self.estimator.fit(_history(archs, values))
            self._learnt = known

    def expect(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        return _numbers(judge(self.estimator, [Trial(str(i), arch) for i, arch in enumerate(archs)]))

    def kept(self) -> dict[str, Any]:
        return {}

    def take(self, kept: Mapping[str, Any]) -> None:
        """Nothing is kept."""


def make_belief(estimator: Estimator[Any], space: Space[Any]) -> Belief:
    """The belief that fits an estimator; one that judges by itself and does not learn is corrected by observations."""
    if isinstance(estimator, Panel):
        return PanelBelief(estimator)
    if isinstance(estimator, NeedsReferences):
        return LearntBelief(estimator, estimator.least)
    return PanelBelief(Corrected(space, estimator))


def space_and_estimator(
    judge: Model | Estimator[Any], space: Space[Any] | None, task: Task | None
) -> tuple[Space[Any], Estimator[Any]]:
    """The space of the candidates, and what judges them."""
    if isinstance(space, str | type | int | float | list | tuple | dict):
        raise ConfigError("a space is an object", got=repr(space), fix="ghn.make_space(name, ...)")
    if isinstance(judge, Model):
        if space is not None and describe_space(space) != describe_space(judge.space):
            raise CheckpointError(
                "the hypernetwork was made for another space", got=repr(judge.space), expected=repr(space)
            )
        return space or judge.space, make_ranker(judge, task=task)
    if space is None:
        raise ConfigError("an estimator does not say of which space its candidates are", fix="Surrogate(judge, space)")
    if not isinstance(judge, Estimator) or isinstance(judge, type):
        expected = "a hypernetwork, such as ghn.load(), or an estimator: an object with identity, fit and score"
        raise ConfigError("nothing that a surrogate can ask about architectures", got=repr(judge), expected=expected)
    return space, judge


def _history(archs: Sequence[Arch], values: Floats) -> list[tuple[Trial[Arch], Score]]:
    return [(Trial(str(i), arch), Score(float(v))) for i, (arch, v) in enumerate(zip(archs, values, strict=True))]


def _numbers(scores: Sequence[Score]) -> tuple[Floats, Floats]:
    """Values and standard deviations [n]: 1 where an estimator does not know any, NaN where it failed."""
    mean = np.array([score.value for score in scores])
    return mean, np.array([np.nan if not s.ok else 1.0 if s.std is None else s.std for s in scores])


def _line(values: Floats) -> tuple[float, float]:
    """The straight line by which normal scores of observations become their values: at 0, and a unit's worth."""
    scores = normal_ranks(values)
    return float(values.mean()), float(scores @ (values - values.mean()) / max(scores @ scores, 1e-12))
