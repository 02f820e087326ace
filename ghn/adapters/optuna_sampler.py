"""A sampler for Optuna around `ghn.Surrogate`."""

from __future__ import annotations

from random import Random
from typing import Any, Generic

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from ghn.adapters.optuna_learning import KEY, StudyLearner
from ghn.adapters.optuna_lock import OwnLock
from ghn.adapters.optuna_proposals import propose
from ghn.adapters.optuna_surrogates import SurrogateMaker
from ghn.adapters.optuna_trials import check_options
from ghn.errors import check_known, check_seeds
from ghn.scoring.model import Model
from ghn.search.acquisition import ACQUISITIONS
from ghn.search.surrogate import Surrogate
from ghn.spaces.parameters import Parameter, parameters
from ghn.types import Arch, Estimator, Space


class GHNSampler(BaseSampler, Generic[Arch]):
    """Suggests architectures of which a hypernetwork, or any estimator, expects much, and learns from finished trials.

    An objective asks for the decisions by their names (`suggest_architecture`, or trial.suggest_... itself); for what
    else it asks another sampler answers. Trials that were there before are learnt from. One that failed is not proposed
    again; a pruned one counts with its last intermediate value, as Optuna keeps it, or as failed where it has none.
    What runs in other threads or processes is not proposed.

    Args:
        judge: what a `Surrogate` is made of: a hypernetwork or an estimator; or one, with what it was told before.
        space: of the architectures; a hypernetwork's own by default.
        by: one of `ghn.search.acquisition.ACQUISITIONS`.
        seed: of everything drawn; None: anyhow.
        independent_sampler: for parameters that are no decision of an architecture; random by default.
        incomplete: `refuse` a study with completed trials that lack a choice of the space or have others, or
            `leave_out` such trials, which a line counts; what was proposed for them is not proposed again.
        **options: of the `Surrogate`, such as `task` and `pool`; none where one is given.

    Raises:
        ConfigError: as `Surrogate`; another space than that of a surrogate; or the space can neither be taken apart
            into choices nor listed.
    """

    def __init__(
        self,
        judge: Surrogate[Arch] | Model | Estimator[Arch],
        space: Space[Arch] | None = None,
        *,
        by: str = "expected_improvement",
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        incomplete: str = "refuse",
        **options: Any,
    ) -> None:
        check_known("acquisition", by, ACQUISITIONS)
        check_seeds("of a sampler, ", seed=seed or 0)
        self._by, self._rng, self._lock = by, Random(seed), OwnLock()
        self._others = independent_sampler or RandomSampler(seed)
        self._learner = StudyLearner(SurrogateMaker(judge, space, self._rng, options), incomplete)
        self._proposed: dict[int, dict[str, Parameter]] = {}  # by number of the trial
        parameters(self.surrogate.space, self.surrogate.space.sample(Random(0)))  # said at once where it has none

    @property
    def surrogate(self) -> Surrogate[Arch]:
        """What it believes."""
        return self._learner.surrogate

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}  # which there are depends on the architecture, and how they are asked for on the objective

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Proposes an architecture, the decisions of which are then asked for one by one."""
        self._raise_error_if_multi_objective(study)
        with self._lock:
            self._learner.learn(study, trial.number)
            arch = propose(self.surrogate, trial.system_attrs.get("fixed_params", {}), self._by, self._rng)
            self._proposed[trial.number] = {p.name: p for p in parameters(self.surrogate.space, arch)}
        study._storage.set_trial_system_attr(trial._trial_id, KEY, self.surrogate.space.format(arch))
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if (own := self._proposed.get(trial.number, {}).get(param_name)) is None:
            return self._others.sample_independent(study, trial, param_name, param_distribution)
        check_options(param_distribution, own)
        return own.value

    def reseed_rng(self) -> None:
        with self._lock:
            self._rng.seed()
            self.surrogate.reseed()
            self._others.reseed_rng()
