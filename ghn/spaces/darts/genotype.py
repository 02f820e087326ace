"""Members of the DARTS space: as tuples, as pairs, and as genotypes, which are read without being run."""

from __future__ import annotations

import ast
from typing import Any

from ghn.errors import ArchitectureError

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
CELLS = ("normal", "reduce")
NODES = (2, 3, 4, 5)  # 0 and 1 are the outputs of the two cells before
Genotype = tuple[str, ...]  # 16 of "operation~source": the inputs of nodes 2..5 of the normal, then the reduction cell
Pairs = list[tuple[str, int]]  # (operation, source), two a node, the normal cell first
_LONGEST = 4000  # characters; a genotype has about 500
_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))"
)


def genotype(pairs: Pairs) -> Genotype:
    """The tuple of some pairs, the two of a node in order of source."""
    return tuple(f"{op}~{source}" for op, source in _in_order(pairs))


def _in_order(pairs: Pairs) -> Pairs:
    """The two inputs of each node in order of their source."""
    return [pair for k in range(0, len(pairs), 2) for pair in sorted(pairs[k : k + 2], key=lambda pair: pair[1])]


def pairs_of(arch: Any) -> Pairs:
    """The (operation, source) pairs of a member, two a node; `ArchitectureError` for what is none."""
    tokens = arch if isinstance(arch, tuple) and len(arch) == 2 * len(CELLS) * len(NODES) else ()
    pairs = [(op, int(source)) for op, source in map(_split, tokens) if source in set("01234")]
    if not pairs or tuple(arch) != genotype(pairs) or not _valid(pairs):
        raise ArchitectureError(
            "not a member of the DARTS space",
            got=arch,
            expected="16 of operation~source: for each of nodes 2 to 5 of both cells two different earlier "
            f"sources, in order, with operations of {OPERATIONS}",
            fix="DARTS.parse reads genotypes",
        )
    return pairs


def formulas(pairs: Pairs, inputs: tuple[str, str], dissolved: int) -> str:
    """The values of a cell's nodes as formulas of its inputs; skips from `dissolved` on have stride 1."""
    values: list[tuple[str, ...]] = [(name,) for name in inputs]
    for k in range(0, len(pairs), 2):
        terms: list[str] = []
        for op, source in pairs[k : k + 2]:
            skips = op == "skip_connect" and source >= dissolved
            terms += values[source] if skips else (f"{op}({'+'.join(values[source])})",)
        values.append(tuple(sorted(terms)))
    return ", ".join("+".join(value) for value in values[2:])


def format_genotype(pairs: Pairs) -> str:
    """Writes the two halves of `pairs` as normal and reduction cell."""
    half = len(pairs) // 2
    return (
        f"Genotype(normal={pairs[:half]}, normal_concat=range(2, 6), reduce={pairs[half:]}, reduce_concat=range(2, 6))"
    )


def parse_genotype(text: str) -> Pairs:
    """Reads `Genotype(...)`, or `NAME = Genotype(...)`; the two inputs of a node are put in order of their source.

    Raises:
        ArchitectureError: not of this form. Whether operations and sources are members' is not looked at.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _malformed("not a string of a genotype's length", repr(text)[:60])
    try:
        (statement,) = ast.parse(text.strip()).body
        if not isinstance(statement, ast.Expr | ast.Assign):
            raise ValueError("neither a genotype nor NAME = Genotype(...)")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _malformed(str(error), text) from None
    return pairs_of_call(statement.value, text)


def pairs_of_call(call: ast.expr, text: str) -> Pairs:
    """Reads the syntax tree of a call of `Genotype`; as `parse_genotype`. `text` is for the message."""
    try:
        if not isinstance(call, ast.Call) or call.args or getattr(call.func, "id", None) != "Genotype":
            raise ValueError("not a call of Genotype with named arguments")
        fields = {word.arg: _value(word.value) for word in call.keywords}
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise _malformed(str(error), text) from None
    if len(call.keywords) != 4 or fields.keys() != {"normal", "normal_concat", "reduce", "reduce_concat"}:
        raise _malformed(f"fields {list(fields)}", text)
    for name in ("normal_concat", "reduce_concat"):
        if not isinstance(fields[name], list | tuple) or tuple(fields[name]) != NODES:
            raise _malformed(f"{name} is {fields[name]}; every node must be concatenated", text)
    pairs: Pairs = []
    for name in ("normal", "reduce"):
        cell = fields[name]
        if not isinstance(cell, list) or len(cell) != 2 * len(NODES) or not all(map(_is_pair, cell)):
            raise _malformed(f"{name} is not a list of {2 * len(NODES)} pairs (operation, source)", text)
        pairs += _in_order(cell)
    return pairs


def _split(token: Any) -> tuple[str, str]:
    op, _, source = token.partition("~") if isinstance(token, str) else ("", "", "")
    return op, source


def _valid(pairs: Pairs) -> bool:
    """Whether each node has two different earlier sources, and every operation is one of the space's."""
    sources = [source for _, source in pairs]
    ordered = zip(sources[::2], sources[1::2], NODES * len(CELLS), strict=True)
    return all(op in OPERATIONS for op, _ in pairs) and all(0 <= one < other < node for one, other, node in ordered)


def _value(node: ast.expr) -> Any:
    """A literal, or a `range` of literals."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "range" and not node.keywords:
        bounds = [ast.literal_eval(a) for a in node.args]
        if any(not isinstance(b, int) or abs(b) > 100 for b in bounds):
            raise ValueError("a range that is no genotype's")
        return list(range(*bounds))
    return ast.literal_eval(node)


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and type(pair[1]) is int


def _malformed(what: str, text: object) -> ArchitectureError:
    return ArchitectureError(f"malformed genotype: {what}", got=text, expected=f"such as {_EXAMPLE}")
