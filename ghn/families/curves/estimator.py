"""A short training, extrapolated: learning curves as an estimator, and their models by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import floor, isfinite, log
from typing import Any

from ghn.errors import ConfigError, DataError, check_known
from ghn.families.curves.baselines import LastValue, SumOfLosses
from ghn.families.curves.bnn import CurveBNN
from ghn.families.curves.gp import FreezeThaw
from ghn.families.curves.model import CurveModel
from ghn.families.curves.parametric import ParametricEnsemble
from ghn.families.curves.svr import CurveSVR
from ghn.spaces.members import live_params
from ghn.tables.curves import Curves
from ghn.types import Encoded, Estimator, Score, Space, Trial, check_trials, member_of

CURVE_MODELS: Mapping[str, Callable[..., CurveModel]] = {
    "last": LastValue,
    "sotl": SumOfLosses,
    "parametric": ParametricEnsemble,
    "svr": CurveSVR,
    "bnn": CurveBNN,
    "gp": FreezeThaw,
}


def make_curve_model(name: str, **options: Any) -> CurveModel:
    """Makes one of `CURVE_MODELS` with its options, such as `mode="mcmc"` for `parametric`.

    Raises:
        ConfigError: unknown name or option.
    """
    check_known("model of learning curves", name, CURVE_MODELS)
    try:
        return CURVE_MODELS[name](**options)
    except TypeError as error:
        raise ConfigError(f"the curve model {name} has no such option", got=options, expected=str(error)) from None


def curve_model(model: CurveModel | str) -> CurveModel:
    """A model of learning curves, or that of a name; `ConfigError` for anything else."""
    if isinstance(model, str):
        return make_curve_model(model)
    if isinstance(model, type) or not isinstance(model, CurveModel):
        expected = f"one of {', '.join(CURVE_MODELS)}, or an object with fit and predict"
        raise ConfigError("no model of learning curves", got=repr(model), expected=expected)
    return model


def architecture_features(space: Space[Any], archs: Sequence[Any]) -> dict[Any, list[float]]:
    """Features for models that use them: the logarithm of the live parameters, and what an `Encoded` space says."""
    found = {}
    for given in archs:
        arch = member_of(space, given)
        encoding = space.encode(arch).values() if isinstance(space, Encoded) else ()
        found[given] = [log(1 + live_params(space, arch)), *map(float, encoding)]
    return found


class CurveEstimator:
    """Trains each candidate for some epochs and says where it will end.

    `value` is the accuracy expected after the last epoch, `std` its uncertainty, `cost_seconds` that of the training
    and of the extrapolation, `budget` the epochs trained; `extra["curve"]` is kept. A `Trial.budget` is a number of
    epochs, instead of `epochs`; at the horizon or beyond it the training's own score is the answer.

    Args:
        trainer: an estimator that keeps to `Trial.budget` in epochs and gives `extra["curve"]`.
        model: what extrapolates.
        epochs: to be trained.
        horizon: the epoch to be foretold.
        finished: curves to learn from, in addition to those that `fit` is given.
        space: gives features of the architectures to models that use them; `finished` must then have the same.

    Raises:
        ConfigError: fewer epochs than the model needs, or as many as the horizon.
        DataError: finished curves that the model cannot learn from.
    """

    def __init__(
        self,
        trainer: Estimator[Any],
        model: CurveModel,
        epochs: int,
        horizon: int,
        *,
        finished: Curves | None = None,
        space: Space[Any] | None = None,
    ) -> None:
        self.trainer, self.model, self.epochs, self.horizon, self.space = trainer, model, epochs, horizon, space
        self.source = model.source
        self._given = finished
        self._check_epochs(epochs)
        self._learn(finished)

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Learns from the curves of finished trainings, those given at first included; others are left out."""
        whole = [(t, s) for t, s in history if s.ok and self.horizon in s.extra.get("curve", {}).get("epochs", ())]
        if not whole:
            if self._known is not self._given:
                self._learn(self._given)
            return
        trials, scores = zip(*whole, strict=True)
        new = self._curves(trials, scores).until(self.horizon)
        self._learn(new if self._given is None else self._given.joined(new))

    def cost(self, arch: Any) -> float | None:
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Trains and extrapolates each trial.

        Raises:
            ConfigError: before anything is trained: the model needs finished curves, or more epochs than a budget has.
            DataError: the trainer gives no curves, or the finished ones lack the epochs trained.
        """
        for trial in check_trials(trials):
            if trial.budget is not None and not self._ends(trial):
                self._check_epochs(floor(trial.budget))
        if trials and self.model.needs_finished and self._known is None:
            raise ConfigError(
                f"the model {type(self.model).__name__} learns from finished curves and has seen none",
                fix="CurveEstimator(..., finished=Curves.from_table(table)), or fit(history) with curves",
            )
        scores = self.trainer.score([replace(t, budget=self.epochs if t.budget is None else t.budget) for t in trials])
        short = [i for i, (t, s) in enumerate(zip(trials, scores, strict=True)) if s.ok and not self._ends(t)]
        if short:
            started = time.perf_counter()
            curves = self._curves([trials[i] for i in short], [scores[i] for i in short])
            predicted = self.model.predict(curves, self.horizon)
            spent = (time.perf_counter() - started) / len(short)
            for i, mean, std, error in zip(short, predicted.mean, predicted.std, predicted.errors, strict=True):
                scores[i] = _extrapolated(scores[i], float(mean), float(std), error, spent)
        return scores

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "trainer": self.trainer.identity,
            "model": repr(self.model),
            "epochs": self.epochs,
            "horizon": self.horizon,
            "finished": self._known.digest if self._known is not None else None,
            "space": repr(self.space) if self.space is not None else None,
        }

    def _check_epochs(self, epochs: int) -> None:
        least, name = self.model.least_epochs, type(self.model).__name__
        if not least <= epochs < self.horizon:
            short = self.horizon <= least  # then no number of observed epochs would do
            raise ConfigError(
                f"{name} extrapolates from the first {least} epochs of a training, or more",
                got=f"{epochs} of {self.horizon}",
                expected=f"trainings of at least {least + 1} epochs"
                if short
                else f"{least} to {self.horizon - 1} of {self.horizon}",
                fix=f"train for longer (recipe.epochs={least + 1})"
                if short
                else f"observe at least {least} (fidelity.epochs={least}), before the training ends",
            )

    def _ends(self, trial: Trial[Any]) -> bool:
        return trial.budget is not None and floor(trial.budget) >= self.horizon

    def _learn(self, finished: Curves | None) -> None:
        if finished is not None and self.model.needs_finished and (finished.features is None) != (self.space is None):
            raise DataError(
                "finished curves and candidates must both have features of the architectures, or neither",
                got=f"finished curves {'without' if finished.features is None else 'with'}",
                fix="give both: space=..., and architecture_features of the finished ones; or neither",
            )
        self._known = finished
        if finished is not None:
            self.model.fit(finished.until(self.horizon))

    def _curves(self, trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> Curves:
        features = None
        if self.space is not None:
            known = architecture_features(self.space, [trial.arch for trial in trials])
            features = [known[trial.arch] for trial in trials]
        return Curves.from_scores([str(trial.arch) for trial in trials], scores, features)


def _extrapolated(score: Score, mean: float, std: float, error: str | None, seconds: float) -> Score:
    cost = score.cost_seconds + seconds
    if error is not None:
        return Score.failed(error, cost)
    return replace(score, value=mean, std=std if isfinite(std) else None, cost_seconds=cost)
