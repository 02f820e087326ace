"""NAS-Bench-101: cells of at most seven vertices and nine edges, three operations, and channels that are divided.

Source: Ying, Klein, Christiansen, Real, Murphy & Hutter, "NAS-Bench-101: Towards Reproducible Neural Architecture
Search", ICML 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from ghn.assets import asset
from ghn.errors import ArchitectureError
from ghn.graph.diagram import Diagram
from ghn.graph.ir import Graph, GraphBuilder
from ghn.spaces.choices import Choice
from ghn.spaces.nasbench101.cells import (
    MAX_EDGES,
    MAX_VERTICES,
    OPERATIONS,
    Cell,
    Member,
    cell_of_member,
    live_cell,
    member_of_cell,
)
from ghn.spaces.nasbench101.encoding import EncodedCell, summary_of
from ghn.spaces.nasbench101.listing import count_cells, draw_cell, every_cell
from ghn.spaces.nasbench101.notation import (
    cell_of_matrix,
    cell_of_numbers,
    matrix_of_cell,
    numbers_of_cell,
    parse_cell,
)
from ghn.spaces.skeleton import Skeleton
from ghn.spaces.trained import TrainedBenchmark
from ghn.types import Network

LABELS = dict(zip(OPERATIONS, ("conv 3x3", "conv 1x1", "max 3x3"), strict=True))  # in pictures
STACKS = 3
TRAININGS = "data/references/nasbench101.jsonl"
OUTPUT_VERTEX = MAX_VERTICES - 1


def _decisions() -> tuple[Choice, ...]:
    """Of each vertex what it reads, from the nearest vertex to the input, and then what it does."""
    found = []
    for target in range(1, MAX_VERTICES):
        found += [Choice(f"{source}-{target}", ("none", "edge")) for source in reversed(range(target))]
        if target < OUTPUT_VERTEX:
            found.append(Choice(f"vertex{target}", OPERATIONS))
    return tuple(found)


DECISIONS = _decisions()


@dataclass(frozen=True)
class NASBench101(Skeleton):
    """The space; its members are tuples such as `("conv3x3:0", "conv1x1:01", "output:12")`.

    That is, for each vertex but the input, what it does and the numbers of the vertices that it reads. A member is live
    throughout, and of all forms of a cell the one that the benchmark trained: there are 423,624, as published.

    It is not `Finite`: listing all takes seconds, which nobody should wait for who only draws. `cells()` lists them. It
    has no supergraph either: how many channels a vertex has depends on all edges into the output, so no single node
    would be that vertex in several cells. Banks hold a weight for each role and shape.

    Args:
        input_shape: (c, h, w) of the images.
        classes: number of classes.
        width: channels of the stem and of the cells of the first stack (128 in the benchmark). They double from stack
            to stack. At least 4, as they are divided among up to so many vertices.
        depth: cells a stack (3 in the benchmark).
    """

    name: str = "nasbench101"
    title: ClassVar[str] = "NAS-Bench-101"
    least_width: ClassVar[int] = 4
    own_depth: ClassVar[int] = 3

    def __len__(self) -> int:
        return count_cells()

    def cells(self, vertices: int = MAX_VERTICES) -> Iterator[Member]:
        """Every member of at most so many vertices, input and output included, those with fewer first."""
        return map(member_of_cell, every_cell(vertices))

    def sample(self, rng: Random) -> Member:
        """Draws one of the 423,624 members uniformly; the first draw of a process takes a second."""
        return member_of_cell(draw_cell(rng))

    def neighbours(self, arch: Member) -> Iterator[Member]:
        """The members with another operation, an edge more or less, or a vertex more or less on an edge."""
        found = dict.fromkeys(member_of_cell(cell) for cell, _ in self._cell_of(arch).edits())
        return (other for other in found if other != arch)

    def parse(self, text: str) -> Member:
        """Reads `conv3x3:0|conv1x1:01|output:12`, the benchmark's JSON or a row of a table, in any form of the cell.

        The first has for each vertex what it does and reads, the second `module_adjacency` and `module_operations`, or
        `matrix` and `ops`, the third the bits of the upper triangle and the operations:
        `100001...,conv3x3-bn-relu|maxpool3x3|...`. A tuple of NASLib is read too.
        """
        return member_of_cell(parse_cell(text))

    def from_matrix(self, matrix: Sequence[Sequence[Any]], operations: Sequence[str]) -> Member:
        """The member of a `ModelSpec(matrix, ops)` of the benchmark, pruned; `ArchitectureError` where it is none."""
        return member_of_cell(cell_of_matrix(matrix, operations))

    def to_matrix(self, arch: Member) -> tuple[list[list[int]], list[str]]:
        """The matrix and operations that the benchmark's `ModelSpec` takes."""
        return matrix_of_cell(self._cell_of(arch))

    def from_naslib(self, numbers: Sequence[int]) -> Member:
        """The member of a tuple of NASLib, a matrix row by row and its operations; pruned."""
        return member_of_cell(cell_of_numbers(numbers))

    def to_naslib(self, arch: Member) -> tuple[int, ...]:
        """The tuple that NASLib calls a member by."""
        return numbers_of_cell(self._cell_of(arch))

    def format(self, arch: Member) -> str:
        self._cell_of(arch)
        return "|".join(arch)

    def benchmark(self) -> TrainedBenchmark:
        """Networks that this project has trained, of a cell a stack and 16 channels; published ones are not shipped."""
        return TrainedBenchmark(self, asset(TRAININGS))

    def canonical(self, arch: Member) -> str:
        """A key equal for members that compute the same family of functions in this skeleton.

        That is more than being one cell: two vertices that do and read the same are worth one that is read twice, where
        the channels allow. Agrees with `function_key` of the live graph.
        """
        cell = self._cell_of(arch)
        return ";".join(dict.fromkeys(cell.formula(self.width * 2**stack) for stack in range(STACKS)))

    def encode(self, arch: Member) -> dict[str, float]:
        """Features for surrogates: operations, size, how channels are divided, and a summary of the paths."""
        return summary_of(self._cell_of(arch))

    def cell(self, arch: Member) -> EncodedCell:
        """The cell as a matrix and as paths, for encodings."""
        return EncodedCell(self._cell_of(arch))

    def diagrams(self, arch: Member) -> list[Diagram]:
        """The cell."""
        cell = self._cell_of(arch)
        labels = ("in", *(LABELS[op] for op in cell.ops), "out")
        return [Diagram("", labels, tuple(cell.edges()), frozenset((0, cell.last)))]

    def simplest(self) -> Iterator[Member]:
        """The cell without an operation, and the three with one."""
        yield from self.cells(2)
        yield from (member_of_cell(Cell((op,), ((0,), (1,)))) for op in OPERATIONS)

    def expand(self, arch: Member) -> Iterator[Member]:
        """The members with one edge more: between two vertices, or by a vertex on an edge; all come about so."""
        return iter(dict.fromkeys(member_of_cell(cell) for cell, more in self._cell_of(arch).edits() if more > 0))

    def network(self, arch: Member) -> Network:
        return Network.of(build_network(self, self._cell_of(arch)))

    def choices(self) -> tuple[Choice, ...]:
        """The decisions: of seven vertices, whether each reads each one before it, and what it does."""
        return DECISIONS

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        """Options of the next decision with which the output is still reached within nine edges."""
        name = DECISIONS[len(chosen)].name
        if name.startswith("vertex"):
            return range(len(OPERATIONS))
        edges = _edges(chosen)
        source, target = map(int, name.split("-"))
        reached = {0}
        for s, t in edges:  # by rising target
            reached |= {t} if s in reached else set()
        joined = OUTPUT_VERTEX in reached
        joins = target == OUTPUT_VERTEX and source in reached
        if source == 0 and target == OUTPUT_VERTEX and not joined:
            return (1,)
        return (0, 1) if len(edges) + (not joined and not joins) < MAX_EDGES else (0,)

    def from_choices(self, chosen: Sequence[int]) -> Member:
        """The live part of what was decided; `ArchitectureError` where the output is cut off."""
        named = zip(DECISIONS, chosen, strict=True)
        ops = [OPERATIONS[option] for decision, option in named if decision.name.startswith("vertex")]
        return member_of_cell(live_cell(ops, _edges(chosen)))

    def to_choices(self, arch: Member) -> tuple[int, ...]:
        """The decisions of a member; vertices that it lacks read nothing."""
        cell = self._cell_of(arch)
        ops = {f"vertex{v}": OPERATIONS.index(op) for v, op in enumerate(cell.ops, start=1)}
        edges = {f"{s}-{OUTPUT_VERTEX if t == cell.last else t}": 1 for s, t in cell.edges()}
        return tuple((ops | edges).get(decision.name, 0) for decision in DECISIONS)

    def _cell_of(self, arch: Any) -> Cell:
        """The cell of a member; `ArchitectureError` for what is none."""
        if not isinstance(arch, tuple) or not all(isinstance(token, str) for token in arch):
            raise ArchitectureError(
                "not a NAS-Bench-101 cell",
                got=arch,
                expected='such as ("conv3x3:0", "conv1x1:01", "output:12"), or a string',
                fix="NASBench101.parse reads strings, the benchmark's JSON and rows of tables",
            )
        return cell_of_member(arch)


def _edges(chosen: Sequence[int]) -> list[tuple[int, int]]:
    """The edges among the decisions taken so far, by rising target."""
    named = (decision.name for decision, option in zip(DECISIONS, chosen, strict=False) if option)
    found = [tuple(map(int, name.split("-"))) for name in named if "-" in name]
    return [(source, target) for source, target in found]


def build_network(skeleton: Skeleton, cell: Cell) -> Graph:
    """Builds the network of a cell.

    Source: Ying et al. 2019, sec. 2.2 and fig. 1: a stem, and three stacks of cells with a 2x2 max pooling between
    them that halves the image, while the channels double.
    """
    b = GraphBuilder(skeleton.input_shape)
    x = _conv(b, b.input, "stem", skeleton.width, 3)
    for stack in range(STACKS):
        if stack:
            x = b.add("max_pool", x, name=f"stack{stack}/pool", kernel=2, stride=2)
        for k in range(skeleton.depth):
            x = _cell(b, x, f"stack{stack}/cell{k}", cell, skeleton.width * 2**stack)
    x = b.add("global_pool", x, name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=skeleton.classes))


def _cell(b: GraphBuilder, x: int, name: str, cell: Cell, out: int) -> int:
    """Adds a cell with `out` channels.

    What the input feeds is projected by a 1x1 convolution. A vertex adds what it reads, without the last channel of
    what is one wider; the output concatenates, and adds the projected input.
    """
    values = [x]
    for v, (op, read, own) in enumerate(zip(cell.ops, cell.reads, cell.channels(out), strict=False), start=1):
        at = f"{name}/vertex{v}"
        terms = [_narrowed(b, values[source], f"{at}/from{source}", own) for source in read if source]
        if 0 in read:
            terms.append(_conv(b, x, f"{at}/projection", own, 1))
        term = b.add("sum", *terms, name=f"{at}/sum") if len(terms) > 1 else terms[0]
        values.append(_operation(b, term, at, op))
    read = cell.reads[-1]
    joined = [values[source] for source in read if source]
    terms = [b.add("concat", *joined, name=f"{name}/concat") if len(joined) > 1 else joined[0]] if joined else []
    if 0 in read:
        terms.append(_conv(b, x, f"{name}/projection", out, 1))
    return b.add("sum", *terms, name=f"{name}/sum") if len(terms) > 1 else terms[0]


def _operation(b: GraphBuilder, x: int, name: str, op: str) -> int:
    """Adds the operation of a vertex, under a name of its own."""
    if op == "maxpool3x3":
        return b.add("max_pool", x, name=f"{name}/{op}", kernel=3, padding=1)
    return _conv(b, x, f"{name}/{op}", b.shape(x)[0], int(op[-1]))


def _narrowed(b: GraphBuilder, x: int, name: str, channels: int) -> int:
    """The first channels of a value; the value where it has no more."""
    return x if b.shape(x)[0] == channels else b.add("narrow", x, name=name, out=channels)


def _conv(b: GraphBuilder, x: int, name: str, out: int, kernel: int) -> int:
    """Convolution, normalisation, ReLU: the benchmark's order."""
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=kernel, padding=kernel // 2)
    x = b.add("batch_norm", x, name=f"{name}/norm")
    return b.add("relu", x, name=f"{name}/relu")
