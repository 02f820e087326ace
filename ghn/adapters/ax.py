"""ghn inside Ax: a node of a generation strategy.

client.configure_experiment(parameters=parameters(space)); client.configure_optimization("accuracy")
client.set_generation_strategy(GenerationStrategy(nodes=[GHNNode(surrogate)]))
"""

from __future__ import annotations

import logging
from typing import Any

from ghn.adapters.ax_experiment import constants_beside, metric_of, parameters
from ghn.errors import ArchitectureError
from ghn.extras import check_extra
from ghn.search.observations import is_value
from ghn.search.surrogate import Surrogate
from ghn.spaces.configs import config_of, member_of_config

check_extra("ax", "ax")

from ax.core.trial_status import TrialStatus  # noqa: E402
from ax.exceptions.core import SearchSpaceExhausted  # noqa: E402
from ax.generation_strategy.external_generation_node import ExternalGenerationNode  # noqa: E402
from ax.storage.json_store.registry import CORE_ENCODER_REGISTRY  # noqa: E402

__all__ = ["GHNNode", "parameters"]
logger = logging.getLogger(__name__)
OVER, DONE = (TrialStatus.FAILED, TrialStatus.ABANDONED), (TrialStatus.COMPLETED, TrialStatus.EARLY_STOPPED)


class GHNNode(ExternalGenerationNode):
    """Generates candidates by a surrogate.

    What runs counts with what is expected of it. A trial that failed or was abandoned, and a value that is not finite,
    is a failure: not suggested again.

    Args:
        surrogate: of the space; `direction="minimize"` where the objective is minimised.
        name: of the node.
        **options: of `ExternalGenerationNode`, such as transition criteria.
    """

    def __init__(self, surrogate: Surrogate[Any], name: str = "GHN", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.surrogate = surrogate
        self._told: set[tuple[int, str]] = set()  # trials and arms that the surrogate knows

    def update_generator_state(self, experiment: Any, data: Any) -> None:
        """Tells the surrogate what is new.

        Raises:
            UserInputError: several objectives, one of the other direction, or a search space of other parameters.
        """
        self._fixed = constants_beside(self.surrogate.space, experiment.search_space)
        metric = metric_of(experiment.optimization_config, self.surrogate.direction)
        rows = data.df[data.df["metric_name"] == metric].itertuples()
        means = {(row.trial_index, row.arm_name): row.mean for row in rows}
        for index, trial in experiment.trials.items():
            for arm in trial.arms:
                if (key := (index, arm.name)) not in self._told:
                    try:
                        arch = member_of_config(self.surrogate.space, arm.parameters)
                        self._tell(arch, trial.status, key, means.get(key))
                    except ArchitectureError as error:  # of dependent choices not all combinations are members
                        logger.warning("trial %s tells the surrogate nothing: %s", index, error)
                        self._told.add(key)

    def get_next_candidate(self, pending_parameters: list[Any]) -> dict[str, Any]:
        for arch in self.surrogate.suggest():
            return {**self._fixed, **config_of(self.surrogate.space, arch)}
        raise SearchSpaceExhausted(f"every architecture of space {self.surrogate.space.name} was tried")

    def _tell(self, arch: Any, status: TrialStatus, key: tuple[int, str], value: float | None) -> None:
        if not (status in OVER or (value is not None and status in (TrialStatus.COMPLETED, TrialStatus.EARLY_STOPPED))):
            self.surrogate.announce(arch)  # it runs
            return
        if status in OVER or not is_value(value):
            logger.warning("trial %s is %s with %s: it counts as failed", key[0], status.name, value)
            value = None
        self.surrogate.observe(arch, value)
        self._told.add(key)


def _encoded(node: GHNNode) -> dict[str, Any]:
    """A node as JSON, without its surrogate: `ghn.adapters.ax_storage.load_client` is given one."""
    kept = {"transition_criteria": node.transition_criteria, "should_deduplicate": node.should_deduplicate}
    kept |= {"suggested_experiment_status": node.suggested_experiment_status}
    return {"__type": GHNNode.__name__, "name": node.name, **kept}


CORE_ENCODER_REGISTRY[GHNNode] = _encoded
