"""The DARTS space: a normal and a reduction cell of four nodes with two inputs each, seven operations.

Source: Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, sec. 3.1; also the space of
Zela et al., "Surrogate NAS Benchmarks" (NAS-Bench-301), ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from ghn.graph.diagram import Diagram, cell_diagram
from ghn.graph.ir import GraphBuilder
from ghn.spaces.choices import Choice, Joint, Supergraph
from ghn.spaces.darts.genotype import Genotype, Pairs, format_genotype, formulas, genotype, pairs_of, parse_genotype
from ghn.spaces.darts.network import CELLS, LABELS, NODES, OPERATIONS, Edge, build_network, operation, zeros
from ghn.spaces.skeleton import Skeleton
from ghn.types import Network

OPTIONS = ("none", *OPERATIONS)  # of an edge, in a supergraph
EDGES = tuple((cell, source, node) for cell in CELLS for node in NODES for source in range(node))


@dataclass(frozen=True)
class DARTS(Skeleton):
    """The space; its members are tuples of 16 strings such as `sep_conv_3x3~0`, the two of a node in order of source.

    A source is 0 or 1 for the outputs of the cells before the last and before it, 2 to 5 for the nodes of the cell.

    Args:
        input_shape: (c, h, w) of the images.
        classes: number of classes.
        width: channels C of the first cells (16 in the search, 36 in the paper's evaluation); the stem has three times
            as many.
        depth: number of cells (8 in the search, 20 in the paper's evaluation); those at a third and at two thirds
            reduce.
    """

    depth: int = 8
    name: str = "darts"
    title: ClassVar[str] = "DARTS"
    least_depth: ClassVar[int] = 3

    def sample(self, rng: Random) -> Genotype:
        """Draws a member uniformly: two sources and their operations for each node."""
        pairs = [
            (rng.choice(OPERATIONS), source)
            for _ in CELLS
            for node in NODES
            for source in sorted(rng.sample(range(node), 2))
        ]
        return genotype(pairs)

    def neighbours(self, arch: Genotype) -> Iterator[Genotype]:
        """The members with another operation on one edge (96), or another source of one (24)."""
        pairs = self.pairs(arch)
        for i, (op, source) in enumerate(pairs):
            for other in OPERATIONS:
                if other != op:
                    yield genotype([*pairs[:i], (other, source), *pairs[i + 1 :]])
            taken = {pairs[i][1], pairs[i ^ 1][1]}
            for other_source in range(NODES[i // 2 % len(NODES)]):
                if other_source not in taken:
                    yield genotype([*pairs[:i], (op, other_source), *pairs[i + 1 :]])

    def pairs(self, arch: Genotype) -> Pairs:
        """The (operation, source) pairs of a member, two a node.

        Raises:
            ArchitectureError: not a member of the space.
        """
        return pairs_of(arch)

    def parse(self, text: str) -> Genotype:
        """Reads a genotype as the authors' code prints it: `Genotype(normal=[('sep_conv_3x3', 0), ...], ...)`.

        Raises:
            ArchitectureError: malformed, or not a member of the space.
        """
        arch = genotype(parse_genotype(text))
        self.pairs(arch)
        return arch

    def format(self, arch: Genotype) -> str:
        """Writes the genotype as the authors' code prints it."""
        return format_genotype(self.pairs(arch))

    def canonical(self, arch: Genotype) -> str:
        """A key equal for members that compute the same family of functions in this skeleton.

        A node's value is a multiset of terms, each an operation on a value; skips of stride 1 are dissolved. The order
        of the nodes counts, as their outputs are concatenated. Agrees with `function_key` of the live graph.
        """
        pairs = self.pairs(arch)
        half = len(pairs) // len(CELLS)
        # in the smallest skeleton the only normal cell is the first, which reads the stem twice
        normal = formulas(pairs[:half], ("x", "x") if self.depth == 3 else ("x0", "x1"), dissolved=0)
        return f"{normal}; {formulas(pairs[half:], ('x0', 'x1'), dissolved=2)}"

    def encode(self, arch: Genotype) -> dict[str, float]:
        """Features for surrogates: for each cell counts of its operations, and how deep it is."""
        pairs = self.pairs(arch)
        out: dict[str, float] = {}
        half = len(pairs) // len(CELLS)
        for cell, own in zip(CELLS, (pairs[:half], pairs[half:]), strict=True):
            out |= {f"{cell}_{op}": float(sum(o == op for o, _ in own)) for op in OPERATIONS}
            depth = [0, 0]
            for k in range(len(NODES)):
                depth.append(1 + max(depth[source] for _, source in own[2 * k : 2 * k + 2]))
            out[f"{cell}_depth"] = float(max(depth))
        return out

    def diagrams(self, arch: Genotype) -> list[Diagram]:
        """Both cells."""
        pairs, half, last = self.pairs(arch), 2 * len(NODES), max(NODES) + 1
        labels = dict(zip(OPERATIONS, LABELS, strict=True))
        joins = [(node, last, "") for node in NODES]
        found = []
        for c, name in enumerate(CELLS):
            own = enumerate(pairs[c * half : (c + 1) * half])
            edges = [(source, NODES[k // 2], labels[op]) for k, (op, source) in own]
            found.append(cell_diagram(f"{name} cell", {0: "cell k-2", 1: "cell k-1", last: "concat"}, edges + joins))
        return found

    def network(self, arch: Genotype) -> Network:
        """The whole network, as it is trained in the paper's evaluation, without auxiliary head and path dropout."""
        place = {}
        for i, (op, source) in enumerate(self.pairs(arch)):
            cell, node = divmod(i // 2, len(NODES))
            place[CELLS[cell], source, NODES[node]] = op

        def edge(b: GraphBuilder, x: int, name: str, where: Edge, stride: int) -> int | None:
            return operation(b, x, name, place[where], stride) if where in place else None

        return Network.of(build_network(self, edge))

    def choices(self) -> tuple[Choice, ...]:
        """The decisions: an operation, or none, for each of the 14 edges of both cells."""
        return tuple(Choice(f"{cell}/{source}-{node}", OPTIONS) for cell, source, node in EDGES)

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        """Options of the next edge, so that each node gets two inputs: some operation, none, or either."""
        i = len(chosen)
        _, source, node = EDGES[i]
        have = sum(option > 0 for option in chosen[i - source :])
        if have == 2:
            return (0,)
        return range(1, len(OPTIONS)) if node - source == 2 - have else range(len(OPTIONS))

    def from_choices(self, chosen: Sequence[int]) -> Genotype:
        """The member with these operations on its edges."""
        arch = genotype([(OPTIONS[o], source) for o, (_, source, _) in zip(chosen, EDGES, strict=True) if o])
        self.pairs(arch)
        return arch

    def to_choices(self, arch: Genotype) -> tuple[int, ...]:
        """The operations on the edges of a member."""
        pairs = iter(self.pairs(arch))
        found: dict[Edge, int] = {}
        for cell in CELLS:
            for node in NODES:
                found |= {(cell, s, node): OPTIONS.index(op) for op, s in (next(pairs), next(pairs))}
        return tuple(found.get(edge, 0) for edge in EDGES)

    def discretise(self, probabilities: Sequence[Sequence[float]]) -> Genotype:
        """For each node the two edges with the strongest operation other than none, and these operations.

        Source: Liu, Simonyan & Yang 2019, sec. 2.4.
        """
        best = [max(range(1, len(OPTIONS)), key=p.__getitem__) for p in probabilities]
        strength = {edge: p[o] for edge, p, o in zip(EDGES, probabilities, best, strict=True)}
        chosen = []
        for edge, option in zip(EDGES, best, strict=True):
            cell, _, node = edge
            into = sorted(((cell, source, node) for source in range(node)), key=strength.__getitem__)
            chosen.append(option if edge in into[-2:] else 0)
        return self.from_choices(chosen)

    def supergraph(self, kept: Sequence[Sequence[int]] | None = None, *, mixed: bool = True) -> Supergraph:
        """The network with several operations on each of the 14 edges of a cell."""
        joint, index = Joint(kept, mixed), {edge: i for i, edge in enumerate(EDGES)}

        def edge(b: GraphBuilder, x: int, name: str, where: Edge, stride: int) -> int:
            options = joint.options(index[where], OPTIONS)
            terms = [operation(b, x, name, op, stride) for op in options]
            return joint.join(b, terms or [zeros(b, x, name, stride)], name, index[where])

        return Supergraph(build_network(self, edge), joint.choice_of)
