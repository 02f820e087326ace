"""ghn inside Ray Tune: a search algorithm."""

from __future__ import annotations

import json
import logging
from typing import Any

from ray.tune.search import Searcher

from ghn.errors import ConfigError
from ghn.files import write_atomic
from ghn.reading import read_json, reading
from ghn.search.observations import is_value
from ghn.search.surrogate import Surrogate
from ghn.spaces.configs import config_of, member_of_config

logger = logging.getLogger(__name__)
DIRECTION = {"max": "maximize", "min": "minimize"}  # of a surrogate, for a mode


class GHNSearch(Searcher):
    """Suggests configurations of a space of architectures: an option for each of its choices.

    `member_of_config(space, config)` is the architecture in a trial. Constants come in `param_space`. The last value
    of a trial counts, that of one which a scheduler has stopped too; a trial without a finite value counts as failed.

    Args:
        surrogate: of the space; `direction="minimize"` for `mode="min"`.
        metric: name of what trials report.
        mode: `max` or `min`: the surrogate's direction by default.

    Raises:
        ConfigError: mode and direction are opposite.
    """

    def __init__(self, surrogate: Surrogate[Any], metric: str, mode: str | None = None) -> None:
        self.surrogate = surrogate
        self._archs: dict[str, Any] = {}  # of trials that run
        self._check_mode(mode)
        super().__init__(metric, mode or next(m for m, d in DIRECTION.items() if d == surrogate.direction))

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        self._check_mode(mode)
        if metric not in (None, self.metric):
            raise ConfigError(
                "Ray Tune and its search algorithm look at different metrics", got=metric, expected=self.metric
            )
        return False  # whatever is open in `config` is for Ray to refuse

    def suggest(self, trial_id: str) -> Any:
        for arch in self.surrogate.suggest():
            self._archs[trial_id] = arch
            return config_of(self.surrogate.space, arch)
        return self.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        if trial_id not in self._archs:  # of another searcher, or told before
            return
        value = None if error else (result or {}).get(self.metric)
        if value is not None and not is_value(value):
            logging.getLogger(__name__).warning(
                "trial %s gave %s=%s: it counts as failed", trial_id, self.metric, value
            )
            value = None
        self.surrogate.observe(self._archs.pop(trial_id), value)

    def add_evaluated_point(
        self, parameters: dict[str, Any], value: float, error: bool = False, *_: Any, **__: Any
    ) -> None:
        """Takes a trial of another run, as `add_evaluated_trials` gives it."""
        self.surrogate.observe(member_of_config(self.surrogate.space, parameters), None if error else value)

    def save(self, checkpoint_path: str) -> None:
        running = {trial: self.surrogate.space.format(arch) for trial, arch in self._archs.items()}
        write_atomic(checkpoint_path, json.dumps({"running": running, "surrogate": self.surrogate.state()}))

    def restore(self, checkpoint_path: str) -> None:
        """Goes on where `save` was called; `DataError` where the file is damaged or of another space."""
        with reading(f"{checkpoint_path} is no state of a search"):
            state = read_json(checkpoint_path)
            running = {trial: self.surrogate.space.parse(text) for trial, text in state["running"].items()}
            self.surrogate.take(state["surrogate"], checkpoint_path)
        self._archs = running

    def _check_mode(self, mode: str | None) -> None:
        if mode is not None and DIRECTION.get(mode) != self.surrogate.direction:
            fix = 'ghn.Surrogate(..., direction="minimize") with mode="min", "maximize" with "max"'
            raise ConfigError("Ray Tune and the surrogate look for opposite values", got=mode, fix=fix)
