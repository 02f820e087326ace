"""An estimator that is asked about each function once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic

from ghn.errors import ConfigError
from ghn.scoring.guard import judge, judges_together
from ghn.types import Arch, Estimator, Score, Space, Trial, member_of


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
        keys = [self.space.canonical(member_of(self.space, trial.arch)) for trial in trials]
        new = {key: trial for key, trial in zip(keys, trials, strict=True) if key not in self.known}
        found = dict(zip(new, judge(self.estimator, list(new.values())), strict=True)) if new else {}
        self.known |= {key: (member_of(self.space, new[key].arch), s) for key, s in found.items() if s.ok}
        return [found[key] if key in found else self.known[key][1] for key in keys]

    def cost(self, arch: Arch) -> float | None:
        return self.estimator.cost(arch)
