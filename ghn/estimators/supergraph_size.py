"""How the supergraph of a space, and what makes weights for it, grow with the space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from ghn.errors import ConfigError
from ghn.graph.builder import GraphBuilder
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify
from ghn.graph.stats import count_params
from ghn.nets.bank import MIXTURE, Bank, BankConfig
from ghn.nets.footprint import count_shared, step_bytes
from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.smash import GENERATED, Smash, SmashConfig
from ghn.spaces import skeletons_of
from ghn.spaces.choices import ChoiceSpace, choice_space

Kept = tuple[tuple[int, ...], ...]  # options of each choice that a part of a space has


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
        net: sizes of the hypernetwork, as in `ghn/conf/net`; kernels are as large as the space asks.
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
        self._known: dict[tuple[str, Kept], tuple[dict[str, float], dict[str, float]]] = {}

    def measure(self, axis: str, at: int, space: ChoiceSpace[Any], kept: Kept) -> Size:
        """Measures the part of a space that has the options kept."""
        key = (repr(space), kept)
        if key not in self._known:
            self._known[key] = self._measure(space, kept)
        return Size(axis, at, *self._known[key])

    def _measure(self, space: ChoiceSpace[Any], kept: Kept) -> tuple[dict[str, float], dict[str, float]]:
        graph, classes = open_supergraph(space, kept), space.describe()["classes"]
        rng = Random(self.seed)
        graphs = [simplify(space.lower(draw_member(space, kept, rng))) for _ in range(self.networks)]
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
            "largest network": count_params(simplify(space.lower(largest_member(space, kept)))),
        }
        return parameters, memory


def growth_points(
    space: Any, *, depths: Sequence[int] | None = None, widths: Sequence[int] | None = None
) -> list[tuple[str, int, ChoiceSpace[Any], Kept]]:
    """What `Scales.measure` takes, for a space that grows along each axis while all else is as it is.

    Operations are those first in the list of each choice; a cell has ever more nodes, and so edges, where the space can
    take them away (`smaller_cells`).

    Args:
        space: to be grown; must be a `ChoiceSpace`.
        depths: that it gets; None for 0, 1, 2 and 4 cells more.
        widths: that it gets; None for half of it, itself, and twice and four times as much.

    Raises:
        ConfigError: the space cannot be taken apart into decisions, or has no such skeleton.
    """
    space = choice_space(space)
    whole = tuple(tuple(range(len(choice.options))) for choice in space.choices())
    found: list[tuple[str, int, ChoiceSpace[Any], Kept]] = [
        ("operations", k, space, tuple(own[:k] for own in whole)) for k in range(2, 1 + len(whole[0]))
    ]
    if hasattr(space, "smaller_cells"):
        parts: list[Kept] = [*space.smaller_cells(), whole]
        found += [("edges", sum(len(own) > 1 for own in kept), space, kept) for kept in parts]
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


def open_supergraph(space: ChoiceSpace[Any], kept: Kept) -> Graph:
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


def draw_member(space: ChoiceSpace[Any], kept: Kept, rng: Random) -> Any:
    """Draws a member with options kept, a choice after the other."""
    chosen: list[int] = []
    for own in kept:
        allowed = space.allowed(chosen)
        chosen.append(rng.choice([o for o in own if o in allowed]))
    return space.from_choices(chosen)


def largest_member(space: ChoiceSpace[Any], kept: Kept) -> Any:
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
