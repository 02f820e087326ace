"""`python -m tests.benchmarks.growth --out FOLDER [--only ...] [--quick]`: what more and larger work costs, as curves.

Time and memory of scoring against the number of candidates, their width, their depth, the nodes of a graph and the size
of the hypernetwork. Each point is a process of its own, whose peak of memory is that of the point alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from math import log
from pathlib import Path
from random import Random
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

import ghn
from ghn.drawing.style import BLUE, GREY
from ghn.files import write_atomic
from ghn.graph import Graph, GraphBuilder
from ghn.graph.stats import graph_stats
from ghn.nets import GHN, GHNConfig
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.readouts import Sample
from ghn.spaces import NASBench201
from ghn.tasks import make_task
from ghn.train.runtime import make_runtime
from ghn.types import Network, Trial
from studies.drawing import axes_grid, write_figure
from tests.benchmarks import measure
from tests.benchmarks.measure import machine, peak, resident

BLOCK = 64
IMAGES = 64
SIZES: dict[str, tuple[Sequence[int], Sequence[int]]] = {  # axis -> values, and those of a quick run
    "candidates": ((64, 1_000, 10_000, 100_000), (64, 256)),
    "width": ((4, 8, 16, 32, 64), (4, 8)),
    "depth": ((1, 2, 4, 8, 16), (1, 2)),
    "nodes": ((48, 100, 200, 500, 1_000, 2_000), (48, 100)),
    "hypernetwork": ((16, 32, 64, 128, 256, 512), (16, 32)),
}
NAMES = {
    "candidates": "candidates",
    "width": "channels of a candidate",
    "depth": "cells a stage of a candidate",
    "nodes": "nodes of a graph",
    "hypernetwork": "width of the hypernetwork",
}


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        axis: what grows.
        size: how far.
        seconds: of all candidates.
        candidates: how many there were.
        mebibytes: most memory above that before the first candidate.
        also: what else is known of the point.
    """

    axis: str
    size: int
    seconds: float
    candidates: int
    mebibytes: float
    also: dict[str, float]

    @property
    def milliseconds(self) -> float:
        """Of one candidate."""
        return 1e3 * self.seconds / self.candidates


# --- what is scored ---


def small_networks(n: int) -> Iterator[Network]:
    """Distinct chains of five convolutions, of 1 to 10 channels each, small and large ones mixed: at most 100,000."""
    every = list(product(range(1, 11), repeat=5))
    for i in range(n):
        widths = every[i * 61_803 % len(every)]  # which meets each once
        builder, last = GraphBuilder((3, 16, 16)), 0
        for k, width in enumerate(widths):
            last = builder.add("conv", last, name=f"conv{k}", out=width, kernel=1)
        last = builder.add("global_pool", last, name="pool")
        yield Network.of(builder.build(builder.add("linear", last, name="head", out=10)))


def chain(nodes: int, number: int) -> Graph:
    """A chain of residual blocks of four nodes, cut off at a number of nodes; kernels tell one number from another."""
    builder, rng = GraphBuilder((3, 16, 16)), Random(number)
    add = builder.add
    last = add("conv", 0, name="stem", out=8, kernel=1)
    for i in range((nodes - 4) // 4):
        kernel = rng.choice((1, 3))
        conv = add("conv", last, name=f"{i}/conv", out=8, kernel=kernel, padding=kernel // 2)
        last = add(
            "relu", add("sum", last, add("batch_norm", conv, name=f"{i}/norm"), name=f"{i}/sum"), name=f"{i}/relu"
        )
    return builder.build(add("linear", add("global_pool", last, name="pool"), name="head", out=10))


def engine_of(net: GHN, readout: str, images: int = IMAGES, block: int = BLOCK) -> WeightedEstimator:
    """The scoring engine; what it scores are networks, of whatever space."""
    task, sample = make_task("cifar10_embedded"), Sample(val=images, batch=images)
    space = NASBench201((3, *task.image_size), task.classes, width=8, depth=1)
    runtime = make_runtime("cpu", threads=1)
    return WeightedEstimator(net, space, task, runtime, readout=readout, sample=sample, block=block)


def hypernetwork(hidden: int) -> GHN:
    """An untrained one; its other sizes grow in proportion."""
    torch.manual_seed(0)
    config = GHNConfig(classes=10, hidden=hidden, layers=3, heads=8, decoder_hidden=hidden, channels=16)
    return GHN(config).eval().requires_grad_(False)


def shipped() -> GHN:
    """The hypernetwork of the shipped checkpoint."""
    net = ghn.load(device="cpu").net
    assert isinstance(net, GHN)
    return net


# --- points ---


def point(axis: str, size: int) -> list[Point]:
    """Measures a point; of candidates all those before it too, in one stream."""
    torch.set_num_threads(1)
    return {
        "candidates": _candidates,
        "width": lambda n: _members("width", n, width=n, depth=1),
        "depth": lambda n: _members("depth", n, width=8, depth=n),
        "nodes": _nodes,
        "hypernetwork": _hypernetwork,
    }[axis](size)


def _score(engine: WeightedEstimator, networks: Sequence[Network]) -> tuple[float, float]:
    """Seconds, and MiB at most above the start."""
    engine.score([Trial(f"first {i}", network) for i, network in enumerate(networks[:1])])  # imports and tables
    start, began = resident(), measure.now()
    scores = engine.score([Trial(str(i), network) for i, network in enumerate(networks)])
    seconds = measure.now() - began
    if broken := [score.error for score in scores if score.error]:
        raise RuntimeError(broken[0])
    return seconds, max(0.0, peak() - start)


def _candidates(most: int) -> list[Point]:
    """One stream, read off at each number of candidates; weights are made, and no image is looked at."""
    net = GHN(GHNConfig(classes=10, hidden=8, heads=1, layers=1, decoder_hidden=8, channels=4)).eval()
    engine = engine_of(net, "norm")
    _score(engine, list(small_networks(8)))
    start, began, marks = resident(), measure.now(), {n for sizes in SIZES["candidates"] for n in sizes}
    points = []
    stream = engine.stream(Trial(str(i), network) for i, network in enumerate(small_networks(most)))
    for done, (_, score) in enumerate(stream, 1):
        if score.error:
            raise RuntimeError(score.error)
        if done in marks:
            points.append(Point("candidates", done, measure.now() - began, done, max(0.0, peak() - start), {}))
    return points


def _members(axis: str, size: int, *, width: int, depth: int) -> list[Point]:
    """Members of NAS-Bench-201, scored by loss with the shipped hypernetwork."""
    space, rng = NASBench201((3, 16, 16), 10, width=width, depth=depth), Random(0)
    networks = [space.network(space.sample(rng)) for _ in range(8)]
    seconds, memory = _score(engine_of(shipped(), "loss", block=8), networks)
    macs = sum(graph_stats(network.live().graph).macs for network in networks) / len(networks)
    return [Point(axis, size, seconds, len(networks), memory, {"multiply_adds": macs})]


def _nodes(size: int) -> list[Point]:
    """A block of graphs of a number of nodes; weights are made, and no image is looked at."""
    networks = [Network.of(chain(size, number)) for number in range(BLOCK)]
    engine = engine_of(shipped(), "norm")
    watch = measure.Stopwatch()
    with watch.watching((engine.weights, "encode", "encoder"), (engine.weights.featurizer, "batch", "features")):
        seconds, memory = _score(engine, networks)
    parts = {name: 1e3 * spent / (len(networks) + 1) for name, spent in watch.total.items()}
    return [Point("nodes", size, seconds, len(networks), memory, {"nodes": float(len(networks[0].graph)), **parts})]


def _hypernetwork(hidden: int) -> list[Point]:
    """Weights of members of NAS-Bench-201 from hypernetworks of several sizes; no image is looked at."""
    space, rng = NASBench201((3, 16, 16), 10, width=8, depth=1), Random(0)
    networks = [space.network(space.sample(rng)) for _ in range(16)]
    start = resident()
    net = hypernetwork(hidden)
    held = resident() - start
    seconds, memory = _score(engine_of(net, "norm", block=16), networks)
    size = float(sum(p.numel() for p in net.parameters()))
    return [Point("hypernetwork", hidden, seconds, len(networks), memory + held, {"parameters": size})]


def measured(axis: str, size: int, clock: str) -> list[Point]:
    """Measures a point in a process of its own."""
    with multiprocessing.get_context("fork").Pool(1, _begin, (clock,)) as pool:
        return pool.apply(point, (axis, size))


def _begin(clock: str) -> None:
    measure.clock = clock
    warnings.filterwarnings("ignore")
    logging.disable(logging.INFO)


# --- what is said of them ---


def exponent(points: Sequence[Point], *, total: bool = False) -> float:
    """The power of the size by which time grows: of one candidate where it is steepest, or of all from end to end."""
    sizes, times = [p.size for p in points], [p.seconds if total else p.milliseconds for p in points]
    pairs = list(zip(sizes, times, strict=True))
    steps = [(pairs[0], pairs[-1])] if total else list(pairwise(pairs))
    return max((log(b / a) / log(m / n) for (n, a), (m, b) in steps if m > n), default=0.0)


def rows(points: Sequence[Point]) -> list[str]:
    """A line a point."""
    out = []
    for axis in dict.fromkeys(p.axis for p in points):
        own = [p for p in points if p.axis == axis]
        for p in own:
            also = ", ".join(f"{name} {value:.4g}" for name, value in p.also.items())
            line = f"{NAMES[axis]:<30} {p.size:>8,} {p.milliseconds:>10.3f} ms each {p.mebibytes:>9.1f} MiB  {also}"
            out.append(line.rstrip())
        total = axis == "candidates"
        out.append(
            f"{'':<30} time of {'all' if total else 'one'} grows at most as the power {exponent(own, total=total):.2f}"
        )
    return out


def drawn(points: Sequence[Point]) -> Figure:
    """A column an axis: time above, beside a dotted line that is straight in what grows; memory beneath."""
    axes = list(dict.fromkeys(p.axis for p in points))
    figure, grid = axes_grid(2, len(axes), 2.4 * len(axes), 4.6)
    for column, axis in enumerate(axes):
        own = [p for p in points if p.axis == axis]
        sizes = [p.size for p in own]
        above, below = grid[0][column], grid[1][column]
        total = axis == "candidates"
        times = [p.seconds if total else p.milliseconds for p in own]
        above.plot(sizes, [times[0] * n / sizes[0] for n in sizes], ":", color=GREY, linewidth=1)
        _line(above, sizes, times, "s, all of them" if total else "ms a candidate")
        _line(below, sizes, [p.mebibytes for p in own], "MiB above the start")
        below.set_ylim(bottom=10)
        below.set_xlabel(NAMES[axis])
    return figure


def _line(axes: Axes, sizes: Sequence[int], values: Sequence[float], label: str) -> None:
    axes.loglog(sizes, values, "o-", color=BLUE, markersize=4)
    axes.set_ylabel(label)
    shown = sizes[:: 1 + len(sizes) // 5]
    axes.set_xticks(shown, [f"{n // 1000}k" if n % 1000 == 0 else str(n) for n in shown])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if max(values) < 50 * min(values) else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for side in (axes.xaxis, axes.yaxis):
        side.set_minor_locator(NullLocator())


def to_json(points: Sequence[Point]) -> dict[str, Any]:
    """All that was measured."""
    return {"machine": machine("cpu"), "points": [asdict(p) for p in points]}


def main(argv: Sequence[str] | None = None) -> list[Point]:
    """Measures, prints, and writes growth.json and growth.svg."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of growth.json and the picture")
    parser.add_argument("--only", nargs="+", choices=SIZES, default=list(SIZES), help="what grows")
    parser.add_argument("--quick", action="store_true", help="two small points a curve, to see that it works")
    parser.add_argument("--clock", choices=measure.CLOCKS, default="cpu", help="cpu: unmoved by other programs")
    a = parser.parse_args(argv)
    measure.clock = a.clock
    torch.set_num_threads(1)
    points: list[Point] = []
    for axis in a.only:
        sizes = SIZES[axis][a.quick]
        for size in sizes[-1:] if axis == "candidates" else sizes:
            points += measured(axis, size, a.clock)
        print(*rows([p for p in points if p.axis == axis]), sep="\n", flush=True)
        a.out.mkdir(parents=True, exist_ok=True)
        write_atomic(a.out / "growth.json", json.dumps(to_json(points), indent=1) + "\n")
    write_figure(drawn(points), a.out / "growth")
    return points


if __name__ == "__main__":
    main()
