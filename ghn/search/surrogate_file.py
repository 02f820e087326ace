"""The file in which a surrogate keeps what it was told and what it read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ghn.errors import DataError
from ghn.reading import open_plain, read_json, reading

SCHEMA = "ghn.surrogate/1"
DIRECTIONS = {"maximize": 1.0, "minimize": -1.0}


def begins(path: Path) -> bool:
    """Whether a file begins as a state does."""
    try:
        with open_plain(path) as file:
            return SCHEMA.encode() in file.read(200)
    except (OSError, ValueError):
        return False


def read_state(path: Path) -> dict[str, Any]:
    """What `Surrogate.save` wrote.

    Raises:
        DataError: it is something else.
    """
    with reading(f"{path} cannot be read"):
        state = read_json(path)
    if not isinstance(state, dict) or state.get("schema") != SCHEMA or state.get("direction") not in DIRECTIONS:
        raise DataError(f"{path} is no state of a surrogate", expected=f"schema {SCHEMA}, and a direction")
    return state
