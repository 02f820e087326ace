"""How cells of NAS-Bench-101 are written: in this project's own way, and as matrices.

Own: `conv3x3:0|conv1x1:01|output:12`, for each vertex but the input what it does and which vertices it reads, by their
numbers; vertex 0 is the input. Matrices: the benchmark's JSON, `{"module_adjacency": [[0, 1, ...], ...],
"module_operations": ["input", "conv3x3-bn-relu", ..., "output"]}`, the same under the names of its `ModelSpec`,
`matrix` and `ops`; rows of tables, `1000001...,OPERATION|OPERATION|...`, whose bits are the upper triangle row by row;
and NASLib's tuples of numbers, the matrix row by row and then the operations. All are pruned, and brought into the one
form that is the member.

Source of NASLib's: github.com/automl/NASLib, search_spaces/nasbench101/conversions.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ghn.errors import ArchitectureError
from ghn.spaces.literals import as_lists, is_count, read_value
from ghn.spaces.nasbench101.cells import (
    MAX_VERTICES,
    OPERATIONS,
    OUTPUT,
    Cell,
    Edge,
    live_cell,
    read_tokens,
)

LONG = {f"{op}-bn-relu" if op.startswith("conv") else op: op for op in OPERATIONS}  # the benchmark's names
INPUT = "input"
NASLIB_OPERATIONS = (INPUT, OUTPUT, "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")  # by their numbers there
MATRICES = (("module_adjacency", "module_operations"), ("matrix", "ops"))  # names of matrix and operations
_LONGEST = 2000  # characters; a matrix in JSON has 300
_EXAMPLE = "conv3x3:0|conv1x1:01|output:12"
_ROW = re.compile(r"([01]+)\s*[,;\s]\s*(\S*)")


def parse_cell(text: Any) -> Cell:
    """Reads a cell in any of the ways in which it is written; `ArchitectureError` for all else."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _malformed("not a string of a cell's length", repr(text)[:60])
    text = text.strip()
    if text[:1] in ("{", "[", "("):
        try:
            value = read_value(text)
        except ValueError as error:
            raise _malformed(str(error), text) from None
        return _from_object(value) if isinstance(value, dict) else cell_of_numbers(value)
    if row := _ROW.fullmatch(text):
        return _from_row(row[1], row[2])
    tokens = text.split("|")
    if len(tokens) >= MAX_VERTICES:
        raise _malformed(f"{len(tokens)} vertices beside the input", text)
    return live_cell(*read_tokens(tokens))


def cell_of_matrix(matrix: Sequence[Sequence[Any]], operations: Sequence[Any]) -> Cell:
    """The cell of an adjacency matrix and the operations of all its vertices, as the benchmark has them.

    Args:
        matrix: [v, v], 0 or 1 (or booleans), with 1 in row i and column j where j reads i; nothing below the diagonal
            or on it.
        operations: [v], the first `input` and the last `output`, else such as `conv3x3-bn-relu`.

    Raises:
        ArchitectureError: not so, or no member of the space.
    """
    rows, names = as_lists(matrix), as_lists(operations)
    if not isinstance(rows, list) or not isinstance(names, list) or not all(isinstance(row, list) for row in rows):
        got, expected = f"{str(matrix)[:60]} and {str(operations)[:60]}", "rows of 0 and 1, and a list of operations"
        raise ArchitectureError("not a matrix of a NAS-Bench-101 cell", got=got, expected=expected)
    matrix, operations = rows, names
    size = len(operations)
    if not 2 <= size <= MAX_VERTICES or [len(row) for row in matrix] != [size] * size:
        got = f"{len(matrix)} rows and {size} operations"
        raise ArchitectureError("not a matrix of a NAS-Bench-101 cell", got=got, expected="2 to 7 of each, and square")
    edges = list[Edge]()
    for source, row in enumerate(matrix):
        for target, entry in enumerate(row):
            if entry not in (0, 1) or (entry and source >= target):
                raise ArchitectureError(
                    f"entry ({source}, {target}) of a NAS-Bench-101 matrix",
                    got=repr(entry)[:60],
                    expected="0 or 1, and 0 on the diagonal and below",
                )
            if entry:
                edges.append((source, target))
    if operations[0] != INPUT or operations[-1] != OUTPUT:
        raise ArchitectureError(
            "the ends of a NAS-Bench-101 cell", got=[operations[0], operations[-1]], expected=[INPUT, OUTPUT]
        )
    return live_cell([_operation(op) for op in operations[1:-1]], edges)


def matrix_of_cell(cell: Cell) -> tuple[list[list[int]], list[str]]:
    """The adjacency matrix of a cell, and the operations of all its vertices, as the benchmark's API takes them."""
    edges, long = set(cell.edges()), {op: name for name, op in LONG.items()}
    matrix = [[int((s, t) in edges) for t in range(cell.last + 1)] for s in range(cell.last + 1)]
    return matrix, [INPUT, *(long[op] for op in cell.ops), OUTPUT]


def cell_of_numbers(numbers: Any) -> Cell:
    """The cell of a tuple of NASLib; `ArchitectureError` where it is none."""
    plain = as_lists(numbers)
    sizes = {size * size + size: size for size in range(2, MAX_VERTICES + 1)}
    if not isinstance(plain, list) or len(plain) not in sizes:
        expected = f"n rows of n bits and n operations, n from 2 to {MAX_VERTICES}"
        got = f"{len(plain)} numbers" if isinstance(plain, list) else str(numbers)[:60]
        raise ArchitectureError("not a NAS-Bench-101 cell as NASLib writes it", got=got, expected=expected)
    size = sizes[len(plain)]
    matrix = [plain[row * size : (row + 1) * size] for row in range(size)]
    if wrong := [n for n in plain[-size:] if not is_count(n, len(NASLIB_OPERATIONS))]:
        named = ", ".join(f"{i}: {op}" for i, op in enumerate(NASLIB_OPERATIONS))
        raise ArchitectureError("unknown operation in a NASLib tuple", got=str(wrong[0])[:60], expected=named)
    return cell_of_matrix(matrix, [NASLIB_OPERATIONS[n] for n in plain[-size:]])


def numbers_of_cell(cell: Cell) -> tuple[int, ...]:
    """The tuple of NASLib."""
    matrix, operations = matrix_of_cell(cell)
    return (*(bit for row in matrix for bit in row), *map(NASLIB_OPERATIONS.index, operations))


def _from_object(content: dict[str, Any]) -> Cell:
    """The cell of an object that names a matrix and operations."""
    for keys in MATRICES:
        matrix, operations = (content.get(key) for key in keys)
        if isinstance(matrix, list) and isinstance(operations, list) and all(isinstance(row, list) for row in matrix):
            return cell_of_matrix(matrix, operations)
    wanted = " or ".join(" and ".join(keys) for keys in MATRICES)
    raise _malformed(f"no lists {wanted}", f"an object with {', '.join(map(str, content))}"[:200])


def _from_row(bits: str, joined: str) -> Cell:
    operations = joined.split("|") if joined else []
    size = len(operations) + 2
    places = [(source, target) for source in range(size) for target in range(source + 1, size)]
    if size > MAX_VERTICES or len(bits) != len(places):
        raise _malformed(f"{len(bits)} bits for {len(operations)} operations", f"{bits},{joined}")
    edges = [place for place, bit in zip(places, bits, strict=True) if bit == "1"]
    return live_cell([_operation(op) for op in operations], edges)


def _operation(name: Any) -> str:
    if not isinstance(name, str) or name not in LONG:
        raise ArchitectureError("unknown operation of NAS-Bench-101", got=repr(name)[:60], expected=" | ".join(LONG))
    return LONG[name]


def _malformed(what: str, text: object) -> ArchitectureError:
    return ArchitectureError(f"malformed NAS-Bench-101 cell: {what}", got=text, expected=f"such as {_EXAMPLE}")
