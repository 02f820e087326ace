"""From decisions to a network: two cells, one that keeps the size of maps and one that halves it, stacked.

Source: Knyazev et al., "Parameter Prediction for Unseen Deep Architectures", NeurIPS 2021, sec. 3.1 and appendix A
(DeepNets-1M): cells as in DARTS, with dense convolutions, attention and squeeze-and-excitation too; two kinds of stem,
cells with and without a 1x1 convolution first, reductions that only pool, heads without global pooling, and one or
two layers at the end. Not theirs are norms of groups, activations beside ReLU or after the normalisation, grouped
convolutions, and the normalisation before the head: what most users' networks have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ghn.spaces.deepnets.layers import ACTIVATIONS, Position, Style, convolution, halved, operation, shrinking
from ghn.spaces.deepnets.splits import Distribution, distribution

POOLS = ("skip", "max_3", "avg_3")
HEAVY = ("conv_5", "attention", "squeeze")  # at most one of each in a cell
MIXING = (
    "conv_1",
    "conv_3",
    "conv_5",
    "grouped_3",
    "separable_3",
    "separable_5",
    "dilated_3",
    "dilated_5",
    "crossed_5",
    "attention",
)
EVERY = (*POOLS, *MIXING, "squeeze")
Sides = tuple[int, int]  # height and width of a map
HIDDEN = 64  # units of a layer before the class head
FLAT = 2  # side of the map that a head without global pooling reads


class Choose(Protocol):
    """Takes decisions by name, for images of a shape and so many classes."""

    @property
    def input_shape(self) -> Any: ...

    @property
    def classes(self) -> int | None: ...

    def __call__(self, name: str, options: Sequence[Any]) -> Any:
        """One of some options."""

    def int(self, name: str, low: int, high: int) -> int:
        """A whole number; both ends belong to the range."""


class Term(NamedTuple):
    """An operation on one of the maps of a cell."""

    op: str
    source: int  # 0: of the cell before the last, 1: of the last cell, then the sums of this one


class Plan(NamedTuple):
    """A cell: sums of one or two terms, some of which are concatenated; each is read or kept."""

    sums: tuple[tuple[Term, ...], ...]
    kept: tuple[int, ...]  # of the sums, in order

    @property
    def reads(self) -> frozenset[int]:
        """The maps that are read."""
        return frozenset(term.source for terms in self.sums for term in terms)


def choose_plan(choose: Choose, cell: str, steps: int, first: Sequence[str], every: Sequence[str]) -> Plan:
    """A cell of so many sums; its very first operation is one of `first`, and reads the last cell."""
    heavy = set[str]()
    sums = list[tuple[Term, ...]]()
    for k in range(steps):
        terms = list[Term]()
        for side in "ab":
            name, leads = f"{cell}/{k}{side}", (k, side) == (0, "a")
            options = [op for op in (first if leads else every) if op not in heavy]
            op = choose(f"{name}/op", [*options, "none"] if side == "b" else options)
            if op == "none":  # a sum of one term
                continue
            heavy |= {op} & set(HEAVY)
            terms.append(Term(op, 1 if leads else choose.int(f"{name}/from", 0, k + 1)))
        sums.append(tuple(terms))
    read = Plan(tuple(sums), ()).reads
    kept = [k for k in range(steps) if k + 2 not in read or choose(f"{cell}/{k}/kept", (True, False))]
    return Plan(tuple(sums), tuple(kept))


class Cell(nn.Module):
    """Two maps in, one out.

    Args:
        plan: what is computed.
        into: channels and sides of the two maps.
        channels: of every sum.
        sides: of the map that comes out; half of the last map's in a cell that reduces.
        style: of its layers.
        prepare: whether a 1x1 convolution comes first even where the shapes fit.
    """

    def __init__(
        self, plan: Plan, into: Sequence[tuple[int, Sides]], channels: int, sides: Sides, style: Style, *, prepare: bool
    ) -> None:
        super().__init__()
        self.plan, last = plan, into[1][1]
        self.before = nn.ModuleList(
            adapt(c, s, channels, last, style, prepare=prepare) if k in plan.reads else nn.Identity()
            for k, (c, s) in enumerate(into)
        )
        self.sums = nn.ModuleList(
            nn.ModuleList(
                operation(term.op, channels, 2 if term.source < 2 and sides != last else 1, style) for term in terms
            )
            for terms in plan.sums
        )
        # without normalisation a sum of two would double the variance, and a deep network overflow
        # Source: Brock, De & Smith, "Characterizing signal propagation", ICLR 2021, sec. 3: sums that keep the variance
        self.scale = 0.5**0.5 if style.norm == "none" else 1.0
        self.channels = channels * len(plan.kept)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        maps = [layer(one) for layer, one in zip(self.before, (x, y), strict=True)]
        for layers, terms in zip(self.sums, self.plan.sums, strict=True):
            assert isinstance(layers, nn.ModuleList)
            each = [layer(maps[term.source]) for layer, term in zip(layers, terms, strict=True)]
            total = each[0] if len(each) == 1 else each[0] + each[1]
            maps.append(total if len(each) == 1 or self.scale == 1 else self.scale * total)
        kept = [maps[k + 2] for k in self.plan.kept]
        return kept[0] if len(kept) == 1 else torch.cat(kept, 1)


def adapt(into: int, sides: Sides, channels: int, to: Sides, style: Style, *, prepare: bool) -> nn.Module:
    """Brings a map to these channels and sides, by pooling and a 1x1 convolution where they are needed."""
    every: list[nn.Module] = []
    while sides != to:
        every.append(shrinking())
        sides = halved(sides)
    if prepare or into != channels:
        every.append(convolution(into, channels, 1, style))
    return nn.Identity() if not every else every[0] if len(every) == 1 else nn.Sequential(*every)


class DeepNet(nn.Module):
    """A stem, cells, a last normalisation, and a class head."""

    def __init__(
        self,
        stem: nn.Module,
        cells: Sequence[Cell],
        last: nn.Module,
        pool: nn.Module,
        neck: nn.Module,
        head: nn.Linear,
    ) -> None:
        super().__init__()
        self.stem, self.cells, self.last = stem, nn.ModuleList(cells), last
        self.pool, self.neck, self.head = pool, neck, head

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.head(self.neck(self.pool(self.last(last)).flatten(1)))


def build(choose: Choose, split: str = "train") -> nn.Module:
    """A network, one decision after the other.

    Args:
        choose: takes them.
        split: whose networks can be chosen, one of `SPLITS`.
    """
    drawn_from, classes = distribution(split), choose.classes or 1
    width = choose("width", drawn_from.widths)
    cells = choose.int("cells", *drawn_from.cells)
    steps = choose.int("steps", *drawn_from.steps_of(cells))
    normal = choose_plan(choose, "normal", steps, MIXING, EVERY)
    pools = choose("reduction", ("pool", "every")) == "pool"
    reduction = choose_plan(choose, "reduce", steps, *((POOLS, POOLS) if pools else (EVERY, EVERY)))
    widen = choose("widen", (1, 2))  # by how much a reduction widens
    prepare = steps > 1 or widen > 1 or choose("prepare", (True, False))
    style = _choose_style(choose, drawn_from)
    ops = {term.op for plan in (normal, reduction) for terms in plan.sums for term in terms}
    attends = "attention" in ops
    stem, sides = _choose_stem(choose, width, style, small=attends)

    into, made, channels = [(width, sides), (width, sides)], list[Cell](), width
    halving = (cells // 3, 2 * cells // 3)
    for k in range(cells):
        halves = k in halving
        channels, sides = (channels * widen, halved(sides)) if halves else (channels, sides)
        made.append(Cell(reduction if halves else normal, into, channels, sides, style, prepare=prepare))
        into = [into[1], (made[-1].channels, sides)]
    flat = not attends and min(sides) >= FLAT and choose("head", ("mean", "flat")) == "flat"
    last = Style(style.norm, style.activation, first=False).layer(made[-1].channels)
    return DeepNet(stem, made, last, *_choose_head(choose, made[-1].channels, classes, style, flat=flat))


def _choose_style(choose: Choose, drawn_from: Distribution) -> Style:
    """Batch normalisation and ReLU half of the time each."""
    norm = choose("norm", ("batch", "other")) if drawn_from.norms else "none"
    if norm == "other":
        norm = choose("other norm", ("group", "layer"))
    if (activation := choose("activation", ("relu", "smooth"))) == "smooth":
        activation = choose("smooth", [name for name in ACTIVATIONS if name != "relu"])
    return Style(norm, activation, choose("order", ("activation first", "normalisation last")) == "activation first")


def _choose_stem(choose: Choose, width: int, style: Style, *, small: bool) -> tuple[nn.Module, Sides]:
    """The first layers and the sides of their maps; `small` ones for attention, which knows places by an embedding."""
    into, *sides = choose.input_shape
    plain = Style(style.norm, style.activation, first=False)
    if choose("stem", ("one", "two")) == "one":
        kernel = choose("stem kernel", (3, 5))
        layers: list[nn.Module] = [convolution(into, width, kernel, plain)]
        halves = small or choose("stem pool", (True, False))
        layers += [nn.MaxPool2d(3, 2, 1)] if halves else []
    else:
        halves = True
        layers = [convolution(into, width // 2, 3, plain), convolution(width // 2, width, 3, plain, stride=2)]
    found = halved((sides[0], sides[1])) if halves else (sides[0], sides[1])
    if small:
        layers.append(Position(width, *found))
    return nn.Sequential(*layers), found


def _choose_head(
    choose: Choose, channels: int, classes: int, style: Style, *, flat: bool
) -> tuple[nn.Module, nn.Module, nn.Linear]:
    """What pools, a layer or none, and the class head."""
    pool, size = nn.AdaptiveAvgPool2d(FLAT if flat else 1), channels * (FLAT**2 if flat else 1)
    if choose.int("hidden layers", 0, 1) == 0:
        return pool, nn.Identity(), nn.Linear(size, classes)
    neck = nn.Sequential(nn.Linear(size, HIDDEN), ACTIVATIONS[style.activation]())
    return pool, neck, nn.Linear(HIDDEN, classes)
