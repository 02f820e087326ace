"""What an experiment of Ax must be for a surrogate to search in it."""

from __future__ import annotations

from typing import Any

from ghn.extras import check_extra
from ghn.spaces.configs import options_of
from ghn.types import Space

check_extra("ax", "ax")

from ax.api.configs import ChoiceParameterConfig  # noqa: E402
from ax.core.optimization_config import OptimizationConfig  # noqa: E402
from ax.core.parameter import ChoiceParameter, FixedParameter  # noqa: E402
from ax.core.search_space import SearchSpace  # noqa: E402
from ax.exceptions.core import UserInputError  # noqa: E402


def parameters(space: Space[Any]) -> list[ChoiceParameterConfig]:
    """The choices of a space, for `Client.configure_experiment`; constants may stand beside them."""
    every = options_of(space).items()
    return [ChoiceParameterConfig(name, list(options), "str", is_ordered=False) for name, options in every]


def constants_beside(space: Space[Any], search_space: SearchSpace) -> dict[str, Any]:
    """The constants of a search space that has the choices of a space of architectures, and nothing else.

    Raises:
        UserInputError: it has other parameters.
    """
    fixed = {name: p.value for name, p in search_space.parameters.items() if isinstance(p, FixedParameter)}
    theirs = {name: set(p.values) for name, p in search_space.parameters.items() if isinstance(p, ChoiceParameter)}
    ours = {name: set(options) for name, options in options_of(space).items()}
    if theirs != ours or len(search_space.parameters) != len(fixed) + len(theirs):
        what = "the search space is not the surrogate's: configure_experiment(parameters(surrogate.space))"
        raise UserInputError(f"{what}; got {search_space.parameters}, expected {ours}")
    return fixed


def metric_of(config: OptimizationConfig | None, direction: str) -> str:
    """The one metric that is optimised.

    Raises:
        UserInputError: there is none, or several, or constraints, or it is not to be optimised in this direction.
    """
    if config is None or not config.objective.is_single_objective or len(config.objective.metric_names) != 1:
        raise UserInputError("a surrogate of ghn has one objective, such as configure_optimization('accuracy')")
    if config.outcome_constraints:
        what = f"a surrogate of ghn knows no constraints on outcomes, got {config.outcome_constraints}"
        raise UserInputError(f"{what}: leave them out, and give what can be trained as ghn.Surrogate(..., allowed=)")
    if (wanted := "minimize" if config.objective.minimize else "maximize") != direction:
        what = f"the objective is {config.objective.expression!r}, and the surrogate is to {direction}"
        raise UserInputError(f"{what}: ghn.Surrogate(..., direction={wanted!r})")
    name: str = config.objective.metric_names[0]
    return name
