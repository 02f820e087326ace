"""Members are drawn and captured in other processes: the same ones, with less to do here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from function_spaces import SHAPE, chain
from lightning_fabric import Fabric
from toy_models import NET

from ghn.nets import GHN, GHNConfig
from ghn.spaces import FunctionSpace
from ghn.spaces.ahead import Ahead
from ghn.tasks import ImageTask
from ghn.train.loop import Loop
from ghn.train.meta import ArchitectureSampler, MetaConfig, MetaStep

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes are forked on Linux alone")


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghn.spaces.ahead._free_cores", lambda: 1)


def test_what_was_begun_needs_no_build_and_no_capture_here(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, space = (FunctionSpace(chain(9), SHAPE, 4) for _ in range(2))
    sampler = ArchitectureSampler(space, "auto", 3)
    sampler.look_ahead(5, 4)
    here = []
    monkeypatch.setattr("ghn.spaces.captures.capture", lambda *_: here.append(1))
    monkeypatch.setattr(space._questions, "_run", lambda *_: here.append(1))
    drawn = sampler(5, 4)
    assert drawn == ArchitectureSampler(plain, "auto", 3)(5, 4)
    networks = [space.network(arch) for arch in drawn]
    assert not here and all(network.graph.output_shape == (4,) for network in networks)


def test_training_is_the_same(toy_task: ImageTask, fabric: Fabric, tmp_path: Path, monkeypatch: Any) -> None:
    def trained(folder: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        config = MetaConfig(steps=3, architectures=2, images=8, warmup=1)
        space = FunctionSpace(chain(9), SHAPE, 4)
        step = MetaStep(GHN(GHNConfig(4, **NET)), space, toy_task, config, fabric)
        return Loop(step, config, fabric, tmp_path / folder).run(progress=False).state_dict()

    ahead = trained("ahead")
    monkeypatch.setattr("ghn.spaces.ahead._free_cores", lambda: 0)
    alone = trained("alone")
    assert all(torch.equal(ahead[name], alone[name]) for name in alone)


def test_a_worker_that_dies_is_done_without() -> None:
    ahead = Ahead(lambda key, n: (os.kill(os.getpid(), signal.SIGKILL), time.sleep(60)))
    ahead.prepare("a", 1)
    assert ahead.take("a") is None and ahead.take("never begun") is None
    again = Ahead(lambda key, n: key * n)
    again.prepare("b", 3)
    again.prepare("b", 3)
    assert again.take("b") == "bbb"
