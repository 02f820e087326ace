"""The searcher of `job=search`, from its keys: bounds on its proposals, several objectives, a screen in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ghn.app.estimators import make_entries
from ghn.app.search_keys import NATIVE, BoundKeys, SearcherKeys
from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import MOST_SEED
from ghn.scoring.latency import Latency
from ghn.search.bands import BandSearch
from ghn.search.basic import RandomSearch
from ghn.search.constrained import Constrained
from ghn.search.costs import Bound, Cost, make_cost
from ghn.search.guided import Screened
from ghn.search.history import begun_budget
from ghn.search.registry import SCHEDULERS, make_searcher
from ghn.tasks.outputs import example_inputs
from ghn.types import Estimator, Searcher


@dataclass
class Made:
    """A searcher, its objectives beside the score, what refuses proposals, and how far its budget is raised."""

    searcher: Searcher[Any]
    costs: list[Cost]
    constrained: list[Constrained[Any]]
    raised: float | None = None

    @property
    def refused(self) -> int:
        """Proposals outside the bounds so far."""
        return sum(one.refused for one in self.constrained)


@dataclass
class CostMaker:
    """Makes what networks cost, and the bounds of the keys; timings lie in the folder `out`."""

    setting: Setting
    keys: BoundKeys
    out: Path
    costs: dict[str, Cost] = field(default_factory=dict)

    def bounds(self) -> list[Bound]:
        """The bounds that are set.

        Raises:
            ConfigError: one is not above 0.
        """
        most = {"params": self.keys.max_params, "macs": self.keys.max_macs, "latency": self.keys.max_latency}
        return [Bound(self.cost(name), float(limit)) for name, limit in most.items() if limit is not None]

    def cost(self, name: str) -> Cost:
        """A cost by name, once."""
        if name not in self.costs:
            latency = self.latency() if name == "latency" else None
            self.costs[name] = make_cost(name, self.setting.space, latency)
        return self.costs[name]

    def latency(self) -> Latency:
        """What measures, once; timings lie in `latency.jsonl`, so that a search that is gone on with decides alike."""
        if "latency" in self.costs and isinstance(self.costs["latency"].function, Latency):
            return self.costs["latency"].function
        options, setting = self.keys.latency.model_dump(), self.setting
        inputs = example_inputs(setting.task.describe(), options["batch"], setting.fabric.device)
        path = self.out / "latency.jsonl"
        measures = Latency(setting.space, device=setting.fabric.device, inputs=inputs, path=path, **options)
        self.costs["latency"] = make_cost("latency", setting.space, measures)
        return measures


@dataclass
class SearcherMaker:
    """Makes the searcher of a setting and its keys; what it measures and began with lies in the folder `out`."""

    setting: Setting
    keys: SearcherKeys
    out: Path
    resume: bool
    constrained: list[Constrained[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.costing = CostMaker(self.setting, self.keys, self.out)

    def make(self) -> Made:
        """The searcher.

        Raises:
            ConfigError: unknown names, or keys that do not go together.
        """
        keys, options = self.keys, dict(self.keys.options)
        bounds = self.costing.bounds()
        if keys.judge is not None:
            options["judge"] = make_entries(keys.judge, self.setting)[0].estimator
        objectives = list(keys.objectives)
        if keys.name == NATIVE:
            options["objective"] = objectives = objectives or [options.get("objective", "params")]
            if "latency" in objectives:
                options["latency"] = self.costing.latency()
        raised = self._raised(options)
        screen = self._screen()
        if objectives and keys.name != NATIVE:
            searcher: Searcher[Any] = BandSearch(
                lambda band, own: self._one((keys.seed + band) % (MOST_SEED + 1), own, options, screen),
                self.setting.space,
                self.costing.cost(objectives[0]),
                bands=keys.bands,
                bounds=bounds,
                seed=keys.seed,
            )
        else:
            searcher = self._one(keys.seed, bounds, options, screen)
        return Made(searcher, [self.costing.cost(name) for name in objectives], self.constrained, raised)

    def _one(
        self, seed: int, bounds: Sequence[Bound], options: dict[str, Any], screen: Estimator[Any] | None
    ) -> Searcher[Any]:
        """A searcher within bounds, with the hypernetwork in front of its proposals if it is to screen them."""
        name, space = self.keys.name, self.setting.space
        schedules = name in SCHEDULERS
        made = RandomSearch(space, seed) if schedules else make_searcher(name, space, seed=seed, **options)
        if bounds:
            made = Constrained(made, bounds)
            self.constrained.append(made)
        if screen is not None:
            made = Screened(made, screen, self.keys.screen)
        return make_searcher(name, space, inner=made, **options) if schedules else made

    def _screen(self) -> Estimator[Any] | None:
        """The hypernetwork that screens; None where nothing does."""
        if not self.keys.screen:
            return None
        setting = self.setting
        _, model = open_checkpoint(setting, setting.checkpoints[0])
        return model.estimator("loss", task=setting.task, sample=setting.sample, skeletons=setting.skeletons)

    def _raised(self, options: dict[str, Any]) -> float | None:
        """How far the budget of a search that is gone on with is raised; `options` become those with which it began."""
        wanted = options.get("max_budget")
        if wanted is None or self.keys.name not in SCHEDULERS:
            return None
        begun = begun_budget(self.out) if self.resume else None
        if begun is None or wanted <= begun:
            return None
        options["max_budget"] = begun
        return float(wanted)
