"""What a search found and spent, and how much it may spend."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ghn.display import brief, card, facts, named, table
from ghn.errors import check_counts, check_numbers
from ghn.types import Score, Trial

_SHOWN = 10  # networks of a card


@brief
@dataclass(frozen=True, slots=True)
class FinishedTrial:
    """One finished trial and where the search stood then.

    Attributes:
        trial: what was judged.
        score: what came of it.
        cost_seconds: spent by all trials up to this one.
        epochs: the same in the unit of budgets; a trial that resumes one of its own architecture counts the
            difference, one that inherits from another counts in full. A failed one counts what it was given.
        best: the best success so far: of those with the largest budget, the highest value; of equals the first.
        bracket: of the scheduler, where it has some.
    """

    trial: Trial[Any]
    score: Score
    cost_seconds: float
    epochs: float
    best: tuple[Trial[Any], Score] | None
    bracket: int | None = None


@dataclass(repr=False)
class SearchResult:
    """The trials of a search in the order in which they finished.

    Attributes:
        steps: one for each.
        stopped: why it ended: "finished" (the searcher has no more) or "limit"; empty while it runs.
    """

    steps: list[FinishedTrial] = field(default_factory=list)
    stopped: str = ""
    _reached: dict[str, tuple[Any, float]] = field(default_factory=dict, repr=False)  # architecture and epochs, by id

    def __repr__(self) -> str:
        best = "no success" if self.best is None else f"best {self.best[1].value:.4g}"
        return named(self, f"{len(self.steps)} trials", best, f"{self.failures} failed", stopped=self.stopped)

    def _repr_html_(self) -> str:
        """The best networks, and what was spent."""
        ranked = self.ranked()
        rows = [
            (place, f"{score.value:.4f}", "" if score.budget is None else score.budget, trial.arch)
            for place, (trial, score) in enumerate(ranked[:_SHOWN], start=1)
        ]
        spent: dict[str, Any] = {"trials": len(self.steps), "failed": self.failures, "epochs": self.epochs or None}
        spent |= {"seconds": self.cost_seconds, "stopped": self.stopped or "it runs"}
        best = table(("", "value", "budget", "architecture"), rows, words=(3,))
        return card(f"Search: the best of {len(ranked)} networks", best, facts(spent))

    def add(self, trial: Trial[Any], score: Score, bracket: int | None = None) -> None:
        """Takes a finished trial in."""
        epochs = self.epochs_of(trial, score)
        self._reached[trial.id] = trial.arch, self._before(trial) + epochs
        best = self.best
        if score.ok and (best is None or _rank(score) > _rank(best[1])):
            best = trial, score
        self.steps.append(
            FinishedTrial(trial, score, self.cost_seconds + score.cost_seconds, self.epochs + epochs, best, bracket)
        )

    def epochs_of(self, trial: Trial[Any], score: Score | None = None) -> float:
        """Budget that a trial takes beyond that of the trial that it resumes."""
        budget = trial.budget if score is None or score.budget is None else score.budget
        return max(0.0, (budget or 0.0) - self._before(trial))

    def _before(self, trial: Trial[Any]) -> float:
        """Epochs of the trial that is resumed; an heir of another architecture has none yet."""
        arch, epochs = self._reached.get(trial.resume or "", (None, 0.0))
        return epochs if arch == trial.arch else 0.0

    @property
    def best(self) -> tuple[Trial[Any], Score] | None:
        return self.steps[-1].best if self.steps else None

    @property
    def ties(self) -> list[tuple[Trial[Any], Score]]:
        """All that are as good as the best, itself first: of the same budget and value. One entry means no tie."""
        return [] if self.best is None else [pair for pair in self.ranked() if _rank(pair[1]) == _rank(self.best[1])]

    @property
    def cost_seconds(self) -> float:
        return self.steps[-1].cost_seconds if self.steps else 0.0

    @property
    def epochs(self) -> float:
        return self.steps[-1].epochs if self.steps else 0.0

    @property
    def failures(self) -> int:
        return sum(not step.score.ok for step in self.steps)

    @property
    def history(self) -> list[tuple[Trial[Any], Score]]:
        """All trials with their scores, as `Estimator.fit` takes them."""
        return [(step.trial, step.score) for step in self.steps]

    def ranked(self) -> list[tuple[Trial[Any], Score]]:
        """Candidates from the best down: each with its largest budget, larger budgets first."""
        own = {step.trial.id: step.trial.arch for step in self.steps}
        last = {t.resume for t, s in self.history if s.ok and t.resume and own.get(t.resume) == t.arch}
        found = [(t, s) for t, s in self.history if s.ok and t.id not in last]
        return sorted(found, key=lambda pair: _rank(pair[1]), reverse=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a search may spend; what is None does not count. A trial that was begun is finished.

    Attributes:
        trials: finished trials; each rung counts.
        seconds: on the clock, of this call alone.
        cost_seconds: sum of `Score.cost_seconds`.
        epochs: in the unit of budgets; kept exactly, as no trial is begun that would exceed it.
    """

    trials: int | None = None
    seconds: float | None = None
    cost_seconds: float | None = None
    epochs: float | None = None

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None and f.name == "trials":
                check_counts("a limit of ", trials=value)
            elif value is not None:
                check_numbers("a limit of ", above=0, **{f.name: value})

    def allows(self, trial: Trial[Any], result: SearchResult, running: list[Trial[Any]], seconds: float) -> bool:
        """Whether a trial may begin while others run."""
        trials, epochs = len(result.steps) + len(running), result.epochs + sum(map(result.epochs_of, [*running, trial]))
        return (
            (self.trials is None or trials < self.trials)
            and (self.seconds is None or seconds < self.seconds)
            and (self.cost_seconds is None or result.cost_seconds < self.cost_seconds)
            and (self.epochs is None or epochs <= self.epochs + 1e-9)
        )

    def left(self, result: SearchResult, seconds: float) -> str:
        """What may still be spent, in words."""
        spent = {"epochs": result.epochs, "cost_seconds": result.cost_seconds, "seconds": seconds}
        spent["trials"] = len(result.steps)
        left = {name: limit - spent[name] for name in spent if (limit := getattr(self, name)) is not None}
        return ", ".join(f"{max(0.0, value):.4g} {name.replace('_', ' ')}" for name, value in left.items())


def _rank(score: Score) -> tuple[float, float]:
    """Larger budgets first; of one budget, the highest value."""
    return score.budget or 0.0, score.value
