"""A space in a notebook: its settings, and one of its members."""

from __future__ import annotations

from random import Random
from typing import Any

from ghn.display import card, facts
from ghn.types import Space


def space_card(space: Space[Any]) -> str:
    """What a class of spaces takes as its `_repr_html_`: `_repr_html_ = space_card`."""
    settings = {name.replace("_", " "): value for name, value in space.describe().items()}
    return card(f"Space {space.name}", facts({**settings, "a member": space.format(space.sample(Random(0)))}))
