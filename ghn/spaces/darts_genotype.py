"""Genotypes as the authors' code prints them, read without running them."""

from __future__ import annotations

import ast
from typing import Any

from ghn.errors import ArchitectureError

Pairs = list[tuple[str, int]]  # (operation, source), two a node, the normal cell first
CONCAT = (2, 3, 4, 5)  # every node is read by the cells after
_LONGEST = 4000  # characters; a genotype has about 500
_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))"
)


def format_genotype(pairs: Pairs) -> str:
    """Writes the two halves of `pairs` as normal and reduction cell."""
    half = len(pairs) // 2
    return (
        f"Genotype(normal={pairs[:half]}, normal_concat=range(2, 6), reduce={pairs[half:]}, reduce_concat=range(2, 6))"
    )


def parse_genotype(text: str) -> Pairs:
    """Reads a genotype; the two inputs of a node are put in order of their source.

    Raises:
        ArchitectureError: not of this form. Whether operations and sources are members' is not looked at.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _malformed("not a string of a genotype's length", repr(text)[:60])
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args or getattr(call.func, "id", None) != "Genotype":
            raise ValueError("not a call of Genotype with named arguments")
        fields = {word.arg: _value(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise _malformed(str(error), text) from None
    if len(call.keywords) != 4 or fields.keys() != {"normal", "normal_concat", "reduce", "reduce_concat"}:
        raise _malformed(f"fields {list(fields)}", text)
    for name in ("normal_concat", "reduce_concat"):
        if not _is_concat(fields[name]):
            raise _malformed(f"{name} is {fields[name]}; every node must be concatenated", text)
    pairs: Pairs = []
    for name in ("normal", "reduce"):
        cell = fields[name]
        if not isinstance(cell, list) or len(cell) != 2 * len(CONCAT) or not all(map(_is_pair, cell)):
            raise _malformed(f"{name} is not a list of {2 * len(CONCAT)} pairs (operation, source)", text)
        for k in range(0, len(cell), 2):
            pairs += sorted(cell[k : k + 2], key=lambda pair: pair[1])
    return pairs


def _value(node: ast.expr) -> Any:
    """A literal, or a `range` of literals."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "range" and not node.keywords:
        bounds = [ast.literal_eval(a) for a in node.args]
        if any(not isinstance(b, int) or abs(b) > 100 for b in bounds):
            raise ValueError("a range that is no genotype's")
        return list(range(*bounds))
    return ast.literal_eval(node)


def _is_concat(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and tuple(value) == CONCAT


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and type(pair[1]) is int


def _malformed(what: str, text: object) -> ArchitectureError:
    return ArchitectureError(f"malformed genotype: {what}", got=text, expected=f"such as {_EXAMPLE}")
