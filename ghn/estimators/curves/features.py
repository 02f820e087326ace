"""Configuration features of architectures, for models that use them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from ghn.graph.simplify import simplify
from ghn.graph.stats import count_params
from ghn.types import Space, member_of


def architecture_features(space: Space[Any], archs: Sequence[Any]) -> dict[Any, list[float]]:
    """The logarithm of the live parameters and, where the space has it, its encoding: architecture -> numbers.

    Raises:
        ArchitectureError: one is not a member of the space.
    """
    found = {}
    for given in archs:
        arch = member_of(space, given)
        encoding = space.encode(arch).values() if hasattr(space, "encode") else ()
        found[given] = [log(1 + count_params(simplify(space.lower(arch)))), *map(float, encoding)]
    return found
