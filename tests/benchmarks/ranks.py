"""One training by one process and by two ranks of torchrun: what a step takes, and how far the weights are apart."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from ghn.nets import GHN, GHNConfig
from ghn.spaces import NASBench201
from ghn.tasks import make_task
from ghn.train.checkpoint import load_tensors
from ghn.train.loop import STATE, Loop
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.runtime import make_runtime
from tests.benchmarks.measure import Figure

RUNS = {"one": (1, 1), "two": (2, 2), "one, then two": (1, 2), "two, then one": (2, 1)}  # ranks of the two halves


def sharing(steps: int, device: str) -> list[Figure]:
    """Trains each of `RUNS` for so many steps, by the gradient alone: AdamW's first steps make noise of rounding."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, ranks in RUNS.items():
            for many, until in zip(ranks, (steps // 2, steps), strict=True):
                torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={many}"]
                command = [
                    sys.executable,
                    "-W",
                    "ignore",
                    *(torchrun if many > 1 else []),
                    "-m",
                    "tests.benchmarks.ranks",
                ]
                environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
                subprocess.run(
                    [*command, f"{folder}/{name}", str(until), str(steps), device], env=environment, check=True
                )
            if len(set(ranks)) == 1:
                seconds = [float(line) for line in Path(folder, name, "seconds").read_text().split()]
                figures.append(Figure.of(f"training step, ranks: {ranks[0]}", "s", seconds))
        first, *others = (load_tensors(Path(folder, name, STATE), "training state")[0] for name in RUNS)
        models = [key for key in first if key.startswith("model/")]
        for name, state in zip(list(RUNS)[1:], others, strict=True):
            apart = max(float((first[key] - state[key]).abs().max()) for key in models)
            figures.append(Figure.of(f"greatest difference of a weight from one process: {name}", "", [apart]))
        begun = make_net().state_dict()
        moved = max(float((first[key] - begun[key.removeprefix("model/")]).abs().max()) for key in models)
        figures.append(Figure.of(f"greatest change of a weight in {steps} steps", "", [moved]))
    return figures


def make_net() -> GHN:
    """Always the same."""
    torch.manual_seed(0)
    return GHN(GHNConfig(classes=10))


def main(folder: str, until: int, steps: int, device: str) -> None:
    """Takes a training in a folder up to some step, on the ranks that there are."""
    fabric, task = make_runtime(device, threads=1, rank_timeout=120), make_task("cifar10_embedded")
    config = MetaConfig(steps=steps, architectures=8, images=32, warmup=1, optimizer="sgd", sampling="uniform")
    step = MetaStep(make_net(), NASBench201((3, 16, 16), 10, width=8, depth=1), task, config, fabric)
    loop = Loop(step, config, fabric, folder, resume=(Path(folder) / STATE).exists())
    seconds = []
    while loop.done < until:
        begun = time.perf_counter()
        loop.advance()
        seconds.append(time.perf_counter() - begun)
    loop.save()
    if fabric.ranks.is_first:
        with (Path(folder) / "seconds").open("a") as file:
            file.writelines(f"{one}\n" for one in seconds[1:])
    fabric.ranks.leave()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
