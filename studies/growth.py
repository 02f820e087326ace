"""What the supergraph of a space, what makes weights for it, and one network take as the space grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from tqdm import tqdm

from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.families.sharing.bank import MIXTURE, Bank, BankConfig
from ghn.families.sharing.smash import GENERATED, Smash, SmashConfig
from ghn.graph.ir import Graph, GraphBuilder
from ghn.graph.stats import count_params
from ghn.nets.ghn import GHN, GHNConfig
from ghn.spaces import NASBench201, skeletons_of
from ghn.spaces.choices import Choices, choice_space
from ghn.spaces.members import live_graph, live_params
from ghn.spaces.nasbench201.space import EDGES, OPERATIONS
from studies.drawing import axes_grid, line_style, write_figure
from studies.footprint import count_shared, step_bytes
from studies.run import run_study, write_json

Kept = tuple[tuple[int, ...], ...]  # options of each choice that a part of a space has


AXES = {
    "operations": "operations an edge",
    "edges": "edges a cell",
    "depth": "cells (depth of the space)",
    "width": "channels (width of the space)",
}
PARAMETERS = {
    "bank": "supergraph (bank)",
    "hypernetwork": "hypernetwork",
    "smash": "SMASH",
    "mean network": "one network, mean",
    "largest network": "one network, largest",
}
MEMORY = {
    "supergraph": "whole supergraph",
    "path": "one network from the bank",
    "hypernetwork": "one network, hypernetwork",
    "smash": "one network, SMASH",
}


def growth_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Measures parameters and memory as the space grows, and draws them.

    Raises:
        ConfigError: a setting of `growth` is unknown or out of range, or the space has no such skeleton.
    """
    out, chosen = Path(options["out"]), dict(options["growth"])
    check_folder(out, resume=options["resume"])
    axes = {name: chosen.pop(name) for name in ("depths", "widths")}
    for name, values in axes.items():
        if values is not None and not isinstance(values, list):
            raise ConfigError(f"growth.{name} must be a list or null", got=values)
    scales = Scales(**chosen)
    points = growth_points(setting.space, **axes)
    sizes = [
        scales.measure(*point) for point in tqdm(points, desc="growth", disable=not options["progress"], unit="point")
    ]
    content = {"space": repr(setting.space), "images": scales.images, "networks": scales.networks}
    content |= {"sizes": [asdict(size) for size in sizes], "made": machine()}
    write_json(out / "growth.json", content)
    write_figure(draw_growth(sizes, scales.images), out / "growth")
    print_growth(sizes, scales.images)
    print(f"wrote {out}/growth.json, growth.png and growth.svg")


@dataclass(frozen=True, slots=True)
class Size:
    """One point of growth.

    Attributes:
        axis: what grows: `operations`, `edges`, `depth` or `width`.
        at: how many there are.
        parameters: `bank`, `hypernetwork`, `smash`, `mean network`, `largest network`.
        memory: bytes that a training step keeps for its backward pass: of the `supergraph` (all operations of every
            edge, as DARTS runs it), or of one network, on average, with weights from the bank (`path`), the
            `hypernetwork` or `smash`, the making of the weights included.
    """

    axis: str
    at: int
    parameters: Mapping[str, float]
    memory: Mapping[str, float]


class Scales:
    """Measures parts and skeletons of a space.

    Args:
        net: sizes of the hypernetwork, as in `ghn/app/conf/net`; kernels are as large as the space asks.
        images: a step.
        networks: drawn from each part; numbers of one network are means over them.
        seed: of what is drawn.

    Raises:
        ConfigError: a number below 1, or sizes that do not fit.
    """

    def __init__(self, net: Mapping[str, Any], images: int = 32, networks: int = 4, seed: int = 0) -> None:
        if not all(isinstance(n, int) and n >= 1 for n in (images, networks)):
            raise ConfigError("growth: images and networks must be at least 1", got=f"{images} and {networks}")
        self.net, self.images, self.networks, self.seed = dict(net), images, networks, seed
        self._measured: dict[tuple[str, Kept], tuple[dict[str, float], dict[str, float]]] = {}

    def measure(self, axis: str, at: int, space: Choices[Any], kept: Kept) -> Size:
        """Measures the part of a space that has the options kept."""
        key = (repr(space), kept)
        if key not in self._measured:
            self._measured[key] = self._measure(space, kept)
        return Size(axis, at, *self._measured[key])

    def _measure(self, space: Choices[Any], kept: Kept) -> tuple[dict[str, float], dict[str, float]]:
        graph, classes = open_supergraph(space, kept), space.describe()["classes"]
        rng = Random(self.seed)
        graphs = [live_graph(space, draw_member(space, kept, rng)) for _ in range(self.networks)]
        bank = Bank(BankConfig("darts", classes), space)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            kernel = max(3, *(node.attr["kernel"] for node in graph.nodes if node.op == "conv"))
            ghn = _make_ghn({**self.net, "kernel": kernel}, classes)
            smash = Smash(SmashConfig(classes=classes, kernel=kernel), space)
        generator = torch.Generator().manual_seed(self.seed)
        x = torch.randn(self.images, *space.describe()["input_shape"], generator=generator)
        y = torch.randint(classes, (self.images,), generator=generator)
        means = {"path": bank, "hypernetwork": ghn, "smash": smash}
        memory: dict[str, float] = {"supergraph": _step(bank, graph, x, y)}
        memory |= {name: fmean(_step(net, one, x, y) for one in graphs) for name, net in means.items()}
        parameters: dict[str, float] = {
            "bank": count_shared(graph),
            "hypernetwork": _count(ghn),
            "smash": _count(smash) - _count(smash.learnt) + count_shared(graph, (GENERATED,)),
            "mean network": fmean(map(count_params, graphs)),
            "largest network": live_params(space, largest_member(space, kept)),
        }
        return parameters, memory


def growth_points(
    space: Any, *, depths: Sequence[int] | None = None, widths: Sequence[int] | None = None
) -> list[tuple[str, int, Choices[Any], Kept]]:
    """What `Scales.measure` takes, for a space that grows along each axis while all else is as it is.

    Operations are those first in the list of each choice; a cell has ever more nodes, and so edges, where the space can
    take them away (`smaller_cells`).

    Args:
        space: to be grown; must be a `Choices`.
        depths: that it gets; None for 0, 1, 2 and 4 cells more.
        widths: that it gets; None for half of it, itself, and twice and four times as much.

    Raises:
        ConfigError: the space cannot be taken apart into decisions, or has no such skeleton.
    """
    space = choice_space(space)
    whole = tuple(tuple(range(len(choice.options))) for choice in space.choices())
    found: list[tuple[str, int, Choices[Any], Kept]] = [
        ("operations", k, space, tuple(own[:k] for own in whole)) for k in range(2, 1 + len(whole[0]))
    ]
    if parts := smaller_cells(space):
        found += [("edges", sum(len(own) > 1 for own in kept), space, kept) for kept in (*parts, whole)]
    depth, width = space.describe()["depth"], space.describe()["width"]
    axes = {
        "depth": depths or [depth, depth + 1, depth + 2, depth + 4],
        "width": widths or sorted({max(1, width // 2), width, 2 * width, 4 * width}),
    }
    for axis, values in axes.items():
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool):
                raise ConfigError(f"growth: {axis}s must be whole numbers", got=value)
            (grown,) = skeletons_of(space, [{axis: value}])
            found.append((axis, value, choice_space(grown), whole))
    return found


def smaller_cells(space: Choices[Any]) -> list[Kept]:
    """What is kept in a cell of two nodes (one edge) and in one of three (three edges), where cells can shrink."""
    if not isinstance(space, NASBench201):
        return []
    every, edges = tuple(range(len(OPERATIONS))), EDGES
    return [tuple(every if {*edge} <= nodes else (0,) for edge in edges) for nodes in ({0, 3}, {0, 1, 3})]


def open_supergraph(space: Choices[Any], kept: Kept) -> Graph:
    """The supergraph with the options kept, without edges whose only option is the first, `none`.

    Not `simplify`: it would compute once what DARTS computes on several edges.
    """
    graph, choice_of = space.supergraph(kept)
    closed = {name.rpartition("/")[0] for name, choice in choice_of.items() if kept[choice] == (0,)}
    b, index = GraphBuilder(graph.input_shape), {0: 0}
    for i, node in enumerate(graph.nodes[1:], start=1):
        inputs = [index[j] for j in node.inputs if j in index]
        if inputs and node.name not in closed:
            index[i] = b.add(node.op, *inputs, name=node.name, **node.attr)
    return b.build(index[len(graph) - 1])


def draw_member(space: Choices[Any], kept: Kept, rng: Random) -> Any:
    """Draws a member with options kept, a choice after the other."""
    chosen: list[int] = []
    for own in kept:
        allowed = space.allowed(chosen)
        chosen.append(rng.choice([o for o in own if o in allowed]))
    return space.from_choices(chosen)


def largest_member(space: Choices[Any], kept: Kept) -> Any:
    """The member nearest to a mixture in which each option weighs as much as the parameters it brings.

    Of options that bring equally many, the last: the first, `none`, would cut networks off.
    """
    nothing = [(0,)] * len(kept)

    def size(choice: int, option: int) -> float:
        alone = [*nothing[:choice], (option,), *nothing[choice + 1 :]]
        return 1 + option / 100 + count_params(space.supergraph(alone, mixed=False).graph)

    options = [range(len(choice.options)) for choice in space.choices()]
    return space.discretise([[size(c, o) if o in kept[c] else 0.0 for o in own] for c, own in enumerate(options)])


def _make_ghn(net: Mapping[str, Any], classes: int) -> GHN:
    try:
        return GHN(GHNConfig(classes, **net))
    except TypeError as error:
        raise ConfigError("growth: options do not fit a hypernetwork", got=str(error)) from None


def _step(net: nn.Module, graph: Graph, x: Tensor, y: Tensor) -> int:
    mixed = {p.name: torch.full(p.shape, 1 / p.shape[0]) for p in graph.params() if p.kind == MIXTURE}
    mixed = {name: weight.requires_grad_() for name, weight in mixed.items()}
    return step_bytes(graph, lambda: {**net([graph])[0], **mixed}, x, y, [*net.parameters(), *mixed.values()])


def _count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def print_growth(sizes: Sequence[Size], images: int, console: Console | None = None) -> None:
    """Prints a row a point: parameters in thousands, memory in MB."""
    title = f"10^3 parameters, and 10^6 bytes that a training step on {images} images keeps for its backward pass"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=True)
    headings = ("bank", "GHN", "SMASH", "mean net", "largest", "supergraph", "path", "GHN net", "SMASH net")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for axis, own in groupby(sizes, lambda size: size.axis):
        for size in (points := list(own)):
            cells = [f"{size.parameters[name] / 1e3:.1f}" for name in PARAMETERS]
            cells += [f"{size.memory[name] / 1e6:.1f}" for name in MEMORY]
            table.add_row(f"{axis} {size.at}", *cells, end_section=size is points[-1])
    (console or Console(width=120)).print(table)


def draw_growth(sizes: Sequence[Size], images: int) -> Figure:
    """Parameters above, memory below; a column an axis of growth, a line what is measured."""
    axes = [axis for axis in AXES if any(size.axis == axis for size in sizes)]
    figure, (top, bottom) = axes_grid(2, len(axes), 2.5 * len(axes), 6.4)
    for column, axis in enumerate(axes):
        own = [size for size in sizes if size.axis == axis]
        at = [size.at for size in own]
        for i, (name, label) in enumerate(PARAMETERS.items()):
            _line(top[column], at, [size.parameters[name] for size in own], f"parameters: {label}", i)
        for i, (name, label) in enumerate(MEMORY.items()):
            _line(bottom[column], at, [size.memory[name] / 1e6 for size in own], f"memory: {label}", i + 5)
        bottom[column].set_xlabel(AXES[axis])
    for row, label in ((top, "parameters"), (bottom, f"10$^6$ bytes kept, {images} images")):
        row[0].set_ylabel(label)
        low, high = min(one.get_ylim()[0] for one in row), max(one.get_ylim()[1] for one in row)
        for one in row:
            one.set_ylim(low, high)
    handles = [one.get_legend_handles_labels() for one in (top[0], bottom[0])]
    lines, labels = (a + b for a, b in zip(*handles, strict=True))
    figure.legend(lines, labels, loc="outside upper center", ncols=min(3, len(axes)), frameon=False, fontsize=8)
    return figure


def _line(axes: Axes, at: Sequence[int], values: Sequence[float], label: str, i: int) -> None:
    axes.plot(at, values, label=label, markersize=4.5, linewidth=1.2, **line_style(i))
    axes.set_yscale("log")
    axes.set_xticks(at)
    axes.yaxis.set_minor_locator(NullLocator())


if __name__ == "__main__":
    run_study("growth", growth_study)
