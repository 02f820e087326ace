"""What a problem of pymoo minimises: an accuracy by any judge, sizes of the network, and functions of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from ghn.errors import ConfigError, check_known
from ghn.scoring.guard import failure_of, judge
from ghn.scoring.model import Model
from ghn.search.surrogate import Surrogate
from ghn.spaces import describe_space
from ghn.spaces.members import live_stats
from ghn.types import Estimator, Score, Space, Trial

Cost = Callable[[Any], float]  # of an architecture
Judge = Surrogate[Any] | Model | Estimator[Any] | Cost
SIZES = {name: attrgetter(name) for name in ("params", "macs")}  # of the live network


def checked_judge(accuracy: Judge, space: Space[Any]) -> Surrogate[Any] | Estimator[Any] | Cost:
    """What tells accuracies; a hypernetwork becomes a surrogate.

    Raises:
        ConfigError: it tells none, or is a surrogate that minimises or is of another space.
        CheckpointError: the hypernetwork was made for another space.
    """
    if isinstance(accuracy, Model):
        return Surrogate(accuracy, space)
    if isinstance(accuracy, Surrogate):
        if accuracy.direction != "maximize":
            raise ConfigError("an accuracy is maximised", got=accuracy.direction, fix='direction="maximize"')
        if describe_space(accuracy.space) != describe_space(space):
            raise ConfigError("the surrogate is of another space", got=repr(accuracy.space), expected=repr(space))
    elif isinstance(accuracy, type) or not (isinstance(accuracy, Estimator) or callable(accuracy)):
        expected = "a surrogate, a hypernetwork, an estimator, or a function of an architecture"
        raise ConfigError("nothing that tells accuracies", got=repr(accuracy), expected=expected)
    return accuracy


def all_costs(space: Space[Any], sizes: Sequence[str], costs: Mapping[str, Cost]) -> dict[str, Cost]:
    """Sizes of the network and costs of a user's own, by name.

    Raises:
        ConfigError: an unknown size, a cost that is no function, or a name that is there twice.
    """
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise ConfigError("sizes of a network are a list of names", got=repr(sizes), fix="sizes=['params'], or []")
    for name in sizes:
        check_known("size of a network", name, SIZES)
    for name, cost in costs.items():
        if not callable(cost):
            raise ConfigError(f"the cost {name} is no function of an architecture", got=repr(cost))
    names = [*sizes, *costs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        fix = f"sizes={[name for name in SIZES if name in sizes and name not in costs]}, or another name for the cost"
        raise ConfigError(f"two objectives have the name {twice[0]}", got=f"{list(sizes)} and {list(costs)}", fix=fix)
    return {**{name: partial(_size, space, name) for name in sizes}, **costs}


def accuracies(judging: Surrogate[Any] | Estimator[Any] | Cost, archs: Sequence[Any]) -> list[Score]:
    """What a judge says of architectures; failures stay among them."""
    if isinstance(judging, Surrogate):
        mean, _ = judging.predict(archs)
        return [Score(float(v)) if np.isfinite(v) else Score.failed("it cannot be judged") for v in mean]
    if isinstance(judging, Estimator):
        return judge(judging, [Trial(str(i), arch) for i, arch in enumerate(archs)])
    return [asked(judging, arch) for arch in archs]


def asked(function: Cost, arch: Any) -> Score:
    """What a function says of an architecture; what it raises, and what is no number, is a failure."""
    try:
        value = float(function(arch))
    except Exception as error:
        return failure_of(error)
    return Score(value) if np.isfinite(value) else Score.failed(f"its value is {value}")


def _size(space: Space[Any], name: str, arch: Any) -> float:
    return float(SIZES[name](live_stats(space, arch)))
