"""Several estimators asked about the same candidates: their readings as normal scores, and a weighted sum of these.

What trained references may correct in the sum is for its kinds to say: `ghn.scoring.combined`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ghn.analysis.correction import FEWEST, LEAST, Population, Settings
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, GhnError
from ghn.spaces.members import live_stats
from ghn.types import Estimator, Finite, Score, Space, Trial, check_trials

COUNTS = LIVE_PARAMETERS, MULTIPLY_ADDS = "graph/params", "graph/macs"  # readings that no member takes
SIZE = "+".join(COUNTS)
BLOCK = 64  # trials judged at once


def parts_of(name: str) -> list[str]:
    """The readings that a weight is of: of `MEMBER/A+OTHER/B` the mean of two; a plus elsewhere is part of a name."""
    parts = name.split("+")
    return parts if all("/" in part for part in parts) else [name]


def members_of(*names: str) -> set[str]:
    """Whom to ask for what weights are of; for counts nobody."""
    return {part.partition("/")[0] for name in names for part in parts_of(name) if part not in COUNTS}


@dataclass(frozen=True, slots=True)
class Readings:
    """What the members say of a candidate, higher is better in each; or why there is nothing."""

    values: dict[str, float]
    seconds: float
    error: str | None = None


@dataclass(frozen=True)
class Rows:
    """Candidates or references that could be read: their readings as normal scores [n, k], weighted sums of these [n].

    Attributes:
        measured: what training gave [n]; of references alone.
    """

    trials: list[Trial[Any]]
    normal: Floats
    sums: Floats
    measured: Floats

    def part(self, asked: NDArray[np.bool_]) -> Rows:
        """Those that are asked for [n]."""
        trials = [trial for trial, one in zip(self.trials, asked, strict=True) if one]
        return Rows(trials, self.normal[asked], self.sums[asked], self.measured[asked])


def least_usual(space: Space[Any]) -> int:
    """How many networks tell what is usual in a space: all of a small one."""
    return min(LEAST, max(FEWEST, len(space.distinct()))) if isinstance(space, Finite) else LEAST


def check_usual(space: Space[Any], networks: int) -> None:
    """Refuses, before anything is spent, what tells nothing of a space: `ConfigError`."""
    if networks < (least := least_usual(space)):
        raise ConfigError(
            "too few networks to tell what is usual in this space",
            got=f"population {networks}",
            expected=f"at least {least}; 0 where a training is to measure none",
        )


def draw_members(space: Space[Any], networks: int) -> list[Trial[Any]]:
    """Networks that stand for a space, always the same: distinct ones where it can list them, at most all."""
    rng = Random(0)
    every = space.distinct() if isinstance(space, Finite) else [space.sample(rng) for _ in range(networks)]
    return [Trial(space.format(arch), arch) for arch in rng.sample(every, min(networks, len(every)))]


class Panel(ABC):
    """An estimator that sums what its members say, and that trained references may correct.

    Without a population the candidates of a call, with the references, tell what is usual for that call; nothing is
    kept from one call to the next.

    Args:
        space: of the architectures.
        members: estimators by name; their values and extra numbers are readings, such as `ghn/loss`.
        weights: of the readings in the sum, such as `{"graph/params+graph/macs": 1, "zero_cost/meco": 2}`, each times
            the part of a vote that the population says; `A+B` is the mean of two readings as normal scores, or one of
            them where there is no other. Readings of weight 0 are for the regression alone, and count as usual where a
            network or the population has none.
            `graph/params` and `graph/macs` are the live parameters and multiply-adds of a network.
        population: what readings are usual; None: each call's own candidates.
        settings: of the regression.
        optional: readings of the sum that a candidate or the population may lack; they then count as usual.

    Raises:
        ConfigError: weights of readings that no member has, or that the population lacks.
    """

    source: str

    def __init__(
        self,
        space: Space[Any],
        members: Mapping[str, Estimator[Any]],
        weights: Mapping[str, float],
        *,
        population: Population | None = None,
        settings: Settings | None = None,
        optional: Collection[str] = (),
    ) -> None:
        self.space, self.members, self.weights = space, dict(members), dict(weights)
        unknown = [name for name in self.weights if not members_of(name) <= set(self.members)]
        if unknown or not any(self.weights.values()):
            raise ConfigError(
                "weights of a combined estimator name its members' readings",
                got=unknown or dict(self.weights),
                expected=f"{', '.join(COUNTS)}, MEMBER/READING, or A+B, with members {list(self.members)}",
            )
        self._voting = [name for name, weight in self.weights.items() if weight]
        self._needed = [name for name in self._voting if name not in optional]
        self.needed = members_of(*self._needed)  # who must be able to read a candidate
        if population and not any(population.votes.get(name, 1.0) for name in self._voting):
            raise ConfigError("the population leaves no reading a vote", got=population.votes)
        if population and (missing := [n for n in self._needed if not set(parts_of(n)) & set(population.quantiles)]):
            raise ConfigError("the population lacks readings", got=missing, expected=self._readings())
        self.population, self.settings = population, settings or Settings()
        self._references: list[tuple[Trial[Any], float]] = []
        self._read_references: list[Readings] | None = None

    @property
    def together(self) -> bool:
        return self.population is None

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "members": {name: member.identity for name, member in self.members.items()},
            "weights": self.weights,
            "settings": asdict(self.settings),
            "references": {str(trial.arch): value for trial, value in self._references},
            "population": self.population.describe() if self.population else None,
        }

    def fit(self, history: Sequence[tuple[Trial[Any], Score]], read: Sequence[Readings] | None = None) -> None:
        """Takes trained references; failed ones are left out.

        Args:
            history: the references.
            read: their readings, where these were taken before.

        Raises:
            ConfigError: fewer than five: their order says nothing.
        """
        good = [i for i, (_, score) in enumerate(history) if score.ok]
        if history and len(good) < FEWEST:
            raise ConfigError("too few references", got=len(good), expected=f"none, or at least {FEWEST}")
        self._references = [(history[i][0], float(history[i][1].value)) for i in good]
        self._read_references = None if read is None else [read[i] for i in good]

    def unread_references(self) -> list[tuple[Any, str]]:
        """The references of which nothing is learnt, as a member could not read them; each with the reason."""
        read = zip(self._references, self._reference_readings(), strict=True)
        return [(trial.arch, one.error) for (trial, _), one in read if one.error is not None]

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [score for _, score in self.stream(trials)]

    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        """Judges any number of trials; block by block where the population is known, else all at once."""
        trials = list(check_trials(trials))
        if trials and not self.population:
            self._check_enough(len(trials) + len(self._references))
        size = BLOCK if self.population else max(1, len(trials))
        for start in range(0, len(trials), size):
            block = trials[start : start + size]
            yield from zip(block, self.judge(block, self.read(block)), strict=True)

    def _check_enough(self, networks: int) -> None:
        """Refuses networks that are too few to tell what is usual, before any is read."""
        if networks < (least := least_usual(self.space)):
            raise ConfigError(
                "too few networks to tell what is usual in this space",
                got=f"{networks} at once",
                expected=f"at least {least}, or a checkpoint whose card says what is usual",
                fix="give more at once; a training that was stopped before it had measured it goes on: resume=true",
            )

    def judge(self, trials: Sequence[Trial[Any]], read: Sequence[Readings]) -> list[Score]:
        """Judges trials whose readings are taken."""
        population = self.population or self.population_of([*read, *self._reference_readings()])
        scores = [Score.failed(r.error or "", r.seconds) for r in read]
        if good := [i for i, r in enumerate(read) if r.error is None]:
            value, std = self._values(self._rows(trials, read, population), self._known_rows(population))
            for i, v, d in zip(good, value, [None] * len(good) if std is None else std, strict=True):
                std_of = None if d is None else float(d)
                scores[i] = Score(float(v), read[i].seconds, std=std_of, extra=dict(read[i].values))
        return scores

    def cost(self, arch: Any) -> float:
        """Multiply-adds of all members' readings of one architecture, where they say something."""
        return float(sum(member.cost(arch) or 0.0 for member in self.members.values()))

    def read(self, trials: Sequence[Trial[Any]]) -> list[Readings]:
        """Asks every member about every trial."""
        if not trials:
            return []
        answers = {name: member.score(trials) for name, member in self.members.items()}
        return [self.put_together(t, {name: a[i] for name, a in answers.items()}) for i, t in enumerate(trials)]

    def usual(self, networks: int, *, progress: bool = True) -> tuple[Population, dict[str, Floats]]:
        """What is usual in the space: of networks drawn at random, distinct ones where the space can list them.

        Args:
            networks: how many; all of a smaller space.
            progress: whether to show a bar.

        Returns:
            The population, and the readings [n] by name that it is made of, NaN where one failed.

        Raises:
            ConfigError: too few networks, or too few that could be read.
        """
        drawn, read = draw_members(self.space, networks), list[Readings]()
        for start in tqdm(range(0, len(drawn), BLOCK), desc="population", unit="block", disable=not progress):
            read += self.read(drawn[start : start + BLOCK])
        return self.population_of(read), {name: column(read, name) for name in self._readings()}

    def population_of(self, read: Sequence[Readings]) -> Population:
        """What is usual among candidates.

        Raises:
            ConfigError: too few of them, or too few that could be read; then with the reasons of those that failed.
        """
        failed = Counter(r.error for r in read if r.error is not None)
        good = len(read) - failed.total()
        least = LEAST if good >= LEAST else least_usual(self.space)
        if failed and good < least:
            raise ConfigError(
                "too few networks could be read to tell what is usual in this space",
                got=f"{good} of {len(read)}; " + "; ".join(f"{n} failed: {why}" for why, n in failed.most_common(3)),
                expected=f"at least {least} networks with every reading",
            )
        columns = {name: column(read, name) for name in self._readings()}
        enough = {name for name, values in columns.items() if np.isfinite(values).sum() >= least}
        # the parts of what lacks all of them stay in, so that it is told of them how few could be read
        lacking = {part for name in self._needed if not enough & {*parts_of(name)} for part in parts_of(name)}
        return Population.of({n: values for n, values in columns.items() if n in enough | lacking}, least)

    def _readings(self) -> list[str]:
        """What the weights are of."""
        return list(dict.fromkeys(part for name in self.weights for part in parts_of(name)))

    @abstractmethod
    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats | None]:
        """Values [n] of candidates, given references if there are any, and standard deviations where they are known."""

    def put_together(self, trial: Trial[Any], answers: Mapping[str, Score], before: Readings | None = None) -> Readings:
        """The size of a trial, and what the members say that have answered so far.

        `before` is what was put together of fewer answers: the size is then known.
        """
        seconds = sum(score.cost_seconds for score in answers.values())
        if why := next((f"{name}: {s.error}" for name, s in answers.items() if name in self.needed and not s.ok), None):
            return Readings({}, seconds, why)
        try:
            found = before.values if before else self._size(trial)
        except GhnError as error:
            return Readings({}, seconds, str(error))
        found = {name: found[name] for name in COUNTS}
        for name, score in ((name, score) for name, score in answers.items() if score.ok):
            numbers = {"value": score.value, **score.extra}
            # a loss is better when it is lower; every reading here is better when it is higher
            found |= {
                f"{name}/{k}": -float(v) if k == "loss" else float(v)
                for k, v in numbers.items()
                if isinstance(v, int | float)  # and no curve or interval
            }
        asked = [name for name in self._needed if members_of(name) <= set(answers)]
        if lacking := [name for name in asked if not set(parts_of(name)) & set(found)]:
            return Readings({}, seconds, f"its members gave no {', '.join(sorted(lacking))}")
        return Readings(found, seconds)

    def _size(self, trial: Trial[Any]) -> dict[str, float]:
        stats = live_stats(self.space, trial.arch)
        return {LIVE_PARAMETERS: float(stats.params), MULTIPLY_ADDS: float(stats.macs)}

    def settled_on(self, read: Sequence[Readings]) -> Panel:
        """Itself; where it knows no population, a copy for which these readings, with the references, are usual.

        Raises:
            ConfigError: as `population_of`.
        """
        if self.population:
            return self
        settled = copy(self)
        settled.population = self.population_of([*read, *self._reference_readings()])
        return settled

    def normal_scores(self, read: Sequence[Readings]) -> Floats:
        """Readings [n, k] as normal scores in its population, in the order of `weights`; 0 where there is none."""
        assert self.population is not None
        return normal_scores(self.population, read, list(self.weights))

    @abstractmethod
    def known(self, archs: Sequence[Any]) -> Floats:
        """What is known of members [n, f] before anything is read, in standard units."""

    def _reference_readings(self) -> list[Readings]:
        """Readings of the references; taken here, unless `fit` got them."""
        if self._read_references is None:
            self._read_references = self.read([trial for trial, _ in self._references])
        return self._read_references

    def _known_rows(self, population: Population) -> Rows | None:
        """The references that could be read; fewer than are needed are refused."""
        if not (read := self._reference_readings()):
            return None
        if (good := sum(r.error is None for r in read)) < FEWEST:
            why = next(r.error for r in read if r.error is not None)
            raise ConfigError("too few references could be read", got=f"{good} of {len(read)}: {why}")
        trials, measured = zip(*self._references, strict=True)
        return self._rows(trials, read, population, measured)

    def _rows(
        self,
        trials: Sequence[Trial[Any]],
        read: Sequence[Readings],
        population: Population,
        measured: Sequence[float] | None = None,
    ) -> Rows:
        """What could be read, as normal scores, and their weighted sum scaled to a variance of about 1."""
        good = [i for i, r in enumerate(read) if r.error is None]
        found = [read[i] for i in good]
        weights = np.array([weight * population.votes.get(name, 1.0) for name, weight in self.weights.items()])
        normal = normal_scores(population, found, list(self.weights))
        sums = normal @ weights / np.abs(weights).sum() / self.settings.spread
        values = np.array([np.nan if measured is None else measured[i] for i in good])
        return Rows([trials[i] for i in good], normal, sums, values)


def normal_scores(population: Population, read: Sequence[Readings], names: Sequence[str]) -> Floats:
    """Readings, or means of readings, as normal scores [n, k]; what is not known counts as usual, 0."""
    normal = np.zeros((len(read), len(names)))
    for k, name in enumerate(names):
        if known := [part for part in parts_of(name) if part in population.quantiles]:
            scores = np.array([population.normal_scores(part, column(read, part)) for part in known])
            there = np.isfinite(scores)
            normal[:, k] = np.where(there, scores, 0.0).sum(0) / np.maximum(1, there.sum(0))
    return normal


def column(read: Sequence[Readings], name: str) -> Floats:
    """One reading of every candidate [n], NaN where it failed."""
    return np.array([r.values.get(name, np.nan) for r in read], dtype=float)
