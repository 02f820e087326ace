"""What an estimator raises for one candidate is that candidate's failure: counted, with its reason, and no more.

Whoever runs an estimator - a search, a ladder, a survey, a file of scores, a table of references - asks it through
here, so that one bad candidate costs one candidate. What is no candidate's fault goes through: Ctrl-C, a lack of memory
or of disk, a broken device. Where one candidate after the other fails, none is to blame either: `Patience` then ends
the run.
"""

from __future__ import annotations

import errno
import json
import math
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ghn.errors import ConfigError, EstimatorError, GhnError, WriteError
from ghn.files import JsonLines
from ghn.types import Estimator, JudgesTogether, Score, Streams, Trial

RAISED = "raised"  # key of `Score.extra`: which exception came, and from where
GIVE_UP_AFTER = 20  # failures of this kind in a row that end a run
NUMBERS, PLAIN = ("value", "cost_seconds", "budget", "std"), (float, int, type(None))
SHOWN = 3  # reasons in the error that says so

FATAL = (MemoryError, WriteError, torch.OutOfMemoryError, torch.AcceleratorError)
# RuntimeErrors by which PyTorch says the same
FATAL_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cuda error",
    "hip error",
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",
    "device-side assert",
    "no kernel image is available",
)
FATAL_ERRNO = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM}


def ends_the_run(error: BaseException) -> bool:
    """Whether an error is no candidate's fault: it comes from the user, the memory, the disk or the device."""
    if not isinstance(error, Exception) or isinstance(error, FATAL):
        return True
    if isinstance(error, OSError) and error.errno in FATAL_ERRNO:
        return True
    if isinstance(error, RuntimeError) and any(word in str(error).lower() for word in FATAL_WORDS):
        return True
    return error.__cause__ is not None and ends_the_run(error.__cause__)


def failure_of(error: Exception, seconds: float = 0.0) -> Score:
    """The counted failure of a candidate for which an error was raised, `seconds` after it was begun; an error that
    ends the run is raised again.
    """
    if ends_the_run(error):
        raise error
    kind, frames = type(error).__name__, traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name}" if frames else ""
    reason = str(error) if isinstance(error, GhnError) else f"{kind}: {error}".rstrip(": ")
    return Score(math.nan, seconds, error=reason, extra={RAISED: kind + where})


def refused(error: GhnError, seconds: float = 0.0) -> Score:
    """The counted failure of a candidate that its estimator refuses, and says why; raises what ends the run."""
    if ends_the_run(error):
        raise error
    return Score.failed(str(error), seconds)


def was_raised(score: Score) -> bool:
    """Whether a failure was raised, and not returned by an estimator that knew what it did."""
    return not score.ok and RAISED in score.extra


def judge(estimator: Estimator[Any], trials: Sequence[Trial[Any]]) -> list[Score]:
    """Scores a block of trials; where it raises, one after the other, and what one raises is its failure.

    Raises:
        Exception: what ends the run (`ends_the_run`), or came from an estimator that judges trials together and for
            none of them in particular.
    """
    together = judges_together(estimator)
    if len(trials) > 1 or together:
        try:
            return _checked(estimator.score(trials), len(trials))
        except Exception as error:
            if ends_the_run(error):
                raise
            if together:
                return _without_bad(estimator, trials, error)
    return [_judge_one(estimator, trial) for trial in trials]


def judge_stream(estimator: Estimator[Any], trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
    """Each trial, of a unique id, with its score, as they come; in blocks of its own where the estimator streams, else
    one by one. An estimator that judges trials together is asked once about all of them.

    Raises:
        Exception: as `judge`.
    """
    if judges_together(estimator):
        yield from zip(trials, judge(estimator, trials), strict=True)
        return
    left, streams = list(trials), isinstance(estimator, Streams)
    while left:
        if isinstance(estimator, Streams):
            given = set()
            try:
                for trial, score in estimator.stream(left):
                    given.add(trial.id)
                    yield trial, _plain(score)
                return
            except Exception as error:
                if ends_the_run(error):
                    raise
            left = [trial for trial in left if trial.id not in given]
        while left:  # of a stream, until the one is found for which it raised; the others go on in blocks
            trial = left.pop(0)
            score = _judge_one(estimator, trial)
            yield trial, score
            if streams and was_raised(score):
                break


def judges_together(estimator: Estimator[Any]) -> bool:
    """Whether a score of an estimator depends on the other trials of its call."""
    return isinstance(estimator, JudgesTogether) and estimator.together


class Patience:
    """Ends a run in which one candidate after the other raises: then something else is wrong.

    Args:
        give_up_after: failures in a row that were raised; None never gives up.
    """

    def __init__(self, give_up_after: int | None = GIVE_UP_AFTER) -> None:
        if give_up_after is not None and give_up_after < 1:
            raise ConfigError("failures in a row that end a run", got=give_up_after, expected="at least 1, or null")
        self.give_up_after = give_up_after
        self._reasons: list[str] = []

    @property
    def in_a_row(self) -> int:
        """Failures since the last answer."""
        return len(self._reasons)

    def holds(self, score: Score) -> bool:
        """Whether a score may yet prove to be no candidate's fault; files keep it back until then."""
        return self.give_up_after is not None and was_raised(score)

    def judge(self, estimator: Estimator[Any], trials: Sequence[Trial[Any]]) -> list[Score]:
        """Scores a block of trials, and takes each score into account; raises as `judge` and `note`."""
        scores = judge(estimator, trials)
        for trial, score in zip(trials, scores, strict=True):
            self.note(trial, score)
        return scores

    def write(self, lines: JsonLines, row: Mapping[str, Any], trial: Trial[Any], score: Score) -> None:
        """Writes the row of a score and takes the score into account; a row of failures that ends the run is not kept.

        Raises:
            EstimatorError: too many in a row.
        """
        (lines.hold if self.holds(score) else lines.append)(row)
        try:
            self.note(trial, score)
        except EstimatorError:
            lines.drop_held()
            raise

    def reset(self) -> None:
        """Ends the row: there was an answer."""
        self._reasons.clear()

    def note(self, trial: Trial[Any], score: Score) -> None:
        """Takes a score into account; a success, or a failure that was returned, ends the row.

        Raises:
            EstimatorError: too many in a row.
        """
        if not was_raised(score):
            self.reset()
            return
        self._reasons.append(f"{trial.id}: {score.error} ({score.extra[RAISED]})")
        if len(self._reasons) == self.give_up_after:
            raise EstimatorError(
                f"the estimator raised an error for {len(self._reasons)} candidates in a row",
                got="\n            ".join(["the last ones:", *self._reasons[-SHOWN:]]),
                fix="mend the cause and go on where this run ended (resume): these candidates are then judged again; "
                "if they really are all bad, raise give_up_after",
            )


def _without_bad(estimator: Estimator[Any], trials: Sequence[Trial[Any]], error: Exception) -> list[Score]:
    """Scores trials together without those for which an estimator raises when they are alone."""
    alone = [_judge_one(estimator, trial) for trial in trials]
    good = [trial for trial, score in zip(trials, alone, strict=True) if not was_raised(score)]
    if len(good) in (0, len(trials)):
        raise error
    scores = iter(_checked(estimator.score(good), len(good)))
    return [score if was_raised(score) else next(scores) for score in alone]


def _judge_one(estimator: Estimator[Any], trial: Trial[Any]) -> Score:
    started = time.perf_counter()
    try:
        return _checked(estimator.score([trial]), 1)[0]
    except Exception as error:
        return failure_of(error, time.perf_counter() - started)


def _checked(scores: Sequence[Score], n: int) -> list[Score]:
    if len(scores) != n:
        raise EstimatorError("an estimator gives one score a trial", got=f"{len(scores)} scores for {n} trials")
    return [_plain(score) for score in scores]


def _plain(score: Score) -> Score:
    """The score with plain numbers; a failure where it cannot be written down."""
    if not isinstance(score, Score):
        return failure_of(EstimatorError("an estimator answers with a `Score`", got=score))
    # a number may be NumPy's or PyTorch's
    changed: dict[str, Any] = {n: float(x) for n in NUMBERS if type(x := getattr(score, n)) not in PLAIN}
    score = replace(score, **changed) if changed else score
    try:
        json.dumps(score.extra)
    except (TypeError, ValueError) as error:
        return failure_of(EstimatorError("`Score.extra` must be JSON-able", got=str(error)), score.cost_seconds)
    return score
