"""Searchers, the schedulers around them, and what runs them."""
# ruff: noqa: F401

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghn.search.bands import BandSearch
    from ghn.search.basic import ListSearch, RandomSearch, RegularizedEvolution
    from ghn.search.bayesian import BayesianSearch
    from ghn.search.constrained import Constrained
    from ghn.search.costs import Bound, Cost, make_cost
    from ghn.search.guided import ProgressiveSearch, Screened
    from ghn.search.halving import ASHA, Hyperband, SuccessiveHalving
    from ghn.search.lemonade import Lemonade
    from ghn.search.local import LocalSearch
    from ghn.search.observations import CurveReader
    from ghn.search.registry import SCHEDULERS, SEARCHERS, make_searcher
    from ghn.search.result import FinishedTrial, Limit, SearchResult
    from ghn.search.runner import run_search
    from ghn.search.simulate import Simulated
    from ghn.search.surrogate import Surrogate

# imported on first use: a worker process imports this package too, and shall start quickly
_NAMES = {
    "bands": ("BandSearch",),
    "basic": ("ListSearch", "RandomSearch", "RegularizedEvolution"),
    "bayesian": ("BayesianSearch",),
    "constrained": ("Constrained",),
    "costs": ("Bound", "Cost", "make_cost"),
    "guided": ("ProgressiveSearch", "Screened"),
    "halving": ("ASHA", "Hyperband", "SuccessiveHalving"),
    "lemonade": ("Lemonade",),
    "local": ("LocalSearch",),
    "observations": ("CurveReader",),
    "registry": ("SCHEDULERS", "SEARCHERS", "make_searcher"),
    "result": ("Limit", "SearchResult", "FinishedTrial"),
    "runner": ("run_search",),
    "simulate": ("Simulated",),
    "surrogate": ("Surrogate",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ghn.search' has no attribute {name!r}")
    return getattr(import_module(f"ghn.search.{_HOME[name]}"), name)
