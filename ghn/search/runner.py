"""Runs a search: asks, has trials judged, tells, and keeps all of it on disk."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ghn.disk import IN_PYTHON
from ghn.errors import ConfigError, EstimatorError, check_known
from ghn.scoring.guard import GIVE_UP_AFTER, Patience
from ghn.search.basic import as_raisable
from ghn.search.epochs import READINGS
from ghn.search.history import History
from ghn.search.result import Limit, SearchResult
from ghn.search.workers import Here, MakeEstimator, Processes, Workers, judge_trial, keep_busy, make_judge
from ghn.types import Bracketed, Estimator, Score, Searcher, Trial


def run_search(
    searcher: Searcher[Any],
    estimator: Estimator[Any] | MakeEstimator | Workers,
    *,
    limit: Limit | None = None,
    workers: int = 1,
    folder: Path | str | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
    epoch: str = "last",
    max_budget: float | None = None,
    progress: bool = True,
    give_up_after: int | None = GIVE_UP_AFTER,
) -> SearchResult:
    """Runs a searcher until it has no more trials or a limit is reached.

    What the estimator raises for a trial is that trial's failure, counted and told. A lack of memory or a broken device
    is no trial's fault and ends the run, which can be gone on with.

    With one worker, a run that was killed and resumed gives the trials of one that was not. With several, trials come
    back in the order in which they finish.

    Args:
        searcher: a new one; with `resume` it is brought to where the history ends.
        estimator: judges the trials; or a function without arguments that makes one, which several workers need, as
            each makes its own; or workers (`Simulated`).
        limit: what may be spent; without one, the searcher has to end.
        workers: processes that judge trials at once; 1 is this process.
        folder: for `history.jsonl`; None keeps nothing on disk.
        resume: go on with the history in `folder`, where there is one.
        identity: JSON-able; what the scores depend on. By default the estimator's own `identity`.
        epoch: by which a trial is judged: `last`, or the `best` validation accuracy of its curve.
        max_budget: raises the largest budget of a scheduler, which is given as it was begun: the best climb on.
        progress: whether to show a line with the best so far, spent and left.
        give_up_after: so many trials in a row for which the estimator raised an error end the run, and are not kept;
            None never does.

    Returns:
        All trials, those before a resumption included.

    Raises:
        ExistsError: `folder` holds a search, and `resume` is false.
        DataError: its history is damaged, or of a search with other settings.
        ConfigError: several workers, and no function that makes an estimator for each; a budget that cannot be raised
            so; the best epoch of trials without a curve.
        EstimatorError: the estimator raised an error for one trial after the other.
        TrainingError: a worker process died.
        KeyboardInterrupt: with a note how to go on, as all errors have; finished trials are kept.
    """
    if not isinstance(searcher, Searcher):
        expected = "an object with `source`, `identity`, `ask` and `tell`, such as make_searcher makes"
        raise ConfigError("what chooses the trials is no searcher", got=type(searcher).__name__, expected=expected)
    if limit is not None and not isinstance(limit, Limit):
        raise ConfigError("no limit of a search", got=limit, expected="such as Limit(trials=20)")
    crew, about = _crew(estimator, workers, identity if folder is not None else {})
    check_known("epoch by which a trial is judged", epoch, READINGS)
    depends = {"searcher": searcher.identity, "estimator": about} | ({} if epoch == "last" else {"epoch": epoch})
    history = History(folder, depends, resume=resume)
    limit = limit or Limit()
    bar = tqdm(total=limit.trials, desc="search", unit="trial", disable=not progress)
    run = _Run(searcher, crew, history, limit, Patience(give_up_after), bar, READINGS[epoch])
    try:
        run.take_up(max_budget)
        run.loop()
    finally:
        run.bar.close()
        history.close()
    return run.result


@dataclass
class _Run:
    """The state of a running search."""

    searcher: Searcher[Any]
    crew: Workers
    history: History
    limit: Limit
    patience: Patience
    bar: tqdm[Any]
    read: Callable[[Score], Score]  # of an estimator, as the search takes it
    result: SearchResult = field(default_factory=SearchResult)
    limited: bool = False
    trials: dict[str, Trial[Any]] = field(default_factory=dict)  # all that were proposed, by id
    waiting: list[Trial[Any]] = field(default_factory=list)  # proposed, not begun
    running: dict[str, Trial[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.crew.now()

    def take_up(self, max_budget: float | None) -> None:
        """Brings everything to where the history ends, and raises the largest budget, unless that was done before."""
        told, self.waiting = self.history.replay(self.searcher)
        for trial, score in told:
            self.result.add(trial, score, self._bracket_of(trial))
        self.trials = {trial.id: trial for trial in (*(t for t, _ in told), *self.waiting)}
        self.bar.initial = self.bar.n = len(told)
        if max_budget is not None and max_budget != (searcher := as_raisable(self.searcher)).max_budget:
            searcher.raise_budget(max_budget)
            self.history.raised(max_budget)

    def _bracket_of(self, trial: Trial[Any]) -> int | None:
        return self.searcher.bracket_of(trial) if isinstance(self.searcher, Bracketed) else None

    def loop(self) -> None:
        """Asks as long as a worker is free, and tells what has finished."""
        try:
            keep_busy(self.crew, self._begin, self._tell)
        except BaseException as error:
            finished = len(self.result.steps)
            if isinstance(error, EstimatorError):
                self.history.drop_held()
                finished -= self.patience.in_a_row
            where = self.history.path
            kept = f"kept in {where}; {IN_PYTHON}" if where else "not kept: no folder was given"
            error.add_note(f"{finished} finished trials are {kept}")
            raise
        self.result.stopped = "limit" if self.limited else "finished"

    def _begin(self) -> tuple[Trial[Any], Trial[Any] | None] | None:
        """A trial that may begin; one beyond the limit stays in `waiting`, for a run with a larger one."""
        if not self.waiting and self._may_begin(Trial("", None)):  # where nothing may, nothing is proposed
            self.waiting = self.searcher.ask(1)
            for trial in self.waiting:
                self.history.asked(trial, self._bracket_of(trial))
                self.trials[trial.id] = trial
        if not self.waiting or not self._may_begin(self.waiting[0]):
            return None
        trial = self.waiting.pop(0)
        self.running[trial.id] = trial
        return trial, self.trials.get(trial.resume or "")

    def _may_begin(self, trial: Trial[Any]) -> bool:
        allowed = self.limit.allows(trial, self.result, list(self.running.values()), self._seconds)
        self.limited = not allowed
        return allowed

    @property
    def _seconds(self) -> float:
        return self.crew.now() - self.started

    def _tell(self, trial: Trial[Any], score: Score) -> None:
        del self.running[trial.id]
        score = self.read(score)
        self.history.told(trial, score, hold=self.patience.holds(score))
        self.searcher.tell(trial, score)
        self.result.add(trial, score, self._bracket_of(trial))
        if not self.bar.disable:
            self.bar.set_postfix_str(self._line(), refresh=False)
        self.bar.update()
        self.patience.note(trial, score)

    def _line(self) -> str:
        result, parts = self.result, []
        if result.best is not None:
            trial, score = result.best
            parts.append(f"best {score.value:.4f} ({trial.id})")
        parts.append(f"spent {result.epochs:.4g} epochs, {result.cost_seconds:.4g} s")
        if left := self.limit.left(result, self._seconds):
            parts.append(f"left {left}")
        if result.failures:
            parts.append(f"failed {result.failures}")
        return ", ".join(parts)


def _crew(
    estimator: Estimator[Any] | MakeEstimator | Workers, workers: int, identity: Mapping[str, Any] | None
) -> tuple[Workers, dict[str, Any]]:
    """The workers, and what their scores depend on."""
    if workers < 1:
        raise ConfigError("a search needs at least one worker", got=workers)
    if isinstance(estimator, Workers):
        return estimator, dict(identity or {})
    if isinstance(estimator, Estimator) and not isinstance(estimator, type):  # a class makes estimators
        if workers > 1:
            raise ConfigError(
                f"{workers} workers need an estimator each",
                got=type(estimator).__name__,
                expected="a function without arguments that makes one, such as functools.partial(make, options)",
            )
        return Here(partial(judge_trial, estimator)), dict(estimator.identity if identity is None else identity)
    if not callable(estimator):
        raise ConfigError(
            "what judges the trials is no estimator",
            got=type(estimator).__name__,
            expected="an object with `source`, `identity`, `fit`, `score` and `cost`, or a function that makes one",
            fix="docs/scoring.md tells what an estimator of your own needs",
        )
    if workers == 1:
        return _crew(estimator(), 1, identity)
    try:
        pickle.dumps(estimator)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            "what makes the estimators cannot be sent to other processes",
            got=str(error),
            expected="a function of a module, or a functools.partial of one with plain arguments",
        ) from None
    crew = Processes(partial(make_judge, estimator), workers)
    return crew, dict(estimator().identity if identity is None else identity)
