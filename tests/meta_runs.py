"""Small runs of meta-training, in this process or, as `python meta_runs.py FOLDER`, in another."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import toy
from torch import Tensor

from ghn.nets import GHN, GHNConfig
from ghn.train.checkpoint import load_tensors
from ghn.train.meta import MetaConfig, MetaTrainer
from ghn.train.run import STATE
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


def make_trainer(folder: Path | str, config: MetaConfig = CONFIG, **how: Any) -> MetaTrainer:
    """The same trainer each time, but for what is given."""
    parts = {"model": make_net(), "space": toy.SPACE, "task": toy.make_task(), "fabric": make_runtime("cpu"), **how}
    return MetaTrainer(config=config, folder=folder, check=check, **parts)


def result(folder: Path | str) -> tuple[int, dict[str, Tensor], list[dict[str, Any]]]:
    """Step, tensors and log (without times) that a run left."""
    tensors, header = load_tensors(Path(folder) / STATE, "training state")
    log = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
    return header["card"]["step"], tensors, [{k: v for k, v in line.items() if k != "seconds"} for line in log]


def same(first: Path | str, second: Path | str) -> None:
    """Asserts that two runs left bitwise the same."""
    (step, tensors, log), (other_step, other_tensors, other_log) = result(first), result(second)
    assert step == other_step
    assert tensors.keys() == other_tensors.keys()
    assert [k for k in tensors if not torch.equal(tensors[k], other_tensors[k])] == []
    assert log == other_log


class Talking(MetaTrainer):
    """Says each step that it has done."""

    def train_step(self) -> Tensor:
        """Trains, then speaks."""
        losses = super().train_step()
        print(self.step, flush=True)
        return losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    how = {"model": make_net(), "space": toy.SPACE, "task": toy.make_task(), "fabric": make_runtime("cpu")}
    Talking(config=CONFIG, folder=sys.argv[1], check=check, **how).run(progress=False)
