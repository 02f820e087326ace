"""ghn inside pymoo: a problem of several objectives over a space of architectures.

NSGA2(pop_size=40, **problem.operators()) minimises problem = ArchitectureProblem(space, accuracy=surrogate).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ghn.adapters.pymoo_objectives import Cost, Judge, accuracies, all_costs, asked, checked_judge
from ghn.adapters.pymoo_operators import Rows, operators
from ghn.errors import ArchitectureError
from ghn.extras import check_extra
from ghn.spaces.choices import decision_space
from ghn.types import Space

check_extra("pymoo", "pymoo")

from pymoo.core.problem import Problem  # noqa: E402


class ArchitectureProblem(Problem):
    """Architectures as rows of option numbers, one for each choice of the space; every objective is minimised.

    The first objective is the accuracy, negated. Each function is judged once: once a surrogate has learnt more, make
    a new problem. What fails is infeasible (`G` is 1), and why is in `failed`.

    Args:
        space: one with decisions.
        accuracy: higher is better: a surrogate that maximises; a hypernetwork; an estimator; or a function, such as a
            training.
        sizes: of the live network, `params` or `macs`: objectives too.
        **costs: further objectives: name -> a function of an architecture, lower is better, such as a latency.

    Raises:
        ConfigError: no decisions, an unknown size, a name twice, a cost that is no function, or an accuracy that is
            none of these, or of another space.
        CheckpointError: the hypernetwork was made for another space.
    """

    def __init__(self, space: Space[Any], accuracy: Judge, sizes: Sequence[str] = ("params",), **costs: Cost) -> None:
        self.rows, self.space, self.accuracy = Rows(decision_space(space)), space, checked_judge(accuracy, space)
        self.costs = all_costs(space, sizes, costs)
        self.objectives = ("accuracy", *self.costs)
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
        for (key, arch), score in zip(archs.items(), accuracies(self.accuracy, list(archs.values())), strict=True):
            every = [score, *(asked(cost, arch) for cost in self.costs.values())]
            self.known[key] = [-score.value, *(one.value for one in every[1:])]
            if why := [one.error for one in every if not one.ok]:
                self.failed[self.space.format(arch)] = str(why[0])
        out["F"] = np.array([self.known[key] for key in keys])
        out["G"] = 1.0 * ~np.isfinite(out["F"]).all(1)
