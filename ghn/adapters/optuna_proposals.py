"""What is tried in the next trial of Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any

from ghn.errors import ArchitectureError
from ghn.search.surrogate import Surrogate
from ghn.spaces.parameters import decide
from ghn.types import Arch, Space


def propose(surrogate: Surrogate[Arch], fixed: Mapping[str, Any], by: str, rng: Random) -> Arch:
    """What is worth most to train, and is then awaited; of the members with what a user has fixed, such as enqueued.

    Where nothing is left that can be judged and is not known, one is drawn.
    """
    if fixed:
        pool = completions(surrogate.space, fixed, rng, surrogate.pool)
        found = (surrogate.acquire(pool, by=by) if pool else []) or pool
    else:
        found = surrogate.suggest(by=by)
    if not found:
        warnings.warn("no architecture is left that is not known, and can be judged: one is drawn", stacklevel=2)
    arch = found[0] if found else surrogate.space.sample(rng)
    surrogate.announce(arch)
    return arch


def completions(space: Space[Arch], fixed: Mapping[str, Any], rng: Random, tries: int) -> list[Arch]:
    """Members with some values by name, the rest of which is drawn, each once; none where no member has them."""
    found: dict[Arch, None] = {}
    for _ in range(tries):
        with suppress(ArchitectureError):
            found[decide(space, lambda name, options: fixed[name] if name in fixed else rng.choice(options))] = None
    return list(found)
