"""Small runs of meta-training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import toy
from torch import Tensor

from ghn.lines import parse_lines
from ghn.nets import GHN, GHNConfig
from ghn.train.checkpoint import load_tensors
from ghn.train.loop import LOG, STATE, Loop
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.runtime import make_runtime

CONFIG = MetaConfig(
    steps=6,
    architectures=2,
    images=12,
    lr=1e-2,
    warmup=2,
    sampling="uniform",  # listing the functions of the space takes longer than training
    save_every=2,
    log_every=1,
    check_every=3,
)


def make_net(seed: int = 0, **config: Any) -> GHN:
    """A hypernetwork with a few thousand parameters."""
    torch.manual_seed(seed)
    return GHN(GHNConfig(classes=4, hidden=16, heads=2, layers=1, decoder_hidden=16, channels=8, **config))


def check(model: torch.nn.Module) -> dict[str, float | None]:
    """Any number that depends on all parameters."""
    return {"check/sum": float(sum(p.double().sum() for p in model.parameters())), "check/none": None}


def make_run(
    folder: Path | str, config: MetaConfig = CONFIG, *, resume: bool = False, kind: type[Loop] = Loop, **how: Any
) -> Loop:
    """The same training each time, but for what is given."""
    parts = {"model": make_net(), "space": toy.SPACE, "task": toy.make_task(), "fabric": make_runtime("cpu"), **how}
    return kind(MetaStep(config=config, **parts), config, parts["fabric"], folder, resume=resume, check=check)


def result(folder: Path | str) -> tuple[int, dict[str, Tensor], list[dict[str, Any]]]:
    """Step, tensors and log (without times) that a run left."""
    tensors, header = load_tensors(Path(folder) / STATE, "training state")
    log = [line.row for line in parse_lines((Path(folder) / LOG).read_bytes(), LOG, "a log")[0]]
    return header["card"]["step"], tensors, [{k: v for k, v in line.items() if k != "seconds"} for line in log]


def same(first: Path | str, second: Path | str) -> None:
    """Asserts that two runs left bitwise the same."""
    (step, tensors, log), (other_step, other_tensors, other_log) = result(first), result(second)
    assert step == other_step
    assert tensors.keys() == other_tensors.keys()
    assert [k for k in tensors if not torch.equal(tensors[k], other_tensors[k])] == []
    assert log == other_log
