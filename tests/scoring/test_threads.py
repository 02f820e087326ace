"""The engine chooses its CPU threads, and leaves PyTorch's as it found them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from toy_models import SAMPLE, cells, toy_net

from ghn.scoring.engine import WeightedEstimator
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.train.runtime import make_runtime
from ghn.types import Trial

FOUND = 3  # threads that were set before, whatever the machine has


@pytest.fixture(autouse=True)
def found() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(FOUND)
    yield
    torch.set_num_threads(before)


class Watched:
    """A read-out that keeps how many threads it ran on."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.passes, self.threads = inner, inner.passes, list[int]()

    def __call__(self, network: Any, weights: Any) -> Any:
        self.threads.append(torch.get_num_threads())
        return self.inner(network, weights)


def engine(task: ImageTask, threads: int | None = None, **space: int) -> tuple[WeightedEstimator, Watched]:
    runtime = make_runtime("cpu", threads=threads)
    torch.set_num_threads(FOUND)
    of = NASBench201((3, 8, 8), 4, **{"width": 4, "depth": 1, **space})
    made = WeightedEstimator(toy_net().eval(), of, task, runtime, sample=SAMPLE, block=2)
    watched = Watched(made.readout)
    made.readout = watched
    return made, watched


TRIALS = [Trial(str(i), arch) for i, arch in enumerate(cells(6))]


def test_small_networks_run_on_one_thread_and_the_setting_is_restored(toy_task: ImageTask) -> None:
    one, watched = engine(toy_task)
    assert one.threads == 1 and torch.get_num_threads() == FOUND
    assert all(score.ok for score in one.score(TRIALS))
    assert set(watched.threads) == {1} and torch.get_num_threads() == FOUND


def test_a_number_that_was_asked_for_is_obeyed(toy_task: ImageTask) -> None:
    two, watched = engine(toy_task, threads=2)
    two.score(TRIALS)
    assert two.threads == 2 and set(watched.threads) == {2} and torch.get_num_threads() == FOUND


def test_wide_networks_run_on_the_threads_that_are_there(toy_task: ImageTask) -> None:
    wide, _ = engine(toy_task, width=256)
    assert wide.threads == FOUND


def test_the_setting_is_restored_after_errors_and_while_a_stream_waits(toy_task: ImageTask) -> None:
    one, watched = engine(toy_task)
    stream = one.stream(TRIALS)
    next(stream)
    assert watched.threads and torch.get_num_threads() == FOUND  # whether or not the stream is ever taken up again

    def broken(network: Any, weights: Any) -> Any:
        raise KeyboardInterrupt

    one.readout = broken  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        one.score(TRIALS)
    assert torch.get_num_threads() == FOUND
