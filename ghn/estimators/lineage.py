"""Lineages: from which trained networks one inherits, and how long each was trained."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from random import Random
from typing import Any

from ghn.errors import DataError
from ghn.graph.simplify import simplify
from ghn.graph.stats import count_params
from ghn.types import Space

DRAWS = 20  # members of which the largest is climbed from


@dataclass(frozen=True, slots=True)
class Stage:
    """One network of a lineage.

    Attributes:
        arch: its official string.
        epochs: it was trained for after inheriting.
        reached: epochs of its own in all, those of earlier stages of the same network that it goes on from included.
    """

    arch: str
    epochs: int
    reached: int


Lineage = tuple[Stage, ...]  # from the founder to the youngest


def to_text(lineage: Lineage) -> str:
    """A lineage as the name of its training."""
    return json.dumps([astuple(stage) for stage in lineage])


def from_text(text: str) -> Lineage:
    """Reads what `to_text` gave.

    Raises:
        DataError: it is something else.
    """
    try:
        stages = tuple(Stage(*row) for row in json.loads(text))
        if not stages or not all(isinstance(s.arch, str) and 1 <= s.epochs <= s.reached for s in stages):
            raise ValueError("no stages, or not of an architecture and its epochs")
    except (ValueError, TypeError) as error:
        raise DataError("not a lineage of networks", got=str(error), fix="delete the folder's trials") from None
    return stages


def largest(space: Space[Any], seed: int = 0) -> Any:
    """The member with the most live parameters that hill-climbing over neighbours finds.

    In a space whose largest member has every operation's weights (NAS-Bench-201: 3x3 convolutions on all edges), every
    other member finds a part of its own weights in it.
    """

    def size(arch: Any) -> int:
        return count_params(simplify(space.lower(arch)))

    rng = Random(seed)
    best = max((space.sample(rng) for _ in range(DRAWS)), key=size)
    while size(better := max(space.neighbours(best), key=size)) > size(best):
        best = better
    return best
