"""The ladder: many candidates judged cheaply, some of them better, a few trained fully, within one budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tqdm import tqdm

from ghn.display import brief, card, facts, table
from ghn.errors import ConfigError, check_counts, check_numbers, check_seeds
from ghn.scoring.guard import GIVE_UP_AFTER, Patience, judge, was_raised
from ghn.scoring.race_field import ReadInParts
from ghn.scoring.racing import PILOT, Race
from ghn.scoring.score_files import PartialScores
from ghn.search.costs import Bound, seen, within
from ghn.search.plan import LEAST_PILOT, Plan, cost_line, live_macs, make_plan, own_cost, pilot_correlation
from ghn.spaces.members import draw_distinct
from ghn.types import Estimator, Finite, Score, Space, Trial, check_space

DRAWN = 1000  # candidates, where none are given and the space cannot list its own


@dataclass(frozen=True)
class LadderStep:
    """One step of a ladder, of a unique name; `budget` is that of its trials.

    Steps of one `chain` go on from each other's trials; None: each candidate begins anew.
    """

    name: str
    estimator: Estimator[Any]
    budget: float | None = None
    chain: str | None = None


@brief
@dataclass
class LadderResult:
    """What a ladder found; in all counts, the pilot is included.

    Attributes:
        best: official string of the best candidate in the last step; None when none got there.
        score: its score there.
        plan: of the budget that was left after the pilot.
        judged: how many candidates each step judged.
        failed: how many of them failed.
        seconds: spent in each step.
        correlation: of the steps' readings, as planned with.
        history: (step, official string, score, seconds spent until then) in the order judged.
        refused: candidates that were left out, as they lie outside the bounds.
    """

    best: str | None
    score: Score | None
    plan: Plan
    judged: dict[str, int]
    failed: dict[str, int]
    seconds: dict[str, float]
    correlation: np.ndarray
    history: list[tuple[str, str, Score, float]]
    refused: int = 0

    @property
    def spent(self) -> float:
        return sum(self.seconds.values())

    def _repr_html_(self) -> str:
        """A line a step, and the best network."""
        steps = [(name, many, self.failed[name], self.seconds[name]) for name, many in self.judged.items()]
        value = None if self.score is None else self.score.value
        best = facts({"best": self.best or "none came through the last step", "value": value, "seconds": self.spent})
        return card("Ladder", table(("step", "judged", "failed", "seconds"), steps), best)


class Ladder:
    """Spends one budget over steps that cost more and know more, the last of them being the truth.

    A few candidates, the pilot, climb all steps; how their readings go together and what they cost decides how many
    candidates each step judges (`make_plan`), and which steps are not worth their cost. A candidate is only judged when
    the budget pays for it: what it costs is foreseen from its multiply-adds. Results are kept on disk as they come.

    A first step whose estimator is read in parts (`Combined`, `Ensemble`) is a race of the whole pool for those that
    the next step judges, within the seconds that the plan gives it (`ghn.scoring.racing`).

    Source: "survey" row 13; successive halving: Jamieson & Talwalkar, AISTATS 2016; here with steps of different kinds.

    Args:
        space: of the candidates.
        steps: from the cheapest to full training, at least two.
        seconds: the budget, as estimators count it (`Score.cost_seconds`).
        pool: candidates, as members of the space; None: the space's distinct networks, or 1,000 drawn at random.
        pilot: how many candidates climb all steps beforehand; their cost is part of the budget.
        folder: for the scores; a second run with the same settings goes on. None keeps nothing.
        seed: of pilot and plan.
        size: of a candidate, which costs go with; None: its multiply-adds.
        progress: whether to show bars.
        give_up_after: so many candidates in a row for which an estimator raised an error end the run, and are not kept;
            None never does. Where others can be judged, they are counted failures.
        bounds: all of which a candidate must keep; others are left out before anything is spent on them.

    Attributes:
        refused: candidates of the pool outside the bounds.

    Raises:
        ConfigError: fewer than two steps, names twice, a pilot too small, no more candidates (within the bounds) than
            the pilot, or a budget that is not above 0.
    """

    def __init__(
        self,
        space: Space[Any],
        steps: Sequence[LadderStep],
        *,
        seconds: float,
        pool: Sequence[Any] | None = None,
        pilot: int = 8,
        folder: Path | str | None = None,
        seed: int = 0,
        size: Callable[[Any], float] | None = None,
        progress: bool = True,
        give_up_after: int | None = GIVE_UP_AFTER,
        bounds: Sequence[Bound] = (),
    ) -> None:
        check_space(space)
        if not isinstance(steps, Sequence) or not all(isinstance(step, LadderStep) for step in steps):
            raise ConfigError("steps of a ladder are a list of LadderStep", got=repr(steps))
        check_counts("a ladder: ", pilot=pilot)
        check_numbers("a ladder: ", above=0, seconds=seconds)
        check_seeds("a ladder: ", seed=seed)
        names = [step.name for step in steps]
        if len(steps) < 2 or len(set(names)) < len(names):
            raise ConfigError("a ladder has at least two steps of different names", got=names)
        if pilot < LEAST_PILOT:
            raise ConfigError(
                "the pilot is too small to tell what steps are worth", got=pilot, expected=f">= {LEAST_PILOT}"
            )
        self.space, self.steps, self.budget, self.progress = space, list(steps), seconds, progress
        rng = Random(seed)
        if pool is None:
            pool = space.distinct() if isinstance(space, Finite) else draw_distinct(space, DRAWN, rng)
        every = list(pool)
        rng.shuffle(every)
        kept = [arch for arch in every if within(bounds, arch)] if bounds else every
        self.refused = len(every) - len(kept)
        if len(kept) <= pilot:
            got = f"{len(kept)} of {len(every)}; {seen(bounds)}" if bounds else len(kept)
            which = f" within the bounds: {', '.join(map(str, bounds))}" if bounds else ""
            raise ConfigError(f"the pool has no more candidates than the pilot{which}", got=got, expected=f"> {pilot}")
        self.pilot, self.pool, self.seed = kept[:pilot], kept[pilot:], seed
        self.folder = None if folder is None else Path(folder)
        self._size = size or lru_cache(maxsize=None)(partial(live_macs, space))
        self._costs: list[list[tuple[float, float]]] = [[] for _ in steps]  # (multiply-adds, seconds) of each step
        self._history: list[tuple[str, str, Score, float]] = []
        self._spent = 0.0
        self._files: dict[str, PartialScores] = {}
        self._patience, self._give_up_after = Patience(give_up_after), give_up_after

    def run(self) -> LadderResult:
        """Climbs; the best candidate of the last step is the answer, pilot included.

        Raises:
            ConfigError: the budget does not pay for the pilot.
            DataError: the folder holds scores made with other settings.
            EstimatorError: an estimator raised an error for one candidate after the other.
        """
        try:
            scores = self._climb_pilot()
            costs = [self._cost_from_scratch(scores, i) for i in range(len(self.steps))]
            correlation = pilot_correlation(np.array([[s.value for s in row] for row in scores]))
            chains, left = [step.chain for step in self.steps], self.budget - self._spent
            plan = Plan((0,) * len(costs), float("nan"), 0.0)
            if left >= costs[-1]:
                plan = make_plan(correlation, costs, chains, left, len(self.pool), self.seed)
            self._climb(plan, costs)
        finally:
            for file in self._files.values():
                file.close()
        last = [(s, text) for name, text, s, _ in self._history if name == self.steps[-1].name and s.ok]
        score, best = max(last, key=lambda pair: pair[0].value, default=(None, None))
        per = {step.name: [s for name, _, s, _ in self._history if name == step.name] for step in self.steps}
        judged = {name: len(own) for name, own in per.items()}
        failed = {name: sum(not s.ok for s in own) for name, own in per.items()}
        seconds = {name: sum(s.cost_seconds for s in own) for name, own in per.items()}
        return LadderResult(best, score, plan, judged, failed, seconds, correlation, self._history, self.refused)

    def _climb_pilot(self) -> list[list[Score]]:
        """Scores of the pilot, a row a step."""
        rows = []
        for number, step in enumerate(self.steps):
            before = self._before(list(range(number)), number)
            rows.append([self._judge(number, arch, before) for arch in self._bar(self.pilot, f"pilot, {step.name}")])
            if all(map(was_raised, rows[-1])):
                if file := self._file(step):
                    file.drop_held()
                raise ConfigError(
                    f"the step {step.name} can judge no candidate: its estimator raised an error for all of the pilot",
                    got=rows[-1][-1].error,
                    fix="mend the cause, or leave the step out",
                )
            if self._spent > self.budget:
                raise ConfigError(
                    "the budget does not pay for the pilot",
                    got=f"{self.budget:.4g} seconds, of which {self._spent:.4g} went into the pilot up to {step.name}",
                    fix="give a larger budget, a smaller pilot, or a cheaper last step",
                )
        return rows

    def _cost_from_scratch(self, scores: Sequence[Sequence[Score]], number: int) -> float:
        chain = self.steps[number].chain
        same = [i for i in range(number) if chain is not None and self.steps[i].chain == chain]
        return float(sum(np.mean([s.cost_seconds for s in scores[i]]) for i in (*same, number)))

    def _climb(self, plan: Plan, costs: Sequence[float]) -> None:
        chosen = [i for i, count in enumerate(plan.counts) if count]
        chains = [step.chain for step in self.steps]
        own = [own_cost(costs, chains, chosen, place) for place in range(len(chosen))]
        archs = self.pool
        for place, number in enumerate(chosen):
            kept_back = sum(own[p] * plan.counts[chosen[p]] for p in range(place + 1, len(chosen)))
            count = len(archs) if place == len(chosen) - 1 else plan.counts[number]
            before = self._before(chosen[:place], number)
            seconds = self.budget - kept_back - self._spent
            if place == 0 and len(chosen) > 1 and self._can_race(number, costs[number], seconds):
                archs = self._race(number, plan.counts[chosen[1]], seconds)
                continue
            found: list[tuple[Score, Any]] = []
            for arch in self._bar(archs[:count], self.steps[number].name):
                if not len(found) & (len(found) - 1):  # 0, 1, 2, 4, 8...: often enough, and cheap
                    foreseen = cost_line(self._costs[number])
                if self._spent + foreseen(self._size(arch)) > self.budget - kept_back:
                    continue  # a smaller one may still fit
                found.append((self._judge(number, arch, before), arch))
            good = sorted(((s.value, i) for i, (s, _) in enumerate(found) if s.ok), reverse=True)
            archs = [found[i][1] for _, i in good]

    def _can_race(self, number: int, cost: float, seconds: float) -> bool:
        """Whether a step is made of readings that candidates need not all see, and there is enough to race with."""
        step = self.steps[number]
        if not isinstance(step.estimator, ReadInParts) or step.budget is not None:
            return False
        return len(self.pool) >= 2 * PILOT and seconds >= 2 * PILOT * cost

    def _race(self, number: int, best: int, seconds: float) -> list[Any]:
        """Races all of the pool for the best, as far as the seconds go; those who did not fail, best first."""
        step, texts = self.steps[number], [self.space.format(arch) for arch in self.pool]
        assert isinstance(step.estimator, ReadInParts)
        race = Race(
            step.estimator,
            min(best, len(self.pool)),
            seed=self.seed,
            folder=self.folder and self.folder / f"{step.name} readings",
            seconds=seconds,
            progress=self.progress,
            give_up_after=self._give_up_after,
        )
        scores = race.run([Trial(text, arch) for text, arch in zip(texts, self.pool, strict=True)])
        for text, score in zip(texts, scores, strict=True):
            self._spent += score.cost_seconds
            self._history.append((step.name, text, score, self._spent))
        good = sorted(((s.value, i) for i, s in enumerate(scores) if s.ok), reverse=True)
        return [self.pool[i] for _, i in good]

    def _before(self, earlier: Sequence[int], number: int) -> str | None:
        """The name of the step whose trials a step goes on from."""
        chain = self.steps[number].chain
        return next((self.steps[i].name for i in reversed(earlier) if chain and self.steps[i].chain == chain), None)

    def _judge(self, number: int, arch: Any, before: str | None) -> Score:
        step, text = self.steps[number], self.space.format(arch)
        score = self._known(step, Trial(f"{step.name}/{text}", arch, step.budget, before and f"{before}/{text}"))
        self._spent += score.cost_seconds
        self._history.append((step.name, text, score, self._spent))
        self._costs[number].append((self._size(arch), score.cost_seconds))
        return score

    def _known(self, step: LadderStep, trial: Trial[Any]) -> Score:
        """The score of a trial, from the folder where it is there."""
        file = self._file(step)
        if file and trial.id in file.scores:
            return file.scores[trial.id]
        score = judge(step.estimator, [trial])[0]
        if file:
            file.add(trial, score, self._patience)
        else:
            self._patience.note(trial, score)
        return score

    def _file(self, step: LadderStep) -> PartialScores | None:
        if self.folder is None:
            return None
        if step.name not in self._files:
            identity = {"step": step.name, "estimator": step.estimator.identity}
            self._files[step.name] = PartialScores(self.folder / f"{step.name}.jsonl", identity)
        return self._files[step.name]

    def _bar(self, archs: Sequence[Any], label: str) -> tqdm[Any]:
        return tqdm(archs, desc=label, unit="net", disable=not self.progress)
