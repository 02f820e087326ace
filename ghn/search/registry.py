"""Searchers by name, as configs give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ghn.arguments import check_names
from ghn.errors import ConfigError
from ghn.search.basic import RandomSearch, RegularizedEvolution
from ghn.search.bayesian import BayesianSearch
from ghn.search.constrained import Constrained
from ghn.search.costs import Bound
from ghn.search.guided import ProgressiveSearch
from ghn.search.halving import ASHA, Hyperband, SuccessiveHalving
from ghn.search.lemonade import Lemonade
from ghn.search.local import LocalSearch
from ghn.types import Searcher, Space

SEARCHERS: dict[str, Callable[..., Searcher[Any]]] = {
    "random": RandomSearch,
    "evolution": RegularizedEvolution,
    "local_search": LocalSearch,
    "bayesian": BayesianSearch,
    "pnas": ProgressiveSearch,
    "lemonade": Lemonade,
}
SCHEDULERS: dict[str, Callable[..., Searcher[Any]]] = {
    "successive_halving": SuccessiveHalving,
    "hyperband": Hyperband,
    "asha": ASHA,
}


def make_searcher(
    name: str,
    space: Space[Any],
    *,
    seed: int = 0,
    inner: Searcher[Any] | None = None,
    bounds: Sequence[Bound] = (),
    **options: Any,
) -> Searcher[Any]:
    """Makes a searcher by name.

    Args:
        name: one of `SEARCHERS` or `SCHEDULERS`.
        space: to search.
        seed: of all draws.
        inner: where a scheduler's candidates come from; random search by default.
        bounds: that all networks keep; others are not proposed.
        options: of the searcher's own, such as `population`, `max_budget` or `eta`.

    Raises:
        ConfigError: unknown name or option, or an option that does not fit.
    """
    if name in SEARCHERS:
        check_names("option", f"the searcher {name}", SEARCHERS[name], options, own=2)
    elif name in SCHEDULERS:
        check_names("option", f"the searcher {name}", SCHEDULERS[name], options, own=1)
    try:
        if name in SEARCHERS:
            return _within(SEARCHERS[name](space, seed, **options), bounds)
        if name in SCHEDULERS:
            return SCHEDULERS[name](_within(inner or RandomSearch(space, seed), bounds), **options)
    except TypeError as error:
        raise ConfigError(f"options do not fit the searcher {name}", got=str(error)) from None
    raise ConfigError("unknown searcher", got=name, expected=" | ".join((*SEARCHERS, *SCHEDULERS)))


def _within(searcher: Searcher[Any], bounds: Sequence[Bound]) -> Searcher[Any]:
    return Constrained(searcher, bounds) if bounds else searcher
