"""`python -m tests.benchmarks [--json FILE] [--only graphs weights ...]`: prints every figure beside its target."""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from pathlib import Path

import torch

from ghn.train.runtime import DEVICES, PRECISIONS, make_runtime
from tests.benchmarks import (
    curves,
    floor,
    graphs,
    measure,
    ranks,
    scoring,
    search,
    spaces,
    surrogates,
    training,
    weights,
)
from tests.benchmarks.measure import Figure, machine

SUITES = (
    "floor",
    "graphs",
    "weights",
    "scoring",
    "training",
    "ranks",
    "spaces",
    "curves",
    "search",
    "surrogates",
    "memory",
)


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SUITES, default=SUITES, help="suites to run")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is printed")
    parser.add_argument("--quick", action="store_true", help="fewer candidates and steps, to see that it works")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument(
        "--clock", choices=measure.CLOCKS, default="wall", help="cpu: unmoved by other programs; 1 thread"
    )
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint; the shipped one by default")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    return parser.parse_args()


def run(suite: str, a: argparse.Namespace, device: torch.device) -> list[Figure]:
    """Measures one suite."""
    if suite == "graphs":
        lowered = [f for depth in (1, 5) for f in graphs.lowering_and_features(depth, a.runs, 8 if a.quick else 60)]
        names = ["resnet18", "efficientnet_b0", "convnext_tiny", "vit_b_16", "swin_t"]
        return lowered + graphs.captured_modules(1 if a.quick else a.runs, names[: 1 if a.quick else None])
    if suite == "weights":
        return weights.generated_weights(a.runs, 8 if a.quick else 64, device)
    if suite == "curves":
        return curves.least_squares(a.runs, 50 if a.quick else 1000)
    if suite == "training":
        return training.training_step(a.runs, 1 if a.quick else 5, a.device, a.precision)
    if suite == "ranks":
        return ranks.sharing(4 if a.quick else 20, a.device)
    if suite == "spaces":
        return spaces.function_space(a.runs, 2 if a.quick else 5, a.device, a.precision)
    if suite == "search":
        return search.overhead(a.runs, 100 if a.quick else 1000)
    if suite == "surrogates":
        return surrogates.judging(a.runs, 500 if a.quick else 15_625)
    model, which = scoring.load(a.checkpoint, a.device, a.precision, a.threads)
    if suite == "floor":
        return floor.floors(model, a.runs, a.quick, device)
    if suite == "memory":
        return scoring.memory(model, 128 if a.quick else 15_625)
    counts = {"loss": 8 if a.quick else 128, "ridge": 4 if a.quick else 32}
    return [f for readout, n in counts.items() for f in scoring.scoring(model, which, readout, a.runs, n)]


def show(figure: Figure) -> str:
    """One line."""
    spread = f"({min(figure.runs):.4g} to {max(figure.runs):.4g})"
    line = f"{figure.name:<68} {figure.value:>9.4g} {figure.unit:<13} {spread:<22}"
    if figure.target is None:
        return line.rstrip()
    return f"{line} {'>=' if figure.at_least else '<='} {figure.target:g}: {'yes' if figure.met else 'NO'}"


def main() -> None:
    """Runs the suites that were asked for."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.INFO)
    a = arguments()
    torch.set_num_threads(a.threads)
    measure.clock = a.clock
    device = make_runtime(a.device, a.precision).device
    about = machine(device)
    print(json.dumps(about))
    figures: list[Figure] = []
    for suite in a.only:
        for figure in run(suite, a, device):
            figures.append(figure)
            print(show(figure), flush=True)
    if a.json:
        report = {"machine": about, "runs": a.runs, "figures": [f.to_json() for f in figures]}
        a.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
