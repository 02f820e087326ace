"""NAS-Bench-201: cells of six edges and five operations in a residual skeleton.

Source: Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from random import Random
from typing import Any, ClassVar

from ghn.errors import ArchitectureError
from ghn.graph.diagram import Diagram, cell_diagram
from ghn.graph.ir import Graph, GraphBuilder
from ghn.graph.ops import zero_attrs
from ghn.spaces.choices import Choice, Joint, Supergraph, variant
from ghn.spaces.nasbench201.benchmark import NASBench201Benchmark
from ghn.spaces.nasbench201.cells import EdgeCell, path_features
from ghn.spaces.nasbench201.notation import (
    EDGES,
    OPERATIONS,
    Cell,
    cell_of_choices,
    cell_of_index,
    cell_of_numbers,
    choices_of_cell,
    format_cell,
    numbers_of_cell,
    parse_cell,
)
from ghn.spaces.skeleton import Skeleton
from ghn.types import Network

LABELS = ("", "skip", "conv 1x1", "conv 3x3", "avg 3x3")  # of the operations, in pictures
EdgeBuilder = Callable[[GraphBuilder, int, str, int], int]  # (builder, input, name, which edge) -> output

BENCHMARK = {"width": 16, "depth": 5}  # the skeleton of the published accuracies


@dataclass(frozen=True)
class NASBench201(Skeleton):
    """The space; its members are tuples of six operation names, in the order of `EDGES`.

    Args:
        input_shape: (c, h, w) of the images.
        classes: number of classes.
        width: channels of the first stage (C; 16 in the benchmark). They double from stage to stage.
        depth: cells a stage (N; 5 in the benchmark).
    """

    depth: int = 5
    name: str = "nasbench201"
    title: ClassVar[str] = "NAS-Bench-201"
    own_depth: ClassVar[int] = BENCHMARK["depth"]
    wider: ClassVar[float] = 1.0  # the recipe of the shipped hypernetworks, docs/ranking.md, knows one width

    def __len__(self) -> int:
        return len(OPERATIONS) ** len(EDGES)

    def __iter__(self) -> Iterator[Cell]:
        """All 15,625 cells."""
        return product(OPERATIONS, repeat=len(EDGES))

    def sample(self, rng: Random) -> Cell:
        return tuple(rng.choice(OPERATIONS) for _ in EDGES)

    def neighbours(self, arch: Cell) -> Iterator[Cell]:
        """The 24 cells that differ in one edge."""
        self.check(arch)
        for i, old in enumerate(arch):
            for op in OPERATIONS:
                if op != old:
                    yield (*arch[:i], op, *arch[i + 1 :])

    def check(self, arch: Any) -> Cell:
        """Returns the cell; `ArchitectureError` for what is no member of the space."""
        if not isinstance(arch, tuple) or len(arch) != len(EDGES) or any(op not in OPERATIONS for op in arch):
            raise ArchitectureError(
                "not a NAS-Bench-201 cell",
                got=arch,
                expected=f"a tuple of {len(EDGES)} of {OPERATIONS}, or an official string",
                fix="NASBench201.parse reads strings; from_naslib, from_nni and from_index what others write",
            )
        return arch

    def parse(self, text: str) -> Cell:
        """Reads an official string such as `|nor_conv_3x3~0|+|...|+|...|`; or what NASLib or NNI write.

        That is `(0, 2, 1, 1, 3, 4)`, or JSON such as `{"cell/0_1": "conv_3x3", ...}`.
        """
        return parse_cell(text)

    def format(self, arch: Cell) -> str:
        return format_cell(self.check(arch))

    def from_naslib(self, op_indices: Sequence[int]) -> Cell:
        """The cell of the six numbers that NASLib calls it by; `ArchitectureError` where there is none."""
        return cell_of_numbers(op_indices)

    def to_naslib(self, arch: Cell) -> tuple[int, ...]:
        """The six numbers that NASLib calls a cell by."""
        return numbers_of_cell(self.check(arch))

    def from_nni(self, choices: Mapping[str, str]) -> Cell:
        """The cell of choices of NNI, an operation by edge; `ArchitectureError` names what is wrong."""
        return cell_of_choices(choices)

    def to_nni(self, arch: Cell) -> dict[str, str]:
        """The choices of NNI's `NasBench201`."""
        return choices_of_cell(self.check(arch))

    def from_index(self, index: int, listing: Sequence[str]) -> Cell:
        """The cell with an index in the official list: `api.meta_archs`, or of `notation.read_listing`."""
        return cell_of_index(index, listing)

    def canonical(self, arch: Cell) -> str:
        """A key equal for cells that compute the same family of functions; 4,930 in all.

        Zeros are propagated and nested sums flattened: a node's value is a multiset of terms, each an operation on a
        value. Agrees with `function_key(simplify(network(arch).graph))`.
        """
        return _function(self.check(arch))

    def distinct(self) -> list[Cell]:
        """One cell of each of the 4,930 functions: the first in the order of iteration with the fewest operations."""
        return list(_distinct())

    def encode(self, arch: Cell) -> dict[str, float]:
        """Features of a cell for surrogates: counts of its live operations and a summary of its paths."""
        names = dict(zip(("none", "skip", "pointwise", "conv", "pool"), OPERATIONS, strict=True))
        cell = self.cell(arch)
        counts = {f"count_{name}": float(cell.ops.count(op)) for name, op in names.items()}
        roles = {role: names[role] for role in ("conv", "pointwise", "pool")}
        return {**counts, **path_features(cell.paths(), **roles)}

    def cell(self, arch: Cell) -> EdgeCell:
        """The live part of a cell, for encodings."""
        return EdgeCell(EDGES, _live(self.check(arch)), OPERATIONS)

    def diagrams(self, arch: Cell) -> list[Diagram]:
        """The live part of the cell."""
        cell, labels = self.cell(arch), dict(zip(OPERATIONS, LABELS, strict=True))
        live = [(*edge, labels[op]) for edge, op in zip(cell.edges, cell.ops, strict=True) if op != OPERATIONS[0]]
        return [cell_diagram("", {0: "in", 3: "out"}, live)]

    def simplest(self) -> Iterator[Cell]:
        """The 100 cells of a single path."""
        return self.expand(("none",) * len(EDGES))

    def expand(self, arch: Cell) -> Iterator[Cell]:
        """The cells with one path more than the live part of a cell."""
        return self.cell(arch).grown()

    def network(self, arch: Cell) -> Network:
        self.check(arch)
        return Network.of(build_network(self, lambda b, x, name, edge: operation(b, x, name, arch[edge])))

    def choices(self) -> tuple[Choice, ...]:
        return tuple(Choice(f"{source}-{target}", OPERATIONS) for source, target in EDGES)

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        return range(len(OPERATIONS))

    def from_choices(self, chosen: Sequence[int]) -> Cell:
        return self.check(tuple(OPERATIONS[option] for option in chosen))

    def to_choices(self, arch: Cell) -> tuple[int, ...]:
        return tuple(OPERATIONS.index(op) for op in self.check(arch))

    def discretise(self, probabilities: Sequence[Sequence[float]]) -> Cell:
        """The cell with the most probable operation on each edge.

        Source: Dong & Yang, ICLR 2020, sec. 4: how DARTS ends in this space; `none` may be chosen.
        """
        return self.from_choices([max(range(len(p)), key=p.__getitem__) for p in probabilities])

    def supergraph(self, kept: Sequence[Sequence[int]] | None = None, *, mixed: bool = True) -> Supergraph:
        joint = Joint(kept, mixed)

        def edge(b: GraphBuilder, x: int, name: str, i: int) -> int:
            terms = [operation(b, x, variant(name, op), op) for op in joint.options(i, OPERATIONS)]
            return joint.join(b, terms or [operation(b, x, name, "none")], name, i)

        return Supergraph(build_network(self, edge), joint.choice_of)

    def proxy_variant(self) -> dict[str, int]:
        """Zero-cost proxies of activations are read in the benchmark's own skeleton."""
        return BENCHMARK

    def benchmark(self) -> NASBench201Benchmark:
        return NASBench201Benchmark(self)


@cache
def _distinct() -> tuple[Cell, ...]:
    """One cell of each function: of every width and depth the same, so a process looks for them once."""
    best: dict[str, Cell] = {}
    for arch in product(OPERATIONS, repeat=len(EDGES)):
        key = _function(arch)
        if key not in best or arch.count("none") > best[key].count("none"):
            best[key] = arch
    return tuple(best.values())


def _function(arch: Cell) -> str:
    """The key of what a cell computes."""
    values: list[tuple[str, ...]] = [("x",)]
    for target in range(1, 4):
        terms: list[str] = []
        for (source, t), op in zip(EDGES, arch, strict=True):
            if t != target or op == "none" or not values[source]:
                continue
            terms += values[source] if op == "skip_connect" else (f"{op}({'+'.join(values[source])})",)
        values.append(tuple(sorted(terms)))
    return "+".join(values[3])


def _live(arch: Cell) -> Cell:
    """The cell with `none` on every edge that is on no path from input to output."""
    ops = dict(zip(EDGES, arch, strict=True))
    reached, useful = {0}, {3}
    for source, target in sorted(EDGES, key=lambda edge: edge[1]):
        if ops[source, target] != "none" and source in reached:
            reached.add(target)
    for source, target in sorted(EDGES, key=lambda edge: -edge[0]):
        if ops[source, target] != "none" and target in useful:
            useful.add(source)
    return tuple(op if e[0] in reached and e[1] in useful else "none" for e, op in ops.items())


def build_network(skeleton: Skeleton, edge: EdgeBuilder) -> Graph:
    """Builds the network whose cells have on each edge what `edge` builds there.

    Source: Dong & Yang, ICLR 2020, sec. 2.1 and fig. 1: stem, three stages of cells with residual reductions between,
    and class head.
    """
    b = GraphBuilder(skeleton.input_shape)
    x = b.add("conv", b.input, name="stem/conv", out=skeleton.width, kernel=3, padding=1)
    x = b.add("batch_norm", x, name="stem/norm")
    for stage in range(3):
        if stage:
            x = _reduction(b, x, f"reduce{stage}", skeleton.width * 2**stage)
        for cell in range(skeleton.depth):
            x = _cell(b, x, f"stage{stage}/cell{cell}", edge)
    x = b.add("batch_norm", x, name="head/norm")
    x = b.add("relu", x, name="head/relu")
    x = b.add("global_pool", x, name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=skeleton.classes))


def operation(b: GraphBuilder, x: int, name: str, op: str) -> int:
    """Adds the operation of an edge."""
    if op == "none":
        return b.add("zero", x, name=f"{name}/zero", **zero_attrs(b.shape(x)))
    if op == "skip_connect":
        return b.add("identity", x, name=f"{name}/skip")
    if op == "avg_pool_3x3":
        return b.add("avg_pool", x, name=f"{name}/pool", kernel=3, padding=1)
    return _conv_norm(b, x, name, b.shape(x)[0], 1 if op == "nor_conv_1x1" else 3)


def _cell(b: GraphBuilder, x: int, name: str, edge: EdgeBuilder) -> int:
    nodes = [x]
    for target in range(1, 4):
        terms = [edge(b, nodes[s], f"{name}/{s}-{t}", i) for i, (s, t) in enumerate(EDGES) if t == target]
        nodes.append(b.add("sum", *terms, name=f"{name}/node{target}"))
    return nodes[3]


def _conv_norm(b: GraphBuilder, x: int, name: str, out: int, kernel: int, stride: int = 1) -> int:
    """ReLU, convolution, normalisation: the benchmark's order."""
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=kernel, stride=stride, padding=kernel // 2)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _reduction(b: GraphBuilder, x: int, name: str, out: int) -> int:
    """The residual block that halves the image and doubles the channels."""
    y = _conv_norm(b, x, f"{name}/a", out, 3, stride=2)
    y = _conv_norm(b, y, f"{name}/b", out, 3)
    x = b.add("avg_pool", x, name=f"{name}/shortcut/pool", kernel=2, stride=2)
    x = b.add("conv", x, name=f"{name}/shortcut/conv", out=out, kernel=1)
    return b.add("sum", x, y, name=f"{name}/sum")
