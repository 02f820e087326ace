"""A space of a user's own code, named on the command line: `space=function space.target=my_package.my_file:build`."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from ghn.errors import ConfigError, GhnError
from ghn.spaces import FunctionSpace, make_of_class
from ghn.targets import find_target
from ghn.tasks.outputs import count_outputs
from ghn.types import Space, Task

LOOKED_AT = 10  # members of a function, of which one must become a network


def user_space(target: Any, settings: Mapping[str, Any], task: Task) -> Space[Any]:
    """Makes the space that a target is of, for a task.

    Args:
        target: `module:name` of a function that builds modules, a class of spaces, or a space that has been made.
        settings: of the class, or further arguments of the function.
        task: whose input shape and number of outputs the space gets.

    Raises:
        ConfigError: the target cannot be imported, or is nothing of these; settings do not fit.
    """
    if not isinstance(target, str):
        raise ConfigError("space.target must be a string", got=target, expected="my_package.my_file:build")
    found = find_target(target)
    if isinstance(found, Space) and not isinstance(found, type):
        if settings:
            raise ConfigError(f"{target} is a space already, and takes no settings", got=dict(settings))
        return found
    if isinstance(found, type):
        made = make_of_class(found, {**settings, "input_shape": task.input_shape, "classes": count_outputs(task)})
        if not isinstance(made, Space):
            raise ConfigError(
                f"{target} is no space",
                got=found.__name__,
                expected="a class with the members of ghn.types.Space, or a function build(choose) -> nn.Module",
            )
        return made
    dtypes = task.describe().get("input_dtypes") or ["float32"]
    made = FunctionSpace(found, task.input_shape, count_outputs(task), dtypes, **settings)
    _check_builds(target, made, task)
    return made


def _check_builds(target: str, space: FunctionSpace, task: Task) -> None:
    """Refuses a function of whose members not one becomes a network, before anything is spent.

    Raises:
        ConfigError: the first of some, drawn at random, does not, nor does any other.
    """
    rng, why = Random(0), None
    for _ in range(LOOKED_AT):
        try:
            space.network(space.sample(rng))
        except GhnError as error:
            why = why or error
        else:
            return
    raise ConfigError(
        f"{target} builds no network for task {task.name}, in {LOOKED_AT} tries",
        got=f"the first: {why}",
        expected=f"networks for inputs of shape {task.input_shape} and {count_outputs(task)} outputs",
        fix="choose the task that it is for (task=...), or mend it: build(choose) returns a torch.nn.Module",
    )
