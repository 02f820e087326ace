"""The combined estimator: generated weights, a zero-cost proxy and size; a few trained references correct it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from random import Random
from typing import Any

import numpy as np

from ghn.analysis.correction import FEWEST, Settings, correct, normal_ranks
from ghn.analysis.population import Population
from ghn.errors import ConfigError, GhnError
from ghn.spaces.live import live_params
from ghn.types import Estimator, Score, Space, Trial, member_of

LIVE_PARAMETERS = "graph/params"
BLOCK = 64  # trials judged at once
USUAL = 500  # architectures whose encodings tell what is usual in a space


@dataclass(frozen=True, slots=True)
class Readings:
    """What the members say of a candidate, higher is better in each; or why there is nothing."""

    values: dict[str, float]
    seconds: float
    error: str | None = None


class CombinedEstimator:
    """Weighted sum of readings, each as a normal score; with references, a Gaussian process on what the sum misses.

    Without references the value is the sum, scaled: 0 is the middle of the space and 1 a standard deviation above.
    Members' disagreement did not tell how wrong the sum is (docs/ranking.md), so `std` is then the same for all. With
    references the value is the sum plus the process's mean, and `std` is its own for each candidate.

    Source: rank aggregation as in Lee & Ham, "AZ-NAS", CVPR 2024, sec. 3.3 (there by logarithms of ranks); path
    features and surrogate as in White et al., "BANANAS", AAAI 2021; Gaussian process with a prior mean: Rasmussen &
    Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.38.

    Args:
        space: of the architectures; `space.encode(arch)`, where there is one, gives features for the regression.
        members: estimators by name; their values and extra numbers are readings, such as `ghn/loss`.
        weights: of the readings in the sum, such as `{"graph/params": 1, "zero_cost/meco": 2}`; readings of weight 0
            are features for the regression alone.
        population: what readings are usual; by default the architectures of the first call of `score`.
        settings: of the regression.
        fixed: whether the settings hold as they are, and the space's own encoding is among the features: for the recipe
            of `Model.rank`. Otherwise references tell slope and noise, the regression sees the readings alone, and
            without references there is no `std`.
    """

    source = "Zhang, Ren & Urtasun, ICLR 2019; Jiang, Wang & Bie, NeurIPS 2023; White et al., AAAI 2021"

    def __init__(
        self,
        space: Space[Any],
        members: Mapping[str, Estimator[Any]],
        weights: Mapping[str, float],
        *,
        population: Population | None = None,
        settings: Settings | None = None,
        fixed: bool = True,
    ) -> None:
        self.space, self.members, self.weights = space, dict(members), dict(weights)
        unknown = [n for n in self.weights if n != LIVE_PARAMETERS and n.split("/")[0] not in self.members]
        if unknown or not any(self.weights.values()):
            raise ConfigError(
                "weights of a combined estimator name its members' readings",
                got=unknown or dict(self.weights),
                expected=f"{LIVE_PARAMETERS} or MEMBER/READING, with members {list(self.members)}",
            )
        if population and (missing := [n for n in self.weights if n not in population.quantiles]):
            raise ConfigError("the population lacks readings", got=missing, expected=list(self.weights))
        self.population, self.settings = population, settings or Settings()
        self.fixed = fixed
        if not fixed:
            papers = dict.fromkeys(member.source for member in self.members.values())
            self.source = "; ".join(("Lee & Ham, AZ-NAS, CVPR 2024 (rank aggregation)", *papers))
        self._references: tuple[list[Trial[Any]], np.ndarray] | None = None

    @property
    def together(self) -> bool:
        """Whether a score depends on the other trials of its call: they are the population."""
        return self.population is None

    @property
    def identity(self) -> dict[str, Any]:
        """What a score depends on, JSON-able."""
        members = {name: getattr(member, "identity", name) for name, member in self.members.items()}
        references = {str(t.arch): float(v) for t, v in zip(*self._references, strict=True)} if self._references else {}
        population = self.population.describe() if self.population else None
        return ({} if self.fixed else {"fixed": False}) | {
            "members": members,
            "weights": self.weights,
            "settings": asdict(self.settings),
            "references": references,
            "population": population,
        }

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Takes trained references; failed ones are left out.

        Raises:
            ConfigError: fewer than five: their order says nothing.
        """
        good = [(trial, score.value) for trial, score in history if score.ok]
        if history and len(good) < FEWEST:
            raise ConfigError("too few references", got=len(good), expected=f"none, or at least {FEWEST}")
        self._references = ([t for t, _ in good], np.array([v for _, v in good])) if good else None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Judges each trial, in order."""
        return [score for _, score in self.stream(trials)]

    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        """Judges any number of trials; block by block where the population is known, else all at once."""
        trials, known = list(trials), self.read(self._references[0]) if self._references else []
        size = BLOCK if self.population else max(1, len(trials))
        for start in range(0, len(trials), size):
            block = trials[start : start + size]
            read = self.read(block)
            if self.population is None:
                self.population = Population.of({name: column(read + known, name) for name in self.weights})
            yield from zip(block, self._judge(block, read, known, self.population), strict=True)

    def cost(self, arch: Any) -> float:
        """Multiply-adds of all members' readings of one architecture, where they say something."""
        return float(sum(member.cost(arch) or 0.0 for member in self.members.values()))

    def read(self, trials: Sequence[Trial[Any]]) -> list[Readings]:
        """Asks every member about every trial."""
        answers = {name: member.score(trials) for name, member in self.members.items()}
        return [self._readings(t, {name: a[i] for name, a in answers.items()}) for i, t in enumerate(trials)]

    def _readings(self, trial: Trial[Any], answers: Mapping[str, Score]) -> Readings:
        seconds = sum(score.cost_seconds for score in answers.values())
        if why := next((f"{name}: {s.error}" for name, s in answers.items() if not s.ok), None):
            return Readings({}, seconds, why)
        try:
            found = {LIVE_PARAMETERS: float(live_params(self.space, trial.arch))}
        except GhnError as error:
            return Readings({}, seconds, str(error))
        for name, score in answers.items():
            numbers = {"value": score.value, **score.extra}
            # a loss is better when it is lower; every reading here is better when it is higher
            found |= {
                f"{name}/{k}": -float(v) if k == "loss" else float(v)
                for k, v in numbers.items()
                if isinstance(v, int | float)  # and no curve or interval
            }
        if lacking := set(self.weights) - set(found):
            return Readings({}, seconds, f"its members gave no {', '.join(sorted(lacking))}")
        return Readings(found, seconds)

    def _judge(
        self, trials: Sequence[Trial[Any]], read: Sequence[Readings], known: Sequence[Readings], population: Population
    ) -> list[Score]:
        s = self.settings
        normal, total = self._normal(read, population)
        value, std = s.slope * total, np.full(len(read), (s.amplitude + s.offset + s.noise[1]) ** 0.5)
        good = [i for i, r in enumerate(read) if r.error is None]
        if self._references and good:
            rows = [i for i, r in enumerate(known) if r.error is None]
            theirs, sums = self._normal([known[i] for i in rows], population)
            measured = self._references[1][rows]
            x = self._features([self._references[0][i] for i in rows], theirs)
            new = self._features([trials[i] for i in good], normal[good])
            s = s if self.fixed else s.told(sums, normal_ranks(measured))
            value[good], std[good] = correct(x, sums, measured, new, total[good], s)
        return [
            Score(float(v), r.seconds, std=float(d) if self.fixed or self._references else None, extra=dict(r.values))
            if r.error is None
            else Score.failed(r.error, r.seconds)
            for r, v, d in zip(read, value, std, strict=True)
        ]

    def _normal(self, read: Sequence[Readings], population: Population) -> tuple[np.ndarray, np.ndarray]:
        """Normal scores [n, readings], and their weighted sum [n] scaled to a variance of about 1."""
        columns = [population.normal_scores(name, column(read, name)) for name in self.weights]
        normal, weights = np.stack(columns, 1), np.array(list(self.weights.values()))
        return normal, normal @ weights / weights.sum() / self.settings.spread

    def _features(self, trials: Sequence[Trial[Any]], normal: np.ndarray) -> np.ndarray:
        """Features [n, f] of the regression: the readings, and the space's own encoding in standard units."""
        if not self.fixed or not hasattr(self.space, "encode"):
            return normal
        rows = np.array([self._encode(member_of(self.space, trial.arch)) for trial in trials])
        mean, std = self._usual
        return np.hstack([normal, (rows - mean) / std])

    def _encode(self, arch: Any) -> list[float]:
        return list(self.space.encode(arch).values())  # type: ignore[attr-defined]

    @cached_property
    def _usual(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the encoding over the space."""
        rng = Random(0)
        if hasattr(self.space, "distinct"):
            drawn = rng.choices(self.space.distinct(), k=USUAL)
        else:
            drawn = [self.space.sample(rng) for _ in range(USUAL)]
        rows = np.array([self._encode(arch) for arch in drawn])
        return rows.mean(0), np.where(rows.std(0) > 0, rows.std(0), 1.0)


def column(read: Sequence[Readings], name: str) -> np.ndarray:
    """One reading of every candidate [n], NaN where it failed."""
    return np.array([r.values.get(name, np.nan) for r in read], dtype=float)
