"""`job=growth`: what the supergraph, the hypernetworks and one network take as the space grows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from rich import box
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from ghn.errors import ConfigError
from ghn.estimators.setting import Setting
from ghn.estimators.supergraph_size import Scales, Size, growth_points
from ghn.report.evaluation import check_folder, machine
from ghn.report.style import axes_grid, line_style, write_figure

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


def growth_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Measures parameters and memory as the space grows, and draws them (job=growth).

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
    out.mkdir(parents=True, exist_ok=True)
    content = {"space": repr(setting.space), "images": scales.images, "networks": scales.networks}
    content |= {"sizes": [asdict(size) for size in sizes], "made": machine()}
    (out / "growth.json").write_text(json.dumps(content, indent=1))
    write_figure(draw_growth(sizes, scales.images), out / "growth")
    print_growth(sizes, scales.images)
    print(f"wrote {out}/growth.json, growth.png and growth.svg")


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
