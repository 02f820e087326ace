"""The order that zero-cost proxies give raw NAS-Bench-201 cells, beside the published one.

`python -m tests.benchmarks.proxy_order [--n 300] [--live] [--out outputs/proxy_order]`: cells drawn uniformly from all
15,625, full skeleton, CIFAR-10 at 32x32, random weights; Spearman's correlation with the published accuracies. Scores
are kept as they come: run again after a kill, it goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np
import torch

from ghn.analysis.correlation import rank
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.score_files import score_to_file
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.published import read_analog_nasbench
from ghn.tasks import make_task
from ghn.train.runtime import make_runtime
from ghn.types import Score, Trial

# Source: Krishnakumar et al., "NAS-Bench-Suite-Zero", NeurIPS 2022, figure 2, NAS-Bench-201 on CIFAR-10
PUBLISHED = {
    "params": 0.72,
    "flops": 0.69,
    "zen": 0.35,
    "naswot": 0.77,
    "jacob_cov": 0.75,
    "synflow": 0.73,
    "grad_norm": 0.58,
    "snip": 0.58,
    "fisher": 0.50,
    "grasp": 0.51,
}
STEP = 20  # cells between two printed tables


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.proxy_order", description=__doc__)
    parser.add_argument("--n", type=int, default=300, help="raw cells")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of cells")
    parser.add_argument("--width", type=int, default=16, help="channels of the first stage")
    parser.add_argument("--depth", type=int, default=5, help="cells a stage")
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--batch", type=int, default=64, help="training images")
    parser.add_argument("--live", action="store_true", help="judge the live part of each cell only")
    parser.add_argument("--only", nargs="+", choices=ZERO_COST, default=list(PUBLISHED), help="proxies")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("outputs/proxy_order"), help="folder of the scores")
    return parser.parse_args()


def table(scores: dict[str, list[Score]], truth: np.ndarray) -> dict[str, dict[str, float | int | None]]:
    """Spearman's correlation with its interval, failures and seconds a cell, of each proxy."""
    rows: dict[str, dict[str, float | int | None]] = {}
    for name, found in scores.items():
        ranking = rank([s.value for s in found], truth[: len(found)])
        spearman = ranking["spearman"]
        rows[name] = {
            "spearman": spearman.value,
            "low": spearman.low,
            "high": spearman.high,
            "published": PUBLISHED.get(name),
            "n": ranking.n,
            "failed": ranking.failed,
            "seconds": float(np.median([s.cost_seconds for s in found])),
        }
    return rows


def show(rows: dict[str, dict[str, float | int | None]]) -> None:
    """Prints the table."""
    print(f"{'proxy':<10} {'Spearman':>8}  {'95 %':<14} {'published':>9} {'n':>4} {'failed':>6} {'s a cell':>8}")
    for name, r in rows.items():
        published = "-" if r["published"] is None else f"{r['published']:.2f}"
        interval = f"{r['low']:.3f} to {r['high']:.3f}"
        print(
            f"{name:<10} {r['spearman']:>8.3f}  {interval:<14} {published:>9} {r['n']:>4} {r['failed']:>6} "
            f"{r['seconds']:>8.2f}",
            flush=True,
        )


def main() -> None:
    """Scores the cells and prints the table, each time that so many more are done."""
    a = arguments()
    torch.set_num_threads(1)
    space = NASBench201((3, a.size, a.size), 10, width=a.width, depth=a.depth)
    task, fabric = make_task("cifar10", size=a.size), make_runtime(a.device)
    rng = Random(a.seed)
    cells = list(dict.fromkeys(space.sample(rng) for _ in range(4 * a.n)))[: a.n]
    published = read_analog_nasbench().value("test_accuracy")
    truth = np.array([published[space.format(cell)] for cell in cells])
    trials = [Trial(space.format(cell), cell) for cell in cells]
    engines = {name: make_zero_cost(name, space, task, fabric, batch=a.batch, live=a.live, block=4) for name in a.only}
    part = f"{'live' if a.live else 'raw'}-{a.width}x{a.depth}-{a.size}px-seed{a.seed}-batch{a.batch}"
    for upto in range(STEP, a.n + STEP, STEP):
        scores = {
            name: score_to_file(
                engine, trials[:upto], a.out / part / f"{name}.jsonl", engine.identity, label=f"{name}, {upto}"
            )
            for name, engine in engines.items()
        }
        rows = table(scores, truth)
        show(rows)
        (a.out / part / "order.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
