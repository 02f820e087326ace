"""Cross-fitting: an estimator that learns from references never judges one that it has learnt from."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from ghn.errors import ConfigError, GhnError
from ghn.scoring.score_files import row_of_score
from ghn.types import Estimator, Score, Space, Trial, check_trials, member_of


class CrossFitted:
    """Judges references with an estimator that was fitted on the others, and all else with one fitted on all.

    Without it, an estimator that learns from references and is then compared on them is judged on what it was told.

    Source: Chernozhukov et al., "Double/debiased machine learning", The Econometrics Journal 2018, def. 3.1.

    Args:
        make: makes an estimator that has learnt nothing.
        space: architectures of equal `space.canonical` are one.
        folds: into which references are divided, in the order given.
    """

    def __init__(self, make: Callable[[], Estimator[Any]], space: Space[Any], folds: int = 5) -> None:
        if folds < 2:
            raise ConfigError("cross-fitting needs at least 2 folds", got=folds)
        self.make, self.space, self.folds = make, space, folds
        self._untaught = make()
        self.source = self._untaught.source
        self._fold: dict[Hashable, int] = {}
        self._fitted: dict[int, Estimator[Any]] = {}
        self._history: list[tuple[Trial[Any], Score]] = []

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Takes references; each fold's estimator is fitted when it is first needed."""
        self._history, self._fitted = list(history), {}
        keys = dict.fromkeys(self._key(trial) for trial, _ in self._history)
        self._fold = {key: number % self.folds for number, key in enumerate(keys)}

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "cross_fitted": self._untaught.identity,
            "folds": self.folds,
            "references": {"number": len(self._history), "sha256": self._digest()},
        }

    def cost(self, arch: Any) -> float | None:
        return self._untaught.cost(arch)

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        of: dict[int, list[int]] = {}
        for i, trial in enumerate(check_trials(trials)):
            of.setdefault(self._fold.get(self._key(trial), -1), []).append(i)
        found: dict[int, Score] = {}
        for fold, places in of.items():
            found |= zip(places, self._estimator(fold).score([trials[i] for i in places]), strict=True)
        return [found[i] for i in range(len(trials))]

    def _digest(self) -> str:
        """Of the references as they can be learnt from: ids and what they cost are not among it."""
        rows = [
            [self._text(trial.arch), trial.budget, row_of_score(replace(score, cost_seconds=0.0))]
            for trial, score in self._history
        ]
        return sha256(json.dumps(rows).encode()).hexdigest()

    def _text(self, arch: Any) -> Any:
        try:
            return self.space.format(member_of(self.space, arch))
        except GhnError:
            return arch  # the estimator will say what is wrong with it

    def _estimator(self, fold: int) -> Estimator[Any]:
        if fold not in self._fitted:
            estimator = self.make()
            estimator.fit([pair for pair in self._history if self._fold[self._key(pair[0])] != fold])
            self._fitted[fold] = estimator
        return self._fitted[fold]

    def _key(self, trial: Trial[Any]) -> Hashable:
        try:
            key: Hashable = self.space.canonical(member_of(self.space, trial.arch))
        except GhnError:
            return None  # the estimator will say what is wrong with it
        return key
