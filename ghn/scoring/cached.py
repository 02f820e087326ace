"""An estimator that is asked about each function once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic

from ghn.errors import ConfigError, GhnError
from ghn.scoring.guard import judge, judges_together
from ghn.types import Arch, Estimator, Score, Space, Trial, check_trials, member_of


class Cached(Generic[Arch]):
    """Keeps what an estimator said of each function (`space.canonical`); what failed is asked again.

    Args:
        space: of the architectures.
        estimator: whose scores depend on the architecture, and on what it was fitted to, alone.

    Attributes:
        known: the architecture and the score of each function.

    Raises:
        ConfigError: the estimator judges trials together.
    """

    def __init__(self, space: Space[Arch], estimator: Estimator[Arch]) -> None:
        if judges_together(estimator):
            got = type(estimator).__name__
            raise ConfigError("scores that depend on other candidates cannot be kept", got=got)
        self.space, self.estimator, self.source = space, estimator, estimator.source
        self.known: dict[Hashable, tuple[Arch, Score]] = {}

    @property
    def identity(self) -> dict[str, Any]:
        return dict(self.estimator.identity)

    def fit(self, history: Sequence[tuple[Trial[Arch], Score]]) -> None:
        self.estimator.fit(history)
        if history:
            self.known.clear()

    def score(self, trials: Sequence[Trial[Arch]]) -> list[Score]:
        keys = [self._key(trial) for trial in check_trials(trials)]
        new = {key: trial for key, trial in zip(keys, trials, strict=True) if key not in self.known}
        found = dict(zip(new, judge(self.estimator, list(new.values())), strict=True)) if new else {}
        self.known |= {key: (member_of(self.space, new[key].arch), s) for key, s in found.items() if s.ok}
        return [found[key] if key in found else self.known[key][1] for key in keys]

    def _key(self, trial: Trial[Arch]) -> Hashable:
        """The function of a trial; what is no member has none, and the estimator says why it fails."""
        try:
            return self.space.canonical(member_of(self.space, trial.arch))
        except GhnError:
            return ("no member", trial.id)

    def cost(self, arch: Arch) -> float | None:
        return self.estimator.cost(arch)
