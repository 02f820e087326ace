"""Searchers, the schedulers around them, and what runs them."""

from ghn.search.asha import ASHA
from ghn.search.halving import Hyperband, SuccessiveHalving
from ghn.search.local import ListSearch, RandomSearch, RegularizedEvolution
from ghn.search.registry import SCHEDULERS, SEARCHERS, make_searcher
from ghn.search.result import Limit, SearchResult, Step
from ghn.search.runner import run_search
from ghn.search.screened import Screened
from ghn.search.workers import Simulated

__all__ = [
    "ASHA",
    "SCHEDULERS",
    "SEARCHERS",
    "Hyperband",
    "Limit",
    "ListSearch",
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
