"""A pruner for Optuna that extrapolates learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import isfinite

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ghn.adapters.optuna_lock import OwnLock
from ghn.errors import ConfigError, DataError, check_counts
from ghn.families.curves.estimator import curve_model
from ghn.families.curves.model import FEWEST_FINISHED, CurveModel
from ghn.families.curves.stopping import hopeless
from ghn.tables.curves import Curves
from ghn.types import Score


class CurvePruner(BasePruner):
    """Prunes a trial that will hardly beat the best completed one, by the extrapolation of its intermediate values.

    Values are turned so that higher is better, and, unless they are accuracies as fractions, taken to 0..1 by the
    range of completed trials. A trial is judged once `startup` others have completed and reported up to the last step.
    One whose curve cannot be extrapolated goes on; one that reports no finite value is pruned.

    Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3.

    Args:
        model: of `ghn.families.curves.estimator.CURVE_MODELS` by name, or any `CurveModel`. `last`, the last value and
            what completed trials gained from there, is quick.
        threshold: probability of ending above the best below which a trial is pruned.
        startup: completed trials before the first is pruned; models that learn need 10 in any case.
        warmup: steps of each trial in which it is not pruned.

    Raises:
        ConfigError: an unknown model, or a setting out of range.
    """

    def __init__(
        self,
        model: CurveModel | str = "last",
        *,
        threshold: float = 0.05,
        startup: int = FEWEST_FINISHED,
        warmup: int = 0,
    ) -> None:
        if not isinstance(threshold, float | int) or not 0 < threshold < 1:
            raise ConfigError("the threshold of a pruner is a probability", got=threshold, expected="0 < threshold < 1")
        check_counts("for a pruner of learning curves, ", startup=startup)
        check_counts("for a pruner of learning curves, ", least=0, warmup=warmup)
        self._model = curve_model(model)
        self._threshold, self._startup, self._warmup, self._lock = threshold, startup, warmup, OwnLock()
        self._learnt: tuple[str, list[int]] = ("", [])  # name of a study, and numbers of its trials

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        if (step := trial.last_step) is None or not isfinite(trial.intermediate_values[step]):
            return step is not None
        completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        last = max((t.last_step for t in completed if t.last_step is not None), default=0)
        finished = [t for t in completed if t.last_step == last and all(map(isfinite, t.intermediate_values.values()))]
        if len(finished) < self._startup or not self._warmup <= step < last:
            return False
        unit = _Unit(finished, study.direction)
        with self._lock, suppress(DataError):  # steps that no other trial reported, or curves that teach nothing
            if (learnt := (study.study_name, [t.number for t in finished])) != self._learnt:
                self._model.fit(unit.curves(finished))
                self._learnt = learnt
            expected = self._model.predict(unit.curves([trial]), last + 1)
            best = float(unit.curves(finished).val_accuracy[:, -1].max())
            return bool(hopeless(expected, best, self._threshold)[0])
        return False


class _Unit:
    """Takes values to 0..1, higher is better: by the range of finished trials where they are no fractions."""

    def __init__(self, finished: Sequence[FrozenTrial], direction: StudyDirection) -> None:
        self._sign = -1.0 if direction is StudyDirection.MINIMIZE else 1.0
        values = [self._sign * value for trial in finished for value in trial.intermediate_values.values()]
        fractions = min(values) >= 0 and max(values) <= 1
        self._low, self._high = (0.0, 1.0) if fractions else (min(values), max(values))

    def curves(self, trials: Sequence[FrozenTrial]) -> Curves:
        """Curves of trials; epochs count from 1, steps from 0."""
        scores = []
        for trial in trials:
            steps = sorted(trial.intermediate_values)
            values = np.array([self._sign * trial.intermediate_values[step] for step in steps])
            shares = np.clip((values - self._low) / max(self._high - self._low, 1e-12), 0, 1)
            curve = {"epochs": [step + 1 for step in steps], "val_accuracy": shares.tolist()}
            scores.append(Score(0.0, extra={"curve": curve}))
        return Curves.from_scores([str(trial.number) for trial in trials], scores)
