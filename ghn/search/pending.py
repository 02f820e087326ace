"""Trials that were proposed and have no score yet."""

from __future__ import annotations

from typing import Generic

from ghn.errors import ConfigError
from ghn.types import Arch, Trial


class Pending(Generic[Arch]):
    """The trials of a searcher that await their scores."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial[Arch]] = {}

    def add(self, trial: Trial[Arch]) -> Trial[Arch]:
        """Notes a trial as proposed, and gives it back."""
        self._trials[trial.id] = trial
        return trial

    def take(self, trial: Trial[Arch]) -> None:
        """Strikes a trial out, as its score has come.

        Raises:
            ConfigError: it was never proposed, or its score came before.
        """
        if self._trials.get(trial.id) != trial:
            raise ConfigError(
                "a searcher was told of a trial that does not await a score",
                got=trial,
                expected=f"one of {len(self._trials)} trials that were asked for",
                fix="tell each trial that `ask` gave, once",
            )
        del self._trials[trial.id]

    def __len__(self) -> int:
        return len(self._trials)
