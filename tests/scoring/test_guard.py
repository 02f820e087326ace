"""What an estimator raises for one candidate costs one candidate; what is no candidate's fault goes through."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from doubles import Double

from ghn.errors import ConfigError, EstimatorError, TrainingError
from ghn.scoring.guard import Patience, ends_the_run, judge, judge_stream, was_raised
from ghn.types import Score, Trial

TRIALS = [Trial(str(i), i) for i in range(10)]


class Raising(Double):
    """Raises for some architectures, whatever it is asked beside them; counts how often it is asked for each."""

    def __init__(self, bad: Sequence[int] = (), error: BaseException | None = None) -> None:
        self.bad, self.error = set(bad), error or ValueError("no such operation: fft")
        self.asked: list[int] = []

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        self.asked += [trial.arch for trial in trials]
        if self.bad & {trial.arch for trial in trials}:
            raise self.error
        return [Score(trial.arch / 2) for trial in trials]


class Streaming(Raising):
    """Gives blocks of four."""

    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        for start in range(0, len(trials), 4):
            block = trials[start : start + 4]
            yield from zip(block, self.score(block), strict=True)


class Together(Raising):
    """Says how far each trial is above the mean of those that it is asked about."""

    together = True

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        mean = sum(trial.arch for trial in trials) / max(1, len(trials))
        return [Score(score.value * 2 - mean) for score in super().score(trials)]


def expected(bad: Sequence[int]) -> list[float | None]:
    return [None if i in bad else i / 2 for i in range(10)]


def values(scores: Sequence[Score]) -> list[float | None]:
    return [score.value if score.ok else None for score in scores]


@pytest.mark.parametrize("kind", [Raising, Streaming])
@pytest.mark.parametrize("bad", [[], [0], [3], [9], [2, 3, 7]])
def test_one_bad_candidate_costs_one_candidate(kind: type[Raising], bad: list[int]) -> None:
    assert values(judge(kind(bad), TRIALS)) == expected(bad)
    found = list(judge_stream(kind(bad), TRIALS))
    assert [trial for trial, _ in found] == TRIALS and values([score for _, score in found]) == expected(bad)
    for i in bad:
        score = found[i][1]
        assert was_raised(score) and score.error == "ValueError: no such operation: fft"
        assert "test_guard.py" in score.extra["raised"] and "ValueError" in score.extra["raised"]


def test_after_a_bad_one_the_others_go_on_in_blocks() -> None:
    estimator = Streaming([1])
    found = list(judge_stream(estimator, TRIALS))
    assert values([score for _, score in found]) == expected([1])
    assert estimator.asked == [0, 1, 2, 3, 0, 1, *range(2, 10)]  # a block in vain, two alone, and the rest in blocks


def test_what_is_judged_together_is_judged_together_without_the_bad_one() -> None:
    scores = [score for _, score in judge_stream(Together([3]), TRIALS)]
    good = [i for i in range(10) if i != 3]
    assert (
        values(scores)
        == [None if i == 3 else i - sum(good) / 9 for i in range(10)]
        == values(judge(Together([3]), TRIALS))
    )
    with pytest.raises(ValueError, match="fft"):  # nobody's in particular
        judge(Together(range(10)), TRIALS)


class Own(Exception):
    """An error of the user's own."""


@pytest.mark.parametrize(
    "error",
    [
        Own("mine"),
        ConfigError("no such budget"),
        TrainingError("not finite"),
        RuntimeError("shapes do not fit"),
        KeyError(),
    ],
    ids=repr,
)
def test_whatever_a_candidate_may_be_to_blame_for_is_its_failure(error: Exception) -> None:
    (score,) = judge(Raising([5], error), [TRIALS[5]])
    assert was_raised(score) and str(error) in str(score.error) and not ends_the_run(error)


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SystemExit(1),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700),
        RuntimeError("HIP out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("cuBLAS: CUBLAS_STATUS_NOT_INITIALIZED when calling cublasCreate(handle)"),
        OSError(errno.ENOSPC, "No space left on device"),
        caused(TrainingError("the training broke off"), torch.OutOfMemoryError("CUDA out of memory")),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", [Raising, Streaming, Together])
def test_what_is_no_candidates_fault_goes_through(kind: type[Raising], error: BaseException) -> None:
    for ask in (judge, lambda *given: list(judge_stream(*given))):
        with pytest.raises(type(error)) as caught:
            ask(kind([5], error), TRIALS)
        assert caught.value is error


class Answers(Double):
    """Answers as it was told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def score(self, trials: Sequence[Trial[Any]]) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "0 scores for 1 trials"),
        ([Score(1.0)] * 2, "2 scores for 1 trials"),
        ([0.5], "answers with a `Score`"),
        (None, "TypeError"),
        ([Score(0.5, extra={"loss": np.float32(1)})], "JSON-able"),
    ],
)
def test_an_answer_that_is_none_is_a_failure(answer: Any, message: str) -> None:
    (score,) = judge(Answers(answer), TRIALS[:1])
    assert was_raised(score) and message in str(score.error)


def test_numbers_of_other_libraries_become_plain() -> None:
    (score,) = judge(Answers([Score(np.float32(0.5), torch.tensor(2.0), std=np.float64(0.1))]), TRIALS[:1])  # type: ignore[arg-type]
    assert score == Score(0.5, 2.0, std=0.1)
    assert {type(number) for number in (score.value, score.cost_seconds, score.std)} == {float}


def test_patience_ends_with_a_row_of_raised_failures_only() -> None:
    patience, raised = Patience(3), judge(Raising([1]), TRIALS[1:2])[0]
    for score in (raised, raised, Score(0.5), raised, raised, Score.failed("it is not in the table"), raised, raised):
        patience.note(TRIALS[1], score)
    with pytest.raises(EstimatorError, match=r"3 candidates in a row(.|\n)*1: ValueError: no such operation"):
        patience.note(TRIALS[1], raised)
    endless = Patience(None)
    for _ in range(100):
        endless.note(TRIALS[1], raised)
    with pytest.raises(ConfigError, match="at least 1"):
        Patience(0)
