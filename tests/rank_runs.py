"""Small trainings on several ranks: `torchrun --nproc-per-node=2 rank_runs.py FOLDER`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import toy
from meta_runs import CONFIG, make_run
from shared_cases import make_bank
from torch import Tensor

import ghn
from ghn.app.cli import told
from ghn.errors import RankError
from ghn.train.checkpoint import save_tensors
from ghn.train.launch import launched
from ghn.train.loop import Loop
from ghn.train.ranks import OneProcess, Ranks
from ghn.train.runtime import make_runtime

# of AdamW's, the steps of gradients that are 0 but for rounding, such as those of attention keys' biases, are noise
STRAIGHT = replace(CONFIG, optimizer="sgd", average=0.5)
CONFIGS = {"even": STRAIGHT, "uneven": replace(STRAIGHT, architectures=3), "bank": replace(STRAIGHT, steps=3)}


class Stopped(BaseException):
    """Stands for a kill."""


class Stopping(Loop):
    """Ends after four steps."""

    def advance(self) -> Tensor:
        if self.done == 4:
            raise Stopped
        return super().advance()


class Dying(Loop):
    """The second of two ranks is killed amidst the fourth step."""

    def advance(self) -> Tensor:
        if self.done == 3 and not self.ranks.is_first:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().advance()


def run_case(name: str, folder: Path, *, kind: type[Loop] = Loop, resume: bool = False, **how: Any) -> Loop:
    """One of `CONFIGS`, trained on as many ranks as the fabric has."""
    if name == "bank":
        how["model"] = make_bank()
    loop = make_run(folder, CONFIGS[name], resume=resume, kind=kind, **how)
    try:
        loop.run(progress=False)
    except Stopped:
        assert kind is Stopping
    return loop


def start_ranks(folder: Path) -> subprocess.Popen[str]:
    """Starts `main` on two ranks."""
    paths = {Path(__file__).parent, Path(toy.__file__).parent, Path(ghn.__file__).parents[1]}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, paths))}
    torchrun = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, __file__, str(folder)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def judge_patience(ranks: OneProcess, folder: Path) -> None:
    """What rank 0 does alone may take longer than a step may; a rank that is late for a step is given up."""
    launch = launched()
    assert launch and isinstance(ranks, Ranks)
    hasty = Ranks(launch, ranks.store, wait=0.5)
    told = hasty.first(lambda: time.sleep(1) or "rank 0 slept")
    (folder / f"alone-{ranks.rank}").write_text(told)
    time.sleep(1.5 * ranks.rank)
    try:
        hasty.add_up([], torch.zeros(1))
    except RankError as error:
        (folder / f"late-{ranks.rank}").write_text(str(error))


def main(folder: Path) -> None:
    """All cases, one after the other; the weights of the second rank are kept beside those of the first.

    At last that rank is killed.
    """
    fabric = make_runtime("cpu", threads=1, rank_timeout=60)
    for name in CONFIGS:
        loop = run_case(name, folder / name, fabric=fabric)
        if not fabric.ranks.is_first:
            save_tensors(folder / f"{name}-second.safetensors", "test", loop.step.model.state_dict(), {})
    run_case("uneven", folder / "two-then-one", kind=Stopping, fabric=fabric)
    run_case("uneven", folder / "one-then-two", resume=True, fabric=fabric)
    judge_patience(fabric.ranks, folder)
    with told("rank_runs.py", str(folder / "killed")):
        run_case("uneven", folder / "killed", kind=Dying, fabric=fabric)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
