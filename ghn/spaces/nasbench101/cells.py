"""Cells of NAS-Bench-101: operations on vertices, and which vertices each of them reads.

Cells that are equal but for the order of their vertices are one member of the space. The benchmark trained one form of
each, the first that its enumeration met, and the order matters: vertices before others get the channels that are left
over. So a cell is always brought into that form, and only then has the benchmark's own number of parameters.

Source: Ying, Klein, Christiansen, Real, Murphy & Hutter, "NAS-Bench-101: Towards Reproducible Neural Architecture
Search", ICML 2019, sec. 2.1 and 2.2; the order of the enumeration, and which vertices get the channels left over, are
those of the authors' code (github.com/google-research/nasbench).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from ghn.errors import ArchitectureError

OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")  # in the benchmark's order, which decides between forms
OUTPUT = "output"
MAX_VERTICES, MAX_EDGES = 7, 9  # input and output count as vertices
Member = tuple[str, ...]  # for each vertex but the input what it does and reads: ("conv3x3:0", "output:01")
Edge = tuple[int, int]  # (from, to)


class Cell(NamedTuple):
    """A cell; vertex 0 is the input and the last one the output, and vertices come after those that they read."""

    ops: tuple[str, ...]  # of the vertices between input and output
    reads: tuple[tuple[int, ...], ...]  # for each vertex but the input those that it reads, in rising order

    @property
    def last(self) -> int:
        """The output."""
        return len(self.reads)

    def edges(self) -> list[Edge]:
        """All of them, by what they lead to."""
        return [(source, target) for target, read in enumerate(self.reads, start=1) for source in read]

    def paths(self) -> list[tuple[str, ...]]:
        """The operations on each path from input to output."""
        ways: list[list[tuple[str, ...]]] = [[()]]
        for op, read in zip((*self.ops, ""), self.reads, strict=True):
            ways.append([(*way, op) if op else way for source in read for way in ways[source]])
        return ways[-1]

    def channels(self, out: int) -> list[int]:
        """Channels of the vertices from 1 on, in a cell with `out` of them.

        They are divided among the vertices that the output reads, what is left over going to the first of them; any
        other vertex has as many as the widest of those that read it.

        Source: Ying et al. 2019, sec. 2.2 and the authors' `compute_vertex_channels`.
        """
        read = [source for source in self.reads[-1] if source]
        found = {self.last: out} | {v: out // len(read) + (i < out % len(read)) for i, v in enumerate(read)}
        for v in range(self.last - 1, 0, -1):
            if v not in found:
                found[v] = max(found[t] for t, sources in enumerate(self.reads, start=1) if v in sources)
        return [found[v] for v in range(1, self.last + 1)]

    def formula(self, out: int) -> str:
        """What a cell with `out` channels computes, without names of vertices: equal for equal functions."""
        channels, values = self.channels(out), [""]
        for v, (op, read) in enumerate(zip((*self.ops, OUTPUT), self.reads, strict=True), start=1):
            own = channels[v - 1]
            if op == OUTPUT:  # concatenated, in order; the projected input is added
                joined = ",".join(values[source] for source in read if source)
                values.append(f"[{joined}]" + "+in" * (0 in read))
                continue
            terms = [f"{values[s]}>{own}" if channels[s - 1] > own else values[s] for s in read if s]
            terms += ["in"] * (0 in read)
            values.append(f"{op}.{own}({'+'.join(sorted(terms))})")
        return values[-1]

    def edits(self) -> Iterator[tuple[Cell, int]]:
        """Every cell that is one edit away, maybe several times, and by how many edges it is larger.

        An edit changes an operation, adds an edge or takes one away, or puts a vertex on an edge or takes one off. All
        have an inverse, every vertex stays on a path from input to output, and the limits are kept.
        """
        edges, outs, ins = self.edges(), [0] * (self.last + 1), [0] * (self.last + 1)
        for source, target in edges:
            outs[source] += 1
            ins[target] += 1
        for i, old in enumerate(self.ops):
            for op in OPERATIONS:
                if op != old:
                    yield first_form((*self.ops[:i], op, *self.ops[i + 1 :]), edges), 0
        for edge in edges:
            if outs[edge[0]] > 1 and ins[edge[1]] > 1:
                yield first_form(self.ops, [e for e in edges if e != edge]), -1
        for v in range(1, self.last):
            if outs[v] == ins[v] == 1 and (around := self._around(v)) not in edges:
                yield self._without(v, around), -1
        if len(edges) < MAX_EDGES:
            for edge in self._addable():
                yield first_form(self.ops, [*edges, edge]), 1
            if self.last + 1 < MAX_VERTICES:
                yield from ((self._with(op, edge), 1) for edge, op in product(edges, OPERATIONS))

    def _addable(self) -> Iterator[Edge]:
        """Edges that are not there and close no circle, in either direction of the numbers."""
        before: list[set[int]] = [set()]  # of each vertex: those that it depends on
        for read in self.reads:
            before.append(set(read).union(*(before[source] for source in read)))
        for source, target in product(range(self.last), range(1, self.last + 1)):
            read = self.reads[target - 1]
            if source != target and source not in read and target not in before[source]:
                yield source, target

    def _around(self, v: int) -> Edge:
        """The edge from the one vertex that `v` reads to the one that reads it."""
        return self.reads[v - 1][0], next(t for t, read in enumerate(self.reads, start=1) if v in read)

    def _without(self, v: int, around: Edge) -> Cell:
        """The cell in which `around` stands for the vertex `v` and its two edges."""
        kept = [edge for edge in self.edges() if v not in edge]
        moved = [(s - (s > v), t - (t > v)) for s, t in (*kept, around)]
        return first_form((*self.ops[: v - 1], *self.ops[v:]), moved)

    def _with(self, op: str, edge: Edge) -> Cell:
        """The cell with one more vertex, on an edge."""
        new, kept = self.last, [e for e in self.edges() if e != edge]  # the output's number goes up by one
        moved = [(s, t + (t == new)) for s, t in (*kept, (edge[0], -1), (-1, edge[1]))]
        return first_form((*self.ops, op), [(new if s < 0 else s, new if t < 0 else t) for s, t in moved])


def orders(count: int, edges: Collection[Edge]) -> Iterator[tuple[int, ...]]:
    """All orders of `count` vertices, the first and the last in place, in which each comes after those it reads."""
    needs: list[int] = [0] * count  # the vertices that each reads, as bits
    for source, target in edges:
        needs[target] |= 1 << source

    def grow(order: tuple[int, ...], placed: int) -> Iterator[tuple[int, ...]]:
        if len(order) == count - 1:
            yield (*order, count - 1)
        for v in range(1, count - 1):
            if not placed >> v & 1 and not needs[v] & ~placed:
                yield from grow((*order, v), placed | 1 << v)

    return grow((0,), 1)


def numbered(order: Sequence[int], edges: Collection[Edge]) -> tuple[int, ...]:
    """What each vertex reads, as bits, the last vertex first, where vertex `order[i]` is number i.

    These numbers compare as the benchmark's enumeration does: it counts matrices column by column, the last one last.
    """
    position = {v: i for i, v in enumerate(order)}
    columns = [0] * len(order)
    for source, target in edges:
        columns[position[target]] |= 1 << position[source]
    return tuple(columns[:0:-1])


def first_form(ops: Sequence[str], edges: Collection[Edge]) -> Cell:
    """The form of a cell that the benchmark's enumeration meets first.

    Args:
        ops: of vertices 1, 2, ...; vertex 0 is the input, `len(ops) + 1` the output.
        edges: without a circle, with every vertex on a path from input to output; numbers need not rise along them.
    """
    rank = [OPERATIONS.index(op) for op in ops]
    columns, ranks = min((numbered(o, edges), tuple(rank[v - 1] for v in o[1:-1])) for o in orders(len(ops) + 2, edges))
    reads = tuple(tuple(s for s in range(MAX_VERTICES) if column >> s & 1) for column in reversed(columns))
    return Cell(tuple(OPERATIONS[r] for r in ranks), reads)


def pruned(ops: Sequence[str], edges: Collection[Edge]) -> tuple[list[str], list[Edge]]:
    """Operations and edges of what is on a path from input to output; `ArchitectureError` where there is no path."""
    last = len(ops) + 1
    reached, useful = _closure(0, edges), _closure(last, [(t, s) for s, t in edges])
    kept = sorted(reached & useful)
    if last not in reached:
        raise ArchitectureError("the output of a NAS-Bench-101 cell is cut off from its input", got=sorted(edges))
    number = {v: i for i, v in enumerate(kept)}
    live = [(number[s], number[t]) for s, t in edges if s in number and t in number]
    return [ops[v - 1] for v in kept[1:-1]], live


def _closure(start: int, edges: Collection[Edge]) -> set[int]:
    """All that can be reached from a vertex."""
    found, todo = {start}, [start]
    while todo:
        v = todo.pop()
        new = {t for s, t in edges if s == v} - found
        found |= new
        todo += new
    return found


def live_cell(ops: Sequence[str], edges: Collection[Edge]) -> Cell:
    """The live part of a cell, in its first form.

    Args:
        ops: of the vertices between input and output, one of `OPERATIONS` each.
        edges: as (from, to), `from` smaller than `to`.

    Raises:
        ArchitectureError: there is no path from input to output, or there are more vertices than the benchmark has, or
            more edges on paths.
    """
    if len(ops) + 2 > MAX_VERTICES:
        expected = f"at most {MAX_VERTICES}, input and output among them"
        raise ArchitectureError("too many vertices for NAS-Bench-101", got=len(ops) + 2, expected=expected)
    kept, live = pruned(ops, edges)
    if len(live) > MAX_EDGES:
        expected = f"at most {MAX_EDGES} on paths from input to output"
        raise ArchitectureError("too many edges for NAS-Bench-101", got=len(live), expected=expected)
    return first_form(kept, live)


def member_of_cell(cell: Cell) -> Member:
    """The member of the space that a cell in its first form is."""
    return tuple(f"{op}:{''.join(map(str, read))}" for op, read in zip((*cell.ops, OUTPUT), cell.reads, strict=True))


@lru_cache(maxsize=1 << 16)
def cell_of_member(arch: Member) -> Cell:
    """The cell of a member; `ArchitectureError` where it is none."""
    ops, edges = read_tokens(arch)
    cell = live_cell(ops, edges)
    if member_of_cell(cell) != arch:
        raise ArchitectureError(
            "a NAS-Bench-101 cell in another form than the benchmark's own",
            got=arch,
            expected=member_of_cell(cell),
            fix="NASBench101.parse reads any form of a cell, and prunes it",
        )
    return cell


def read_tokens(tokens: Sequence[str]) -> tuple[list[str], list[Edge]]:
    """Operations and edges of `conv3x3:0`, ..., `output:01`: the vertices from 1 on, and what they read."""
    ops, edges = [], list[Edge]()
    for target, token in enumerate(tokens, start=1):
        op, colon, read = token.partition(":")
        known = (OUTPUT,) if target == len(tokens) else OPERATIONS
        wrong = [source for source in read if source not in "0123456"[:target]]
        if op not in known or not colon or wrong or len(set(read)) < len(read):
            raise ArchitectureError(
                f"vertex {target} of a NAS-Bench-101 cell",
                got=token[:60],
                expected=f"{' | '.join(known)}, then ':' and numbers of earlier vertices, each once; 0 is the input",
            )
        ops.append(op)
        edges += [(int(source), target) for source in read]
    return ops[:-1], edges
