"""Bayesian search: which networks to train next, from what a surrogate expects of them and how sure it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ghn.errors import ConfigError, check_counts, check_known
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.search.acquisition import ACQUISITIONS
from ghn.search.basic import SpaceSearch
from ghn.search.observations import is_value
from ghn.search.surrogate import Surrogate
from ghn.types import Arch, Estimator, Score, Space, Trial


class BayesianSearch(SpaceSearch[Arch]):
    """Asks a `Surrogate` for the next batch, and tells it every score.

    The next batch is chosen when the last network of this one has been given out; what is still being trained counts
    with what is expected of it, so that no worker waits. A failed trial is not proposed again. It is finished when the
    surrogate finds nothing new.

    Source: White, Neiswanger & Savani, "BANANAS", AAAI 2021, algorithm 1 (a predictor of accuracies, candidates that
    are neighbours of the best and random ones, the best by acquisition trained as a batch); for the batch see
    `Surrogate`.

    Args:
        space: to search.
        seed: of all draws.
        judge: what expects values, as of `Surrogate`: one that reads a network, such as a hypernetwork's `combined`,
            which trainings correct, or one that learns from trainings alone; by default a Gaussian process on
            encodings. One that must learn first draws at random until it has.
        batch: networks chosen at once.
        first: networks drawn at random before anything is chosen.
        pool: candidates of each choice.
        by: one of `ACQUISITIONS`.
        budget: of every trial, in the estimator's unit; None for its default.

    Raises:
        ConfigError: a number out of range, or an unknown acquisition.
    """

    source = "White et al., BANANAS, AAAI 2021"

    def __init__(
        self,
        space: Space[Arch],
        seed: int = 0,
        *,
        judge: Estimator[Arch] | None = None,
        batch: int = 8,
        first: int = 0,
        pool: int = 256,
        by: str = "expected_improvement",
        budget: float | None = None,
    ) -> None:
        check_known("acquisition", by, ACQUISITIONS)
        check_counts("of a Bayesian search, ", batch=batch, pool=pool)
        check_counts("of a Bayesian search, ", least=0, first=first)
        if pool < batch:
            raise ConfigError(
                "a Bayesian search chooses batches of at least one network from a pool that has as many",
                got=f"batch={batch}, first={first}, pool={pool}",
            )
        judge = judge or SurrogateEstimator(space, model="gaussian_process", seed=seed)
        settings = {"batch": batch, "first": first, "pool": pool, "by": by}
        super().__init__("bayesian", space, seed, budget, judge=judge.identity, **settings)
        self.surrogate = Surrogate(judge, space, pool=pool, seed=seed)
        self._batch, self._first, self._by = batch, first, by
        self._queue, self._finished = deque[Arch](), False

    def narrow(self, allowed: Callable[[Arch], bool]) -> None:
        """Only networks that are `allowed` are candidates; the others are not even read."""
        self.surrogate.allowed = allowed

    def _next(self) -> Trial[Arch] | None:
        if not self._queue and not self._finished:
            self._queue.extend(self._choose())
            self._finished = not self._queue
        return self._trial(self._queue.popleft()) if self._queue else None

    def _choose(self) -> list[Arch]:
        """The next batch; the first one is drawn."""
        if not self._first:
            return self.surrogate.suggest(self._batch, by=self._by)
        drawn = self.surrogate.draw(self._first)
        self._first = 0
        return drawn

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        self.surrogate.observe(trial.arch, score.value if is_value(score.value) else None)
