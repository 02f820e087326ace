"""Cells of NAS-Bench-201 as others write them: official strings, numbers of NASLib, choices of NNI, and indices.

Source: Dong & Yang, ICLR 2020 (strings; the index is the place in the list that the benchmark's files hold);
github.com/automl/NASLib, search_spaces/nasbench201/conversions.py (`op_indices`); github.com/microsoft/nni,
nas/hub/pytorch/nasbench201.py and nas/benchmark/nasbench201 (choices by edge).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ghn.errors import ArchitectureError, DataError
from ghn.reading import from_json, read_text, reading
from ghn.spaces.literals import as_lists, is_count, read_value

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (from, to), in the order of the official string
Cell = tuple[str, ...]  # the operation on each edge, in the order of EDGES

# NASLib's numbers 0 to 4, and its order of edges, which is not the official string's; analog-nasbench has the same
NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
NASLIB_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
NNI_OPERATIONS = {op.removeprefix("nor_"): op for op in OPERATIONS}

_TOKEN = re.compile(r"([a-z0-9_]+)~([0-9])")
_NNI_KEY = re.compile(r"(?:.*(?:/|__))?([0-3])_([0-3])", re.DOTALL)  # `0_1`, `cell/0_1` or `cell__0_1`
_EXAMPLE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


def parse_cell(text: str) -> Cell:
    """Reads an official string, NASLib's `(0, 2, 1, 1, 3, 4)`, or NNI's `{"cell/0_1": "conv_3x3", ...}` as JSON.

    Raises:
        ArchitectureError: none of these; says what is wrong.
    """
    if not isinstance(text, str) or text.strip()[:1] not in ("(", "[", "{"):
        return _official(text)
    try:
        value = read_value(text)
    except ValueError as error:
        raise malformed(text[:100], str(error)) from None
    return cell_of_choices(value) if isinstance(value, dict) else cell_of_numbers(value)


def format_cell(cell: Cell) -> str:
    """The official string."""
    terms: dict[int, list[str]] = {}
    for (source, target), op in zip(EDGES, cell, strict=True):
        terms.setdefault(target, []).append(f"{op}~{source}")
    return "+".join(f"|{'|'.join(terms[t])}|" for t in sorted(terms))


def cell_of_numbers(numbers: Any) -> Cell:
    """The cell of six numbers of NASLib; `ArchitectureError` where they are none."""
    plain, count = as_lists(numbers), len(NASLIB_OPERATIONS)
    if not isinstance(plain, list) or len(plain) != len(EDGES) or not all(is_count(n, count) for n in plain):
        raise ArchitectureError(
            "not a NAS-Bench-201 cell as NASLib writes it",
            got=str(numbers)[:100],
            expected=f"six numbers from 0 to {count - 1}, for {', '.join(NASLIB_OPERATIONS)}, on the edges "
            f"{', '.join(f'{s}-{t}' for s, t in NASLIB_EDGES)}",
        )
    ops = dict(zip(NASLIB_EDGES, (NASLIB_OPERATIONS[n] for n in plain), strict=True))
    return tuple(ops[edge] for edge in EDGES)


def numbers_of_cell(cell: Cell) -> tuple[int, ...]:
    """The six numbers of NASLib."""
    ops = dict(zip(EDGES, cell, strict=True))
    return tuple(NASLIB_OPERATIONS.index(ops[edge]) for edge in NASLIB_EDGES)


def cell_of_choices(choices: Any) -> Cell:
    """The cell of NNI's choices, an operation by edge; `ArchitectureError` names the key that is wrong or missing."""
    ops: dict[tuple[int, int], str] = {}
    for key, op in choices.items() if isinstance(choices, Mapping) else ():
        named = _NNI_KEY.fullmatch(str(key))
        edge = (int(named[1]), int(named[2])) if named else None
        if edge not in EDGES or edge in ops:
            what = "twice an edge" if edge in ops else "no edge of a cell"
            expected = "0_1, 0_2, 0_3, 1_2, 1_3 and 2_3, perhaps after a label such as cell/"
            raise ArchitectureError(
                f"NNI choices of a NAS-Bench-201 cell: {what}", got=str(key)[:60], expected=expected
            )
        if not isinstance(op, str) or op not in NNI_OPERATIONS:
            what, expected = f"NNI choices of a NAS-Bench-201 cell: {str(key)[:60]}", " | ".join(NNI_OPERATIONS)
            raise ArchitectureError(what, got=str(op)[:60], expected=expected)
        ops[edge] = NNI_OPERATIONS[op]
    if missing := [f"{source}_{target}" for source, target in EDGES if (source, target) not in ops]:
        what = "NNI choices of a NAS-Bench-201 cell lack an edge"
        raise ArchitectureError(what, got=f"no {', '.join(missing)}", expected="an operation for each of six edges")
    return tuple(ops[edge] for edge in EDGES)


def choices_of_cell(cell: Cell) -> dict[str, str]:
    """The choices of NNI's `NasBench201`, by label."""
    short = {op: name for name, op in NNI_OPERATIONS.items()}
    return {f"cell/{s}_{t}": short[op] for (s, t), op in zip(EDGES, cell, strict=True)}


def cell_of_index(index: Any, listing: Sequence[str]) -> Cell:
    """The cell at a place of the official list.

    Args:
        index: from 0.
        listing: all 15,625 official strings in the benchmark's order: `api.meta_archs`, or of `read_listing`.

    Raises:
        ArchitectureError: there is no such place.
        DataError: the list is not of all cells.
    """
    size = len(OPERATIONS) ** len(EDGES)
    fix = "give all strings in the benchmark's order: api.meta_archs, or read_listing(PATH)"
    if not isinstance(listing, Sequence):
        raise DataError("not the official list of NAS-Bench-201", got=repr(listing)[:60], expected=size, fix=fix)
    if len(listing) != size:
        raise DataError("not the official list of NAS-Bench-201", got=f"{len(listing)} strings", expected=size, fix=fix)
    if not is_count(index, size):
        raise ArchitectureError("no index of NAS-Bench-201", got=index, expected=f"0 to {size - 1}")
    return _official(listing[index])


def read_listing(path: str | Path) -> list[str]:
    """Reads an official list from a text file with a string a line, or from a `.json` list.

    The benchmark's own archive holds it in `meta.pickle.pbz2`: `ghn.spaces.nasbench201.published.read_meta`.

    Raises:
        DataError: it is missing, or no list of all cells, each once; says the place.
    """
    path = Path(path)
    with reading(f"{path} is no list of architectures", expected="a string a line"):
        text = read_text(path)
        listing = from_json(text) if path.suffix == ".json" else text.split()
        if not isinstance(listing, list):
            raise ValueError(f"a {type(listing).__name__} in place of a list")
    return check_listing(path, listing)


def check_listing(path: Path, listing: list[Any]) -> list[str]:
    """The list, if it holds all cells, each once; else a `DataError`."""
    seen: dict[Cell, int] = {}
    for place, text in enumerate(listing):
        try:
            first = seen.setdefault(_official(text), place)
        except ArchitectureError as error:
            raise DataError(f"{path}, number {place} of the list: {error}") from None
        if first != place:
            raise DataError(f"{path} has one cell twice", got=f"numbers {first} and {place}", expected="each once")
    if len(listing) != len(OPERATIONS) ** len(EDGES):
        got, size = f"{len(listing)} strings", len(OPERATIONS) ** len(EDGES)
        raise DataError(f"{path}: not the official list of NAS-Bench-201", got=got, expected=f"all {size}")
    return listing


def malformed(text: object, where: str) -> ArchitectureError:
    """The error of a text that is no cell."""
    return ArchitectureError(f"malformed NAS-Bench-201 string: {where}", got=text, expected=f"such as {_EXAMPLE}")


def _official(text: object) -> Cell:
    """Reads an official string."""
    if isinstance(text, str) and text.strip().isdecimal():
        raise ArchitectureError(
            "an index of NAS-Bench-201 says nothing without the official list",
            got=text,
            fix="NASBench201.from_index(index, listing) with api.meta_archs of the benchmark, or read_listing(PATH)",
        )
    ops: list[str] = []
    groups = text.strip().split("+") if isinstance(text, str) else []
    for target, group in enumerate(groups, start=1):
        barred = group[:1] == group[-1:] == "|"
        tokens = [_TOKEN.fullmatch(token) for token in group[1:-1].split("|")] if barred else []
        if len(tokens) != target or any(t is None or int(t[2]) != source for source, t in enumerate(tokens)):
            raise malformed(text, f"node {target} is {group!r}")
        ops += [t[1] for t in tokens if t]
    if len(ops) != len(EDGES):
        raise malformed(text, f"{len(ops)} edges")
    if unknown := [op for op in ops if op not in OPERATIONS]:
        raise ArchitectureError("unknown operation in a NAS-Bench-201 string", got=unknown[0], expected=OPERATIONS)
    return tuple(ops)
