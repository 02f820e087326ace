"""The field of a race: its candidates, who is asked about them, and what has been read of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ghn.analysis.weighted import Floats
from ghn.scoring.guard import Patience, judge
from ghn.scoring.panel import Readings, members_of
from ghn.scoring.score_files import PartialScores
from ghn.types import Estimator, Score, Space, Trial

CAREFUL = 1.5  # times the seconds that any candidate has cost


@runtime_checkable
class ReadInParts(Protocol):
    """An estimator that is made of members, and can be asked one member at a time; every `Panel` is one."""

    @property
    def space(self) -> Space[Any]: ...

    @property
    def members(self) -> Mapping[str, Estimator[Any]]:
        """Whom to ask, by name."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Of readings, `MEMBER/READING`, or means of them; those of no member are known without asking."""

    def put_together(self, trial: Trial[Any], answers: Mapping[str, Score], before: Readings | None = None) -> Readings:
        """What is read of a trial when some members have answered (`before`: fewer), or why it cannot be judged."""

    def settled_on(self, read: Sequence[Readings]) -> ReadInParts:
        """Itself, or a copy for which these readings are what is usual."""

    def normal_scores(self, read: Sequence[Readings]) -> Floats:
        """Readings [n, k] as normal scores, in the order of `weights`; 0 where there is none."""

    def known(self, archs: Sequence[Any]) -> Floats:
        """What is known of members [n, f] before anything is read."""

    def judge(self, trials: Sequence[Trial[Any]], read: Sequence[Readings]) -> list[Score]:
        """Scores of trials that were read in full."""


@dataclass
class Runner:
    """A candidate in the race."""

    trial: Trial[Any]
    read: Readings
    answers: dict[str, Score] = field(default_factory=dict)
    score: Score | None = None  # of one that was read in full, or failed

    @property
    def finished(self) -> bool:
        return self.score is not None and self.score.ok

    def take(self, read: Readings) -> None:
        """Takes what is read now; it may be that the candidate cannot be judged."""
        self.read = read
        if read.error is not None:
            self.score = Score.failed(read.error, sum(answer.cost_seconds for answer in self.answers.values()))


class Reader:
    """Asks a member, once a candidate, also over runs where there is a file."""

    def __init__(self, member: Estimator[Any], path: Path | None, give_up_after: int | None) -> None:
        self.member, self._patience = member, Patience(give_up_after)
        self._file = None if path is None else PartialScores(path, member.identity)
        self._known = {} if self._file is None else self._file.scores
        self._costs: list[float] = []  # mean seconds of a candidate, a block each
        self._most = 0.0

    def check(self, trials: Sequence[Trial[Any]]) -> None:
        """Raises `DataError` where the file holds another architecture under the id of one of these."""
        if self._file:
            self._file.check(trials)

    def ask(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Scores of a block; raises as `Patience.note`."""
        new = [trial for trial in trials if trial.id not in self._known]
        for trial, score in zip(new, judge(self.member, new) if new else (), strict=True):
            self._known[trial.id] = score
            if self._file:
                self._file.add(trial, score, self._patience)
            else:
                self._patience.note(trial, score)
        scores = [self._known[trial.id] for trial in trials]
        self._costs.append(sum(score.cost_seconds for score in scores) / len(scores))
        self._most = max(self._most, *(score.cost_seconds for score in scores))
        return scores

    @property
    def usual(self) -> float:
        """Seconds that a candidate costs; the first one of a process may cost far more."""
        return median(self._costs) if self._costs else 0.0

    @property
    def most(self) -> float:
        """Seconds that a candidate may cost: more than any has, as the best are often larger than others."""
        return CAREFUL * self._most

    def close(self) -> None:
        if self._file:
            self._file.close()


class Field:
    """All candidates of different functions, and what is read of them, as arrays."""

    def __init__(self, panel: ReadInParts, trials: Sequence[Trial[Any]]) -> None:
        self.panel = panel
        self.runners = [Runner(trial, panel.put_together(trial, {})) for trial in trials]
        for runner in self.runners:
            runner.take(runner.read)
        self.values = np.full(len(trials), np.nan)  # of those that were read in full
        self.features, self.normal = np.zeros((len(trials), 0)), np.zeros((len(trials), len(panel.weights)))

    def settle(self, pilot: Sequence[int]) -> None:
        """Judges the pilot, which may say what is usual, and takes in what is known of the others without asking."""
        self.panel = self.panel.settled_on([self.runners[i].read for i in pilot])
        self.judge(pilot)
        running = self.finished() + self.waiting()
        known = self.panel.known([self.runners[i].trial.arch for i in running])
        self.features = np.zeros((len(self.runners), known.shape[1]))
        self.features[running] = known
        self.take_in(running)

    def take_in(self, places: Sequence[int]) -> None:
        """Takes in what has been read of some candidates."""
        if places:
            self.normal[places] = self.panel.normal_scores([self.runners[i].read for i in places])

    def judge(self, places: Sequence[int]) -> None:
        """Gives candidates of which everything is read their scores."""
        if places:
            runners = [self.runners[i] for i in places]
            judged = self.panel.judge([runner.trial for runner in runners], [runner.read for runner in runners])
            for i, score in zip(places, judged, strict=True):
                self.runners[i].score, self.values[i] = score, score.value

    def finished(self) -> list[int]:
        """Those that have been read in full."""
        return [i for i, runner in enumerate(self.runners) if runner.finished]

    def waiting(self) -> list[int]:
        """Those that are neither finished nor failed."""
        return [i for i, runner in enumerate(self.runners) if runner.score is None]

    def inputs(self, asked: Sequence[str], places: Sequence[int]) -> Floats:
        """What the regression sees of some candidates [n, f] when so many members have been asked."""
        columns = [
            place
            for place, name in enumerate(self.panel.weights)
            if members_of(name) & set(self.panel.members) <= set(asked)
        ]
        return np.hstack([self.features[places], self.normal[np.ix_(places, columns)]])
