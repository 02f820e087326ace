"""What a surrogate learns from the trials of a study, those of other processes included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ghn.adapters.optuna_members import INCOMPLETE, members_and_others, refuse_or_leave_out
from ghn.errors import ArchitectureError, ConfigError, check_known
from ghn.search.observations import is_value
from ghn.search.surrogate import Surrogate
from ghn.spaces.parameters import member_with
from ghn.types import Arch

KEY = "ghn:architecture"  # system attribute of a trial: what was proposed for it, before its parameters are asked for


class StudyLearner(Generic[Arch]):
    """Tells a surrogate of each trial once: what it came to, or that it runs.

    Args:
        make: makes the surrogate for a direction, or gives one that was made before.
        incomplete: one of `INCOMPLETE`: whether completed trials that are of no member are refused or left out.

    Raises:
        ConfigError: it is none of these.
    """

    def __init__(self, make: Callable[[str], Surrogate[Arch]], incomplete: str = "refuse") -> None:
        check_known("way to take trials that are of no member", incomplete, INCOMPLETE)
        self._make, self._study, self._incomplete = make, "", incomplete
        self.surrogate = make("maximize")
        self._taken: set[int] = set()  # numbers of finished trials
        self._others: dict[int, str] = {}  # of those that are of no member: why

    def learn(self, study: Study, own: int) -> None:
        """Tells of all trials but the own.

        Raises:
            ConfigError: it has learnt from another study, or the surrogate was made for the other direction.
            DataError: the study is of another space, and its trials are refused.
        """
        self._begin(study)
        # of all brackets: under Hyperband, `study.get_trials` would give those of one
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        new = [trial for trial in trials if trial.number != own and trial.number not in self._taken]
        completed = [trial for trial in new if trial.state is TrialState.COMPLETE]
        found, others = members_and_others(completed, self.surrogate.space)
        if others:
            self._others |= others
            refuse_or_leave_out(self._others, self.surrogate.space, self._incomplete)
        members = {trial.number: arch for trial, arch in found}
        for trial in new:
            finished = trial.state.is_finished()
            arch = members.get(trial.number) if trial.state is TrialState.COMPLETE else self._begun(trial)
            if finished:
                self._taken.add(trial.number)
            if arch is not None and finished:
                self.surrogate.observe(arch, trial.value if is_value(trial.value) else None)
            elif arch is not None:
                self.surrogate.announce(arch)

    def _begin(self, study: Study) -> None:
        """Takes a study; none after the first."""
        direction = "minimize" if study.direction is StudyDirection.MINIMIZE else "maximize"
        if self._study not in ("", study.study_name):
            fix = "make a sampler for each study"
            raise ConfigError("a GHNSampler learns from one study", got=study.study_name, expected=self._study, fix=fix)
        if self.surrogate.direction != direction:
            self.surrogate = self._make(direction)
        if self.surrogate.direction != direction:
            fix = f'ghn.Surrogate(..., direction="{direction}")'
            what = "the surrogate was made for the other direction than the study"
            raise ConfigError(what, got=self.surrogate.direction, expected=direction, fix=fix)
        self._study = study.study_name

    def _begun(self, trial: FrozenTrial) -> Arch | None:
        """The member that a trial tries, or will; None where not all of it is decided."""
        space = self.surrogate.space
        try:
            return member_with(space, {**trial.system_attrs.get("fixed_params", {}), **trial.params})
        except ArchitectureError:
            text = trial.system_attrs.get(KEY)
            return None if text is None else space.parse(text)
