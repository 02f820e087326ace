"""A searcher that has a cheap estimator choose among more proposals than it hands on."""

from __future__ import annotations

from typing import Generic

from ghn.errors import ConfigError
from ghn.scoring.guard import Patience
from ghn.search.basic import Awaited
from ghn.types import Arch, Estimator, Inherits, Score, Searcher, Trial, least_references


class Screened(Generic[Arch]):
    """Of `factor` proposals for each trial, hands on the one that a cheap estimator likes best.

    This is how a surrogate or a hypernetwork's score is plugged into a search: around random search or evolution, and
    within the schedulers, as `SuccessiveHalving(Screened(RandomSearch(space), estimator, factor=64), ...)`. The inner
    searcher is told a failure for what was screened out, so that it is neither a parent nor awaited. When the history
    of a killed search is replayed, proposals are screened again.

    Args:
        searcher: proposes.
        estimator: cheap; judges proposals.
        factor: proposals for each trial, at least 2.
        refit: fit the estimator to the finished trials after every so many successes, once there are as many as it
            needs; None never does.

    Attributes:
        cost_seconds: spent on screening, which no trial's cost contains.

    Raises:
        ConfigError: factor or refit out of range.
        EstimatorError: from `ask`, when the estimator raises an error for one proposal after the other.
    """

    def __init__(
        self, searcher: Searcher[Arch], estimator: Estimator[Arch], factor: int, *, refit: int | None = None
    ) -> None:
        if factor < 2 or (refit is not None and refit < 1):
            raise ConfigError("screening needs a factor of at least 2, and refit of at least 1", got=(factor, refit))
        self.source = f"screened by: {estimator.source}"
        self._inner, self._estimator, self._factor, self._refit = searcher, estimator, factor, refit
        self._history: list[tuple[Trial[Arch], Score]] = []
        self._awaited, self._patience, self.cost_seconds = Awaited[Arch](), Patience(), 0.0
        self.identity = {
            "searcher": "screened",
            "factor": factor,
            "refit": refit,
            "estimator": estimator.identity,
            "inner": searcher.identity,
        }

    @property
    def inherits(self) -> bool:
        """As the searcher within."""
        return isinstance(self._inner, Inherits) and self._inner.inherits

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """The best `n` of `n * factor` proposals; of equal ones, and where the estimator fails, the earlier."""
        proposals = self._inner.ask(n * self._factor)
        scores = self._patience.judge(self._estimator, proposals)
        self.cost_seconds += sum(score.cost_seconds for score in scores)
        worth = [score.value if score.ok else float("-inf") for score in scores]
        chosen = set(sorted(range(len(proposals)), key=lambda i: -worth[i])[:n])
        for i, trial in enumerate(proposals):
            if i not in chosen:
                self._inner.tell(trial, Score.failed("screened out"))
        return [self._awaited.add(proposals[i]) for i in sorted(chosen)]

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Tells the inner searcher, and fits the estimator when it is time."""
        self._awaited.take(trial)
        self._inner.tell(trial, score)
        if score.ok and self._refit is not None:
            self._history.append((trial, score))
            if len(self._history) % self._refit == 0 and len(self._history) >= least_references(self._estimator):
                self._estimator.fit(self._history)
