"""What follows from an operation, its attributes and the shapes of its inputs: checked and inferred in one place."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

from ghn.errors import GraphError
from ghn.graph.op import Op, ParamSpec, Shape, get_op


class Derived(NamedTuple):
    """All that a node's operation says of it."""

    attrs: tuple[tuple[str, int], ...]  # complete and sorted
    shape: Shape
    params: tuple[ParamSpec, ...]


def derive(op: str, inputs: tuple[Shape, ...], attrs: tuple[tuple[str, int], ...]) -> Derived:
    """Completes the attributes of a node and infers its shape and parameters.

    Raises:
        GraphError: unknown operation, wrong number of inputs or attributes, or shapes that do not fit.
    """
    return _derive(get_op(op), inputs, attrs)


@lru_cache(maxsize=1 << 14)  # the nodes of a space's networks are much the same
def _derive(op: Op, inputs: tuple[Shape, ...], attrs: tuple[tuple[str, int], ...]) -> Derived:
    low, high = op.arity
    if len(inputs) < low or (high is not None and len(inputs) > high):
        expected = f"{low} to {'any' if high is None else high}"
        raise GraphError("wrong number of inputs", got=len(inputs), expected=expected)
    given = dict(attrs)
    if unknown := set(given) - set(op.attrs):
        raise GraphError("unknown attribute", got=sorted(unknown), expected=sorted(op.attrs))
    if missing := sorted(k for k, v in op.attrs.items() if v is None and k not in given):
        raise GraphError("attribute missing", got=given, expected=missing)
    full = {k: _whole(k, v) for k, v in {**op.attrs, **given}.items()}
    return Derived(tuple(sorted(full.items())), op.infer(inputs, full), op.params(inputs, full))


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, Real) or value != value // 1:
        raise GraphError(f"attribute {name} must be a whole number", got=repr(value))
    return int(value)  # type: ignore[call-overload]
