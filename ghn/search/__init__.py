"""Searchers, the schedulers around them, and what runs them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghn.search.asha import ASHA
    from ghn.search.basic import ListSearch, RandomSearch, RegularizedEvolution
    from ghn.search.halving import Hyperband, SuccessiveHalving
    from ghn.search.lemonade import Lemonade
    from ghn.search.progressive import ProgressiveSearch
    from ghn.search.registry import SCHEDULERS, SEARCHERS, make_searcher
    from ghn.search.result import Limit, SearchResult, Step
    from ghn.search.runner import run_search
    from ghn.search.screened import Screened
    from ghn.search.workers import Simulated

# imported on first use: a worker process imports this package too, and shall start quickly
_HOME = {
    "ASHA": "asha",
    "SCHEDULERS": "registry",
    "SEARCHERS": "registry",
    "Hyperband": "halving",
    "Lemonade": "lemonade",
    "Limit": "result",
    "ListSearch": "basic",
    "ProgressiveSearch": "progressive",
    "RandomSearch": "basic",
    "RegularizedEvolution": "basic",
    "Screened": "screened",
    "SearchResult": "result",
    "Simulated": "workers",
    "Step": "result",
    "SuccessiveHalving": "halving",
    "make_searcher": "registry",
    "run_search": "runner",
}

__all__ = [
    "ASHA",
    "SCHEDULERS",
    "SEARCHERS",
    "Hyperband",
    "Lemonade",
    "Limit",
    "ListSearch",
    "ProgressiveSearch",
    "RandomSearch",
    "RegularizedEvolution",
    "Screened",
    "SearchResult",
    "Simulated",
    "Step",
    "SuccessiveHalving",
    "make_searcher",
    "run_search",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ghn.search' has no attribute {name!r}")
    return getattr(import_module(f"ghn.search.{_HOME[name]}"), name)
