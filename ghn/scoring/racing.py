"""Racing: the best of many candidates without reading all of each; what is unlikely to be among them leaves early.

A panel's value is made of readings that differ in what they cost and in what they say. Some candidates, the pilot, are
read in full. From all that are, a regression foresees the value of the others, at first from their size and features,
then from every further reading. The next reading always goes to the candidates that are most likely above the k-th best
value that is known, and the race ends when all others together are not expected to hold more than a given share of the
best k. That expectation is of what is known in the end, so it needs no correction for how often it was looked at.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tqdm import tqdm

from ghn.analysis.correction import LEAST
from ghn.analysis.ridge import chance_above, fit_ridge
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, DataError, GhnError, check_numbers
from ghn.scoring.engine import network_key
from ghn.scoring.guard import GIVE_UP_AFTER, judges_together
from ghn.scoring.race_field import Field, Reader, ReadInParts, Runner
from ghn.types import Network, Score, Space, Trial, check_trials, member_of

RISK = 0.1  # share of the best that may be missed, as the regression sees it
PILOT = 64  # candidates that are read in full beforehand
BLOCK = 32  # candidates that are read at once, and after which it is seen anew who is likely
PARTS = 16  # pilot candidates read at once: the median over such blocks tells what a reading costs
EVEN = 0.5  # chance from which a candidate is foreseen above the best that are known: it never leaves
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
LEFT, CHANCE = "left_after", "chance"  # keys of `Score.extra` of candidates that left


def has_left(score: Score) -> bool:
    """Whether a candidate left a race: its value is foreseen, not read."""
    return LEFT in score.extra


def check_best(best: int, candidates: int) -> None:
    """Raises `ConfigError` unless there are so many candidates."""
    if type(best) is not int or not 1 <= best <= candidates:
        raise ConfigError(
            "best= is how many of the candidates are looked for",
            got=f"best={best}, {candidates} candidates",
            expected=f"1 to {candidates}",
            fix="give a smaller best=, or more candidates",
        )


class Race:
    """Finds the best k of the candidates of a panel.

    With the same seed, readings and costs of readings the same candidates leave; which reading comes first rests on
    measured seconds. Candidates of one function (`Space.canonical`) run as one, and count as one among the best.

    Source: leaving as soon as a model of the evaluations makes it unlikely to win: Maron & Moore, "Hoeffding Races",
    NIPS 1993; the next evaluation where the best are most in doubt: Kalyanakrishnan et al., "PAC Subset Selection in
    Stochastic Multi-armed Bandits", ICML 2012 (LUCB). Here evaluations are readings of different kinds, and what they
    leave open is learnt by regression.

    Args:
        panel: `Combined`, `Ensemble`, or what else is read in parts; fitted to its references.
        best: how many are looked for.
        risk: share of the best that may be missed: those that leave are not expected to hold more, as the regression
            sees it. What that is worth is measured in docs/ranking.md.
        pilot: candidates read in full beforehand, drawn at random. Where the panel knows no population, they are it.
        seed: of the pilot.
        folder: for all readings, a file a member; a second run with the same settings goes on, one with another `best`
            uses them too. None keeps nothing.
        seconds: as estimators count them; after the pilot no reading is begun that may cost more, and what then leaves
            may be foreseen above the best that were read in full. None: no limit.
        progress: whether to show a bar with the time left.
        give_up_after: so many candidates in a row for which a member raised an error end the run.

    Attributes:
        spent: seconds of all readings, those from the folder too.

    Raises:
        ConfigError: numbers out of range, or a member whose scores depend on other candidates.
    """

    def __init__(
        self,
        panel: ReadInParts,
        best: int,
        *,
        risk: float = RISK,
        pilot: int = PILOT,
        seed: int = 0,
        folder: Path | str | None = None,
        seconds: float | None = None,
        progress: bool = False,
        give_up_after: int | None = GIVE_UP_AFTER,
    ) -> None:
        check_numbers("the share of the best that may be missed: ", above=0, below=1, risk=risk)
        if pilot < LEAST:
            raise ConfigError("the pilot of a race is too small to learn from", got=pilot, expected=f"at least {LEAST}")
        if bad := [name for name, member in panel.members.items() if judges_together(member)]:
            raise ConfigError("scores that depend on other candidates cannot be read one by one", got=bad)
        self.panel, self.best, self.risk, self.pilot, self.seed = panel, best, risk, pilot, seed
        self.folder = None if folder is None else Path(folder)
        self.seconds, self.progress, self.give_up_after = seconds, progress, give_up_after
        self.spent = 0.0

    def run(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Races; the best by `value` are those that were looked for, each read in full.

        Args:
            trials: with unique ids.

        Returns:
            A score each, in the order given: as the panel gives it for those that were read in full. One that left
            has the value that is foreseen with its `std`, below those of the best; in `extra` what was read, after
            which member it left (`left_after`; None: after none) and its `chance` to be among the best (`has_left`).
            Among themselves, those that left are hardly in order. Failures are `Score.failed`.

        Raises:
            ConfigError: fewer candidates than `best`.
            DataError: ids repeat, or the folder holds readings made with other settings.
            EstimatorError: a member raised an error for one candidate after the other.
        """
        trials = list(check_trials(trials))
        check_best(self.best, len(trials))
        if (ids := len({trial.id for trial in trials})) != len(trials):
            raise DataError("trial ids must be unique", got=f"{len(trials)} trials with {ids} ids")
        keys = [_function_of(self.panel.space, trial) for trial in trials]
        first = dict(reversed(list(zip(keys, trials, strict=True))))  # of each function
        field = Field(self.panel, [first[key] for key in dict.fromkeys(keys)])
        with self._readers() as readers:
            for reader in readers.values():
                reader.check(list(first.values()))
            track = _Track(field, readers, self)
            track.run_pilot()
            track.run()
            self.spent = track.spent
        scores = dict(zip(dict.fromkeys(keys), track.scores(), strict=True))
        return [scores[key] for key in keys]

    @contextmanager
    def _readers(self) -> Iterator[dict[str, Reader]]:
        with ExitStack() as stack:
            made = {}
            for name, member in self.panel.members.items():
                made[name] = Reader(member, self.folder and self.folder / f"{name}.jsonl", self.give_up_after)
                stack.callback(made[name].close)
            yield made


@dataclass(frozen=True)
class _Foreseen:
    """Of the candidates `places` [n] that wait: their values, how sure these are, and chances to be among the best."""

    places: Floats
    mean: Floats
    std: Floats
    chance: Floats

    def open(self, allowed: float) -> int:
        """How many of the likeliest must be read, so that the others are not expected to hold more than is allowed."""
        rising = np.sort(self.chance)
        return len(rising) - int(((np.cumsum(rising) <= allowed) & (rising < EVEN)).sum())

    def likeliest(self, n: int) -> list[int]:
        """Those whose chance is greatest; where it is the same for many, those that are foreseen highest."""
        return [int(i) for i in self.places[np.lexsort((-self.mean, -self.chance))[:n]]]


class _Track:
    """What happens in a race: the pilot first, then the likeliest candidates, a reading at a time."""

    def __init__(self, field: Field, readers: Mapping[str, Reader], race: Race) -> None:
        self.field, self.readers, self.race = field, readers, race
        self.order: list[str] = []  # of the members
        self.spent = 0.0

    def run_pilot(self) -> None:
        """Reads candidates in full until there are enough, or all where all are looked for."""
        field, race = self.field, self.race
        left = Random(race.seed).sample(waiting := field.waiting(), len(waiting))
        wanted = len(left) if race.best >= len(left) else race.pilot
        bar = tqdm(total=min(wanted, len(left)), desc="pilot", unit="net", disable=not race.progress)
        read: list[int] = []
        while left and len(read) < wanted:
            block, left = left[:PARTS], left[PARTS:]
            for name in self.readers:
                self._read(name, block)
            block = [i for i in block if self._waits(i)]
            read += block
            bar.update(len(block))
        bar.close()
        if read:
            field.settle(sorted(read))
            self.order = self._by_worth(field.finished())

    def run(self) -> None:
        """Reads on until few enough of the best are missed, or the seconds are spent."""
        race = self.race
        bar = tqdm(total=0.0, desc="racing", unit="s", disable=not race.progress, bar_format=BAR)
        while (foreseen := self.foresee()) is not None:
            if not (needed := foreseen.open(race.risk * race.best)):
                break
            if race.progress:
                bar.n, bar.total = self.spent, self.spent + self._seconds_left(foreseen, needed)
                bar.set_postfix_str(f"{len(self.field.finished())} read in full, {needed} in doubt")
            block = self._payable(foreseen.likeliest(min(BLOCK, needed)))
            if not block:
                break
            nexts = [self._next(i) for i in block]
            for name in self.order:
                self._read(name, [i for i, wanted in zip(block, nexts, strict=True) if wanted == name])
            self.field.judge([i for i in block if self._waits(i) and self._next(i) is None])
        bar.close()

    def foresee(self) -> _Foreseen | None:
        """What those that have been read in full say of the others; None where no others are left."""
        field, finished = self.field, self.field.finished()
        waiting = np.array(field.waiting(), dtype=int)
        if not len(waiting) or not finished:
            return None
        values = field.values[finished]
        threshold = np.sort(values)[-self.race.best] if len(values) >= self.race.best else -np.inf
        mean, std, chance = np.zeros(len(waiting)), np.zeros(len(waiting)), np.ones(len(waiting))
        asked = np.array([len(field.runners[i].answers) for i in waiting])
        for number in np.unique(asked):
            own, names = asked == number, self.order[:number]
            ridge = fit_ridge(field.inputs(names, finished), values)
            mean[own], std[own] = ridge.predict(field.inputs(names, waiting[own]))
        if np.isfinite(threshold):
            chance = chance_above(float(threshold), mean, std)
        return _Foreseen(waiting, mean, std, chance)

    def scores(self) -> list[Score]:
        """A score each: as judged, or as foreseen."""
        runners, foreseen = self.field.runners, self.foresee()
        if foreseen is not None:
            known = [s.std for i in self.field.finished() if (s := runners[i].score) and s.std is not None]
            unsure = float(np.mean(known)) if known else 0.0  # how wrong a value is that was read in full
            rows = zip(foreseen.places, foreseen.mean, foreseen.std, foreseen.chance, strict=True)
            for place, mean, std, chance in rows:
                runners[place].score = _left(runners[place], float(mean), float(np.hypot(std, unsure)), float(chance))
        return [runner.score or Score.failed("nothing could be read in full") for runner in runners]

    def _by_worth(self, pilot: Sequence[int]) -> list[str]:
        """The members, each time the one that makes values surest for the seconds that it costs."""
        values, order, left = self.field.values[pilot], list[str](), list(self.readers)

        def spread(names: Sequence[str]) -> float:
            return max(fit_ridge(self.field.inputs(names, pilot), values).spread, np.finfo(float).tiny)

        while left:
            before = spread(order)
            gain = {
                name: np.log(before / spread([*order, name])) / max(self.readers[name].usual, 1e-9) for name in left
            }
            order.append(max(left, key=gain.__getitem__))
            left.remove(order[-1])
        return order

    def _read(self, name: str, places: Sequence[int]) -> None:
        """Asks a member about those candidates that have not failed."""
        places = [i for i in places if self._waits(i)]
        if not places:
            return
        runners = [self.field.runners[i] for i in places]
        for runner, answer in zip(runners, self.readers[name].ask([r.trial for r in runners]), strict=True):
            runner.answers[name] = answer
            runner.take(self.field.panel.put_together(runner.trial, runner.answers, runner.read))
            self.spent += answer.cost_seconds
        if self.order:  # and so it is known what is usual
            self.field.take_in([i for i in places if self._waits(i)])

    def _waits(self, place: int) -> bool:
        """Whether a candidate has neither failed nor been read in full."""
        return self.field.runners[place].score is None

    def _next(self, place: int) -> str | None:
        """The member that is asked next about a candidate; None when all have been."""
        asked = len(self.field.runners[place].answers)
        return self.order[asked] if asked < len(self.order) else None

    def _payable(self, places: list[int]) -> list[int]:
        """The first of the candidates, as many as the seconds that are left pay one more reading for."""
        if self.race.seconds is None:
            return places
        most = [self.readers[name].most if (name := self._next(i)) else 0.0 for i in places]
        return [i for i, spent in zip(places, self.spent + np.cumsum(most), strict=True) if spent <= self.race.seconds]

    def _seconds_left(self, foreseen: _Foreseen, needed: int) -> float:
        """Roughly: the next reading of all that are in doubt, and all further ones as likely as they are."""
        usual = [self.readers[name].usual for name in self.order]
        chance = dict(zip(foreseen.places.tolist(), foreseen.chance.tolist(), strict=True))
        asked = {i: len(self.field.runners[i].answers) for i in foreseen.likeliest(needed)}
        after = {n: sum(usual[n + 1 :]) for n in set(asked.values())}
        return sum(usual[n] + chance[i] * after[n] for i, n in asked.items() if n < len(usual))


def _function_of(space: Space[Any], trial: Trial[Any]) -> Hashable:
    """Equal for candidates that are one; what is no member is one for itself, and the panel says why it fails."""
    try:
        if isinstance(trial.arch, Network):
            return network_key(trial.arch.live())
        return space.canonical(member_of(space, trial.arch))
    except GhnError:
        return ("no member", trial.id)


def _left(runner: Runner, mean: float, std: float, chance: float) -> Score:
    after = next(reversed(runner.answers), None)
    return Score(mean, runner.read.seconds, std=std, extra={**runner.read.values, LEFT: after, CHANCE: chance})
