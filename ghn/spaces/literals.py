"""Architectures as other tools write them down in Python or JSON, read without being run."""

from __future__ import annotations

import ast
import json
from typing import Any

from ghn.reading import from_json

LONGEST = 20_000  # characters of an architecture; the longest that any tool writes has about 3,000


def read_value(text: str) -> Any:
    """The lists, tuples, dicts, strings and numbers that a text says, in JSON or as Python literals; tuples as lists.

    Raises:
        ValueError: neither, or longer than any architecture.
    """
    if len(text) > LONGEST:
        raise ValueError(f"{len(text)} characters")
    try:
        return from_json(text)
    except json.JSONDecodeError as error:
        try:
            return as_lists(ast.literal_eval(text.strip()))
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            raise ValueError(f"not JSON ({error}), and no Python literal") from None


def as_lists(value: Any) -> Any:
    """Nested sequences as lists, whose numbers are Python's: of tuples, and of arrays of NumPy."""
    plain = value.tolist() if type(value).__module__ == "numpy" else value
    return [as_lists(one) for one in plain] if isinstance(plain, list | tuple) else plain


def is_count(value: Any, below: int) -> bool:
    """Whether a value is a whole number from 0, below another; booleans are none."""
    return type(value) is int and 0 <= value < below
