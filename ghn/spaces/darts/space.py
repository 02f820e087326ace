"""The DARTS space: a normal and a reduction cell of four nodes with two inputs each, seven operations.

Source: Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, sec. 3.1; also the space of
Zela et al., "Surrogate NAS Benchmarks" (NAS-Bench-301), ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from ghn.assets import asset
from ghn.errors import ArchitectureError
from ghn.graph.diagram import Diagram, cell_diagram
from ghn.graph.ir import Graph, GraphBuilder
from ghn.spaces.choices import Choice, Joint, Supergraph
from ghn.spaces.darts.configuration import format_configuration, parse_configuration
from ghn.spaces.darts.genotype import (
    CELLS,
    NODES,
    OPERATIONS,
    Genotype,
    Pairs,
    format_genotype,
    formulas,
    genotype,
    pairs_of,
    parse_genotype,
)
from ghn.spaces.darts.notation import (
    HALF,
    choices_of,
    compact_of,
    genotypes_in,
    is_nni,
    pairs_of_choices,
    pairs_of_compact,
)
from ghn.spaces.literals import read_value
from ghn.spaces.skeleton import Skeleton
from ghn.spaces.trained import TrainedBenchmark
from ghn.types import Network

LABELS = ("max 3x3", "avg 3x3", "skip", "sep 3x3", "sep 5x5", "dil 3x3", "dil 5x5")  # of operations, in pictures
Edge = tuple[str, int, int]  # (kind of cell, source, node)
EdgeBuilder = Callable[[GraphBuilder, int, str, Edge, int], "int | None"]  # (builder, input, name, edge, stride)
OPTIONS = ("none", *OPERATIONS)  # of an edge, in a supergraph
TRAININGS = "data/references/darts.jsonl"
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
    own_depth: ClassVar[int] = 8  # of NAS-Bench-301, and of the search in DARTS

    def sample(self, rng: Random) -> Genotype:
        """Draws a member uniformly: two sources and their operations for each node."""
        sources = (source for node in NODES * len(CELLS) for source in sorted(rng.sample(range(node), 2)))
        return genotype([(rng.choice(OPERATIONS), source) for source in sources])

    def neighbours(self, arch: Genotype) -> Iterator[Genotype]:
        """The members with another operation on one edge (96), or another source of one (24)."""
        pairs = pairs_of(arch)
        for i, (op, source) in enumerate(pairs):
            for other in OPERATIONS:
                if other != op:
                    yield genotype([*pairs[:i], (other, source), *pairs[i + 1 :]])
            taken = {pairs[i][1], pairs[i ^ 1][1]}
            for other_source in range(NODES[i // 2 % len(NODES)]):
                if other_source not in taken:
                    yield genotype([*pairs[:i], (op, other_source), *pairs[i + 1 :]])

    def parse(self, text: str) -> Genotype:
        """Reads a genotype as the authors' code prints it: `Genotype(normal=[('sep_conv_3x3', 0), ...], ...)`.

        `NAME = ` may stand before it. Or a compact genotype of NASLib, or the JSON of a configuration of NAS-Bench-301
        or of choices of NNI.
        """
        if not isinstance(text, str) or text.strip()[:1] not in ("(", "[", "{"):
            return _member(parse_genotype(text))
        try:
            value = read_value(text)
        except ValueError as error:
            expected = "a genotype, a configuration of NAS-Bench-301, or choices of NNI"
            raise ArchitectureError(
                f"malformed text of a DARTS member: {error}", got=text[:100], expected=expected
            ) from None
        if not isinstance(value, dict):
            return self.from_naslib(value)
        return self.from_nni(value) if is_nni(value) else self.from_configuration(value)

    def from_source(self, text: str) -> dict[str, Genotype]:
        """The members that a Python file names, `NAME = Genotype(...)`; it is read, and not run."""
        return genotypes_in(text)

    def from_naslib(self, compact: Sequence[Any]) -> Genotype:
        """The member of a compact genotype of NASLib: for both cells eight pairs (source, operation's number)."""
        return _member(pairs_of_compact(compact))

    def to_naslib(self, arch: Genotype) -> tuple[tuple[tuple[int, int], ...], ...]:
        """The compact genotype of NASLib."""
        return compact_of(pairs_of(arch))

    def from_nni(self, choices: Mapping[str, Any]) -> Genotype:
        """The member of choices of NNI's DARTS space; `ArchitectureError` names the key that is wrong or missing."""
        return _member(pairs_of_choices(choices))

    def to_nni(self, arch: Genotype) -> dict[str, Any]:
        """The choices of NNI's DARTS space."""
        return choices_of(pairs_of(arch))

    def from_configuration(self, configuration: Mapping[str, Any]) -> Genotype:
        """The member of a configuration of NAS-Bench-301: `NetworkSelectorDatasetInfo:darts:edge_normal_0`, ..."""
        return _member(parse_configuration(configuration))

    def to_configuration(self, arch: Genotype) -> dict[str, str]:
        """What NAS-Bench-301 calls a member; its settings of training and skeleton are not among it."""
        return format_configuration(pairs_of(arch))

    def format(self, arch: Genotype) -> str:
        return format_genotype(pairs_of(arch))

    def canonical(self, arch: Genotype) -> str:
        """A key equal for members that compute the same family of functions in this skeleton.

        A node's value is a multiset of terms, each an operation on a value; skips of stride 1 are dissolved. The order
        of the nodes counts, as their outputs are concatenated. Agrees with `function_key` of the live graph.
        """
        pairs = pairs_of(arch)
        # in the smallest skeleton the only normal cell is the first, which reads the stem twice
        normal = formulas(pairs[:HALF], ("x", "x") if self.depth == 3 else ("x0", "x1"), dissolved=0)
        return f"{normal}; {formulas(pairs[HALF:], ('x0', 'x1'), dissolved=2)}"

    def encode(self, arch: Genotype) -> dict[str, float]:
        """Features for surrogates: for each cell counts of its operations, and how deep it is."""
        pairs, out = pairs_of(arch), dict[str, float]()
        for cell, own in zip(CELLS, (pairs[:HALF], pairs[HALF:]), strict=True):
            out |= {f"{cell}_{op}": float(sum(o == op for o, _ in own)) for op in OPERATIONS}
            depth = [0, 0]
            for k in range(len(NODES)):
                depth.append(1 + max(depth[source] for _, source in own[2 * k : 2 * k + 2]))
            out[f"{cell}_depth"] = float(max(depth))
        return out

    def diagrams(self, arch: Genotype) -> list[Diagram]:
        """Both cells."""
        pairs, last = pairs_of(arch), max(NODES) + 1
        labels = dict(zip(OPERATIONS, LABELS, strict=True))
        joins = [(node, last, "") for node in NODES]
        found = []
        for c, name in enumerate(CELLS):
            own = enumerate(pairs[c * HALF : (c + 1) * HALF])
            edges = [(source, NODES[k // 2], labels[op]) for k, (op, source) in own]
            found.append(cell_diagram(f"{name} cell", {0: "cell k-2", 1: "cell k-1", last: "concat"}, edges + joins))
        return found

    def network(self, arch: Genotype) -> Network:
        """The whole network, as it is trained in the paper's evaluation, without auxiliary head and path dropout."""
        place = {}
        for i, (op, source) in enumerate(pairs_of(arch)):
            cell, node = divmod(i // 2, len(NODES))
            place[CELLS[cell], source, NODES[node]] = op

        def edge(b: GraphBuilder, x: int, name: str, where: Edge, stride: int) -> int | None:
            return operation(b, x, name, place[where], stride) if where in place else None

        return Network.of(build_network(self, edge))

    def benchmark(self) -> TrainedBenchmark:
        """Networks that this project has trained, of five cells of 8 channels; published accuracies are not shipped."""
        return TrainedBenchmark(self, asset(TRAININGS))

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
        return _member([(OPTIONS[o], source) for o, (_, source, _) in zip(chosen, EDGES, strict=True) if o])

    def to_choices(self, arch: Genotype) -> tuple[int, ...]:
        pairs = iter(pairs_of(arch))
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
        joint, index = Joint(kept, mixed), {edge: i for i, edge in enumerate(EDGES)}

        def edge(b: GraphBuilder, x: int, name: str, where: Edge, stride: int) -> int:
            options = joint.options(index[where], OPTIONS)
            terms = [operation(b, x, name, op, stride) for op in options]
            return joint.join(b, terms or [zeros(b, x, name, stride)], name, index[where])

        return Supergraph(build_network(self, edge), joint.choice_of)


def _member(pairs: Pairs) -> Genotype:
    """The member of these pairs; `ArchitectureError` where there is none."""
    pairs_of(arch := genotype(pairs))
    return arch


def build_network(skeleton: Skeleton, edge: EdgeBuilder) -> Graph:
    """Builds the network whose cells have on each edge what `edge` builds there: None where there is nothing.

    Source: Liu, Simonyan & Yang, ICLR 2019, sec. 3.1 and appendix A; details, such as the order of ReLU, convolution
    and normalisation, are those of the authors' code for CIFAR-10, as published parameter counts rest on them.
    """
    b = GraphBuilder(skeleton.input_shape)
    x = b.add("conv", b.input, name="stem/conv", out=3 * skeleton.width, kernel=3, padding=1)
    before = last = b.add("batch_norm", x, name="stem/norm")
    width, after_reduction = skeleton.width, False
    for k in range(skeleton.depth):
        reduces = k in (skeleton.depth // 3, 2 * skeleton.depth // 3)
        width *= 2 if reduces else 1
        first = _factorised if after_reduction else _pointwise
        inputs = [first(b, before, f"cell{k}/input0", width), _pointwise(b, last, f"cell{k}/input1", width)]
        before, last = last, _cell(b, inputs, f"cell{k}", "reduce" if reduces else "normal", edge)
        after_reduction = reduces
    x = b.add("global_pool", last, name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=skeleton.classes))


def _cell(b: GraphBuilder, inputs: list[int], name: str, kind: str, edge: EdgeBuilder) -> int:
    values = list(inputs)
    for node in NODES:
        terms = []
        for source in range(node):
            stride = 2 if kind == "reduce" and source < 2 else 1
            term = edge(b, values[source], f"{name}/{source}-{node}", (kind, source, node), stride)
            terms += [] if term is None else [term]
        values.append(b.add("sum", *terms, name=f"{name}/node{node}"))
    return b.add("concat", *values[2:], name=f"{name}/output")


def operation(b: GraphBuilder, x: int, name: str, op: str, stride: int) -> int:
    """Adds the operation of an edge, under a name of its own; `none` gives zeros."""
    name, channels = f"{name}/{op}", b.shape(x)[0]
    if op == "none":
        return zeros(b, x, name, stride)
    if op == "skip_connect":
        return b.add("identity", x, name=f"{name}/skip") if stride == 1 else _factorised(b, x, name, channels)
    kind, size = op[:-4], int(op[-1])
    if kind in ("max_pool", "avg_pool"):
        return b.add(kind, x, name=f"{name}/pool", kernel=size, stride=stride, padding=1)
    if kind == "dil_conv":
        return _depthwise_separable(b, x, name, size, stride, dilation=2)
    x = _depthwise_separable(b, x, f"{name}/first", size, stride)
    return _depthwise_separable(b, x, f"{name}/second", size, 1)


def zeros(b: GraphBuilder, x: int, name: str, stride: int) -> int:
    """Adds what an edge without an operation gives."""
    c, h, w = b.shape(x)
    return b.add("zero", x, name=f"{name}/zero", c=c, h=h // stride, w=w // stride)


def _depthwise_separable(b: GraphBuilder, x: int, name: str, kernel: int, stride: int, dilation: int = 1) -> int:
    channels = b.shape(x)[0]
    window = {"kernel": kernel, "stride": stride, "padding": dilation * (kernel // 2), "dilation": dilation}
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/depthwise", out=channels, groups=channels, **window)
    x = b.add("conv", x, name=f"{name}/pointwise", out=channels, kernel=1)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _pointwise(b: GraphBuilder, x: int, name: str, out: int) -> int:
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=1)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _factorised(b: GraphBuilder, x: int, name: str, out: int) -> int:
    """Halves the image: one half of the channels reads its even pixels, the other its odd ones."""
    x = b.add("relu", x, name=f"{name}/relu")
    even = b.add("conv", x, name=f"{name}/even", out=out // 2, kernel=1, stride=2)
    x = b.add("crop", x, name=f"{name}/crop", top=1, left=1)
    odd = b.add("conv", x, name=f"{name}/odd", out=out - out // 2, kernel=1, stride=2)
    return b.add("batch_norm", b.add("concat", even, odd, name=f"{name}/concat"), name=f"{name}/norm")
