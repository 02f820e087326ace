"""ghn inside Syne Tune: a searcher for its schedulers (tables for its simulator: `syne_tune_blackbox`)."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from ghn.errors import ConfigError
from ghn.extras import check_extra
from ghn.search.observations import is_value
from ghn.search.surrogate import Surrogate
from ghn.spaces.configs import WHOLE, config_of, member_of_config, options_of
from ghn.types import Space

check_extra("syne-tune", "syne_tune")

from syne_tune.config_space import Categorical, Domain, choice  # noqa: E402
from syne_tune.optimizer.schedulers.searchers.single_objective_searcher import SingleObjectiveBaseSearcher  # noqa: E402


def config_space(space: Space[Any]) -> dict[str, Any]:
    """The choices of a space of architectures, to be joined with what else a trial is told."""
    return {name: choice(list(options)) for name, options in options_of(space).items()}


class GHNSearcher(SingleObjectiveBaseSearcher):
    """Suggests by a surrogate, which minimises: so does all that Syne Tune tells a searcher.

    What runs counts with what is expected of it. A trial that fails is named by its number alone: it is not suggested
    again, and if it had reported it counts as failed; so does a value that is not finite.

    Args:
        space: what `config_space` gave; or the one choice `arch` of the official strings that can be trained; joined
            with constants and domains, which are drawn at random.
        surrogate: `ghn.Surrogate(..., direction="minimize")`, even where the scheduler has `do_minimize=False`.
        resource: from which on a value counts under a scheduler that reports several, such as ASHA, so that all values
            are of one fidelity; the first that is reported by default.
        **options: `points_to_evaluate` and `random_seed`, of Syne Tune.

    Raises:
        ConfigError: the surrogate maximises, or has other choices than the config space.
        ArchitectureError: a point to evaluate, or an option of `arch`, is no member.
    """

    def __init__(self, space: dict[str, Any], surrogate: Surrogate[Any], *, resource: float = 0, **options: Any):
        super().__init__(space, **options)
        if surrogate.direction != "minimize":
            fix = 'ghn.Surrogate(..., direction="minimize"); of accuracies: do_minimize=False of the scheduler'
            raise ConfigError("Syne Tune tells searchers what to minimise", got=surrogate.direction, fix=fix)
        theirs = {name: tuple(d.categories) for name, d in space.items() if isinstance(d, Categorical)}
        self.among = theirs.get(WHOLE)
        if self.among is None and not (ours := options_of(surrogate.space)).items() <= theirs.items():
            fix = "ghn.adapters.syne_tune.config_space(surrogate.space)"
            raise ConfigError(
                "the config space has other choices than the surrogate", got=theirs, expected=ours, fix=fix
            )
        for point in [*self.points_to_evaluate, *({WHOLE: text} for text in self.among or ())]:
            member_of_config(surrogate.space, point)  # said before anything runs
        self.surrogate, self.resource = surrogate, resource
        self._random_state = np.random.RandomState(self.random_seed)
        self._archs: dict[int, Any] = {}  # of trials that reported
        self._told: set[int] = set()

    def suggest(self, **kwargs: Any) -> dict[str, Any] | None:
        if (given := self._next_points_to_evaluate()) is not None:
            self.surrogate.announce(member_of_config(self.surrogate.space, given))
            return dict(given)
        for arch in self.surrogate.suggest(among=self.among):
            draw = {"random_state": self._random_state}
            others = {k: d.sample(**draw) if isinstance(d, Domain) else d for k, d in self.config_space.items()}
            whole = {WHOLE: self.surrogate.space.format(arch)}
            return others | (whole if self.among else config_of(self.surrogate.space, arch))
        return None

    def on_trial_result(self, trial_id: int, config: dict[str, Any], metric: float, resource_level: float = -1) -> None:
        self._archs[trial_id] = member_of_config(self.surrogate.space, config)
        if resource_level >= self.resource:  # others say at the end which value counts
            self._tell(trial_id, metric)

    def on_trial_complete(self, trial_id: int, config: dict[str, Any], metric: float, **kwargs: Any) -> None:
        self._archs[trial_id] = member_of_config(self.surrogate.space, config)
        self._tell(trial_id, metric)

    def on_trial_error(self, trial_id: int) -> None:
        if trial_id in self._archs:
            self._tell(trial_id, None)

    def _tell(self, trial_id: int, value: float | None) -> None:
        if trial_id not in self._told:
            if value is not None and not is_value(value):
                logging.getLogger(__name__).warning("trial %s gave %s: it counts as failed", trial_id, value)
                value = None
            self.surrogate.observe(self._archs[trial_id], value)
            self._told.add(trial_id)
