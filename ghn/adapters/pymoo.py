"""ghn inside pymoo: a problem of several objectives over a space of architectures.

NSGA2(pop_size=40, **problem.operators()) minimises problem = ArchitectureProblem(space, accuracy=surrogate).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ghn.adapters import check_extra
from ghn.adapters.pymoo_operators import Rows, operators
from ghn.errors import ArchitectureError, ConfigError, check_known
from ghn.scoring.guard import failure_of, judge
from ghn.search.surrogate import Surrogate
from ghn.spaces import describe_space
from ghn.spaces.choices import decision_space
from ghn.spaces.members import live_stats
from ghn.types import Estimator, Score, Space, Trial

check_extra("pymoo", "pymoo")

from pymoo.core.problem import Problem  # noqa: E402

Cost = Callable[[Any], float]  # of an architecture
Judge = Surrogate[Any] | Estimator[Any] | Cost
SIZES = {name: attrgetter(name) for name in ("params", "macs")}  # of the live network


class ArchitectureProblem(Problem):
    """Architectures as rows of option numbers, one for each choice of the space; every objective is minimised.

    The first objective is the accuracy, negated. Each function is judged once: once a surrogate has learnt more, make
    a new problem. What fails is infeasible (`G` is 1), and why is in `failed`.

    Args:
        space: one with decisions.
        accuracy: higher is better: a surrogate that maximises; an estimator; or a function, such as a training.
        sizes: of `SIZES`, objectives too.
        **costs: further objectives: name -> a function of an architecture, lower is better, such as a latency.

    Raises:
        ConfigError: no decisions, an unknown size, or a surrogate that minimises or is of another space.
    """

    def __init__(self, space: Space[Any], accuracy: Judge, sizes: Sequence[str] = ("params",), **costs: Cost) -> None:
        for name in sizes:
            check_known("size of a network", name, SIZES)
        if isinstance(accuracy, Surrogate) and accuracy.direction != "maximize":
            raise ConfigError("an accuracy is maximised", got=accuracy.direction, fix='direction="maximize"')
        if isinstance(accuracy, Surrogate) and describe_space(accuracy.space) != describe_space(space):
            raise ConfigError("the surrogate is of another space", got=repr(accuracy.space), expected=repr(space))
        self.rows, self.space, self.accuracy = Rows(decision_space(space)), space, accuracy
        own = {name: lambda arch, read=SIZES[name]: read(live_stats(space, arch)) for name in sizes}
        self.costs, self.objectives = {**own, **costs}, ("accuracy", *own, *costs)
        self.failed: dict[str, str] = {}  # official string -> why
        self.known: dict[Hashable, list[float]] = {}  # of each function that was judged: its objectives
        most = [len(choice.options) - 1 for choice in self.rows.space.choices()]
        super().__init__(len(most), len(self.objectives), n_ieq_constr=1, xl=0, xu=np.array(most), vtype=int)

    def operators(self) -> dict[str, Any]:
        """Arguments of pymoo's genetic algorithms, which stay in the space and meet no function twice."""
        return operators(self.rows)

    def _evaluate(self, X: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        keys, archs = [self.rows.key(row) for row in X], dict[Hashable, Any]()
        for key, row in zip(keys, X, strict=True):
            if key not in self.known and key not in archs:
                try:
                    archs[key] = self.rows.member(row)
                except ArchitectureError as error:
                    self.failed[str(key)], self.known[key] = str(error), [np.nan] * self.n_obj
        for (key, arch), score in zip(archs.items(), self._accuracies(list(archs.values())), strict=True):
            every = [score, *(_asked(cost, arch) for cost in self.costs.values())]
            self.known[key] = [-score.value, *(one.value for one in every[1:])]
            if why := [one.error for one in every if not one.ok]:
                self.failed[self.space.format(arch)] = str(why[0])
        out["F"] = np.array([self.known[key] for key in keys])
        out["G"] = 1.0 * ~np.isfinite(out["F"]).all(1)

    def _accuracies(self, archs: list[Any]) -> list[Score]:
        if isinstance(self.accuracy, Surrogate):
            mean, _ = self.accuracy.predict(archs)
            return [Score(float(v)) if np.isfinite(v) else Score.failed("it cannot be judged") for v in mean]
        if isinstance(self.accuracy, Estimator):
            return judge(self.accuracy, [Trial(str(i), arch) for i, arch in enumerate(archs)])
        return [_asked(self.accuracy, arch) for arch in archs]


def _asked(function: Cost, arch: Any) -> Score:
    """What a function says of an architecture; what it raises, and what is no number, is a failure."""
    try:
        value = float(function(arch))
    except Exception as error:
        return failure_of(error)
    return Score(value) if np.isfinite(value) else Score.failed(f"its value is {value}")
