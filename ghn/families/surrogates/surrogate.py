"""A surrogate as an estimator: a regression on trained references, with calibrated uncertainty."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from types import FunctionType
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError, GhnError, check_known
from ghn.families.surrogates.inputs import OF_THE_SPACE, Input, Named, make_inputs, usual_inputs
from ghn.families.surrogates.models import make_model
from ghn.families.surrogates.regression import (
    FLOOR,
    LEVELS,
    TARGETS,
    History,
    Regressor,
    Rows,
    calibrate,
    interval_key,
    merge,
)
from ghn.graph.descriptors import aligned, names_of
from ghn.scoring.guard import refused
from ghn.scoring.model import Model
from ghn.spaces import fastest_variant
from ghn.spaces.members import live_graph
from ghn.types import Estimator, Score, Space, Trial, check_trials, member_of

BLOCK = 2048  # candidates whose features are in memory at once
LACKING = "it has no features: an input of the surrogate failed for it"


class SurrogateEstimator:
    """Learns from trained references what good architectures look like.

    `Score.value` is the median of what is expected, in the unit of the references; `std` its calibrated standard
    deviation; `extra["intervals"]` the intervals of 50, 80 and 95 %.

    Source: Liu et al., "Progressive Neural Architecture Search", ECCV 2018, sec. 4.3 (a surrogate for accuracies);
    White et al., "How Powerful are Performance Predictors in Neural Architecture Search?", NeurIPS 2021.

    Args:
        space: of the architectures.
        inputs: names (`INPUTS`) or sources of features, in any combination; with the model
            `gnn`, which reads the graph, there may be none. None: those of `usual_inputs` for the space.
        model: one of `MODELS`, or what makes an unfitted one.
        target: `rank` learns normal scores of the references' values, `value` the values themselves.
        least: references below which nothing is learnt.
        tolerance: how far references of one function may lie apart, in standard deviations of all references.
        folds: of the cross-validation that calibrates.
        seed: of the model and the folds.
        hypernetwork: for the inputs `embedding` and `scores`.
        training: for the input `curve`: an estimator whose scores hold curves.
        epochs: of the curve.

    Raises:
        ConfigError: an unknown name, a number out of range, or an input that the space does not have.
    """

    source = "Liu et al., Progressive Neural Architecture Search, ECCV 2018; White et al., NeurIPS 2021"

    def __init__(
        self,
        space: Space[Any],
        inputs: Sequence[str | Input] | None = None,
        model: str | Callable[[], Regressor] = "random_forest",
        *,
        target: str = "rank",
        least: int = 10,
        tolerance: float = 0.5,
        folds: int = 5,
        seed: int = 0,
        hypernetwork: Model | None = None,
        training: Estimator[Any] | None = None,
        epochs: int = 2,
    ) -> None:
        check_known("target of a surrogate", target, TARGETS)
        if least < 3 or folds < 2 or not tolerance >= 0:
            raise ConfigError(
                "a surrogate cannot be made so",
                got=f"least={least}, folds={folds}, tolerance={tolerance}",
                expected="least >= 3, folds >= 2, tolerance >= 0",
            )
        self.space, self.target, self.least, self.tolerance = space, target, least, tolerance
        self.folds, self.seed = folds, seed
        self.model = model if isinstance(model, str) else _name_of(model)
        self._make = make_model(model, seed) if isinstance(model, str) else model
        self._reads_graphs = self._make().reads_graphs
        inputs = usual_inputs(space) if inputs is None else inputs
        bare = self._reads_graphs and not inputs
        self.inputs = [] if bare else make_inputs(inputs, hypernetwork=hypernetwork, training=training, epochs=epochs)
        for source in self.inputs:
            if isinstance(source, OF_THE_SPACE):  # what the space lacks is found before anything is trained
                source(space, [space.sample(Random(0))])
        self._shallow = fastest_variant(space)
        self._names: dict[str, list[str]] = {}  # of a source's features, in order
        self.references: dict[str, float] = {}  # official string -> value, those that were learnt from
        self.left_out = 0  # references that failed, or have no features
        self.merged = 0  # references of a function that another one computes too

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "space": repr(self.space),
            "inputs": {source.name: source.identity for source in self.inputs},
            "model": self.model,
            "target": self.target,
            "folds": self.folds,
            "seed": self.seed,
            "references": self.references,
        }

    def fit(self, history: History) -> None:
        """Learns from trained references; an empty history changes nothing.

        Failed references, and those without features, are left out and counted (`left_out`). Those of one function
        (`space.canonical`) become one, with their mean (`merged` counts the others).

        Raises:
            ConfigError: fewer than `least` references, or references of several budgets.
            DataError: references of one function that disagree beyond `tolerance`, or that no input tells apart.
            ArchitectureError: a reference is not a member of the space.
        """
        if not history:
            return
        good = [(trial, score) for trial, score in history if score.ok]
        archs, values = merge(self.space, good, self.tolerance)
        self._check_number(len(archs), history)  # before features are made, which may train
        named = {source.name: source for source in self.inputs if isinstance(source, Named)}
        self._names = {name: names_of(source.named(self.space, archs)) for name, source in named.items()}
        x = self._rows(archs)
        whole = np.flatnonzero(np.isfinite(x.matrix).all(1))
        self._check_number(len(whole), history)
        x, values = x.take(whole), values[whole]
        telling = np.ptp(x.matrix, axis=0) > 0
        if not telling.any() and not x.graphs:
            raise DataError("no input of the surrogate tells its references apart", got=[s.name for s in self.inputs])
        self._telling, self._target = telling, TARGETS[self.target](values)
        x = Rows(x.matrix[:, telling], x.graphs)
        self._calibration = calibrate(self._make, x, self._target.targets, folds=self.folds, seed=self.seed)
        self._model = self._make()
        self._model.fit(x, self._target.targets)
        self.left_out = len(history) - len(good) + len(archs) - len(whole)
        self.merged = len(good) - len(archs)
        self.references = {self.space.format(archs[i]): float(v) for i, v in zip(whole, values, strict=True)}

    def cost(self, arch: Any) -> float | None:
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [score for _, score in self.stream(trials)]

    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        trials = list(check_trials(trials))
        if trials and not self.references:
            raise ConfigError(
                "a surrogate was asked before it was fitted", fix="fit([(Trial(id, arch), Score(value)), ...]) first"
            )
        for start in range(0, len(trials), BLOCK):
            block = trials[start : start + BLOCK]
            yield from zip(block, self._judge(block), strict=True)

    def _check_number(self, usable: int, history: History) -> None:
        if usable < self.least:
            raise ConfigError(
                "too few references for a surrogate",
                got=f"{usable} of {len(history)} usable, of different functions",
                expected=f"at least {self.least}",
                fix="train more, or lower `least`",
            )

    def _rows(self, archs: Sequence[Any]) -> Rows:
        parts = [self._features(source, archs) for source in self.inputs]
        graphs = [live_graph(self._shallow, arch) for arch in archs] if self._reads_graphs else ()
        return Rows(np.hstack([np.zeros((len(archs), 0)), *parts]), graphs)

    def _features(self, source: Input, archs: Sequence[Any]) -> np.ndarray:
        """Features [n, f]; of a source with names those that references have."""
        if isinstance(source, Named):
            return aligned(source.named(self.space, archs), self._names[source.name])
        return source(self.space, archs)

    def _judge(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        started = time.perf_counter()
        members: dict[Any, None] = {}
        found: list[Any] = []  # of each trial: its architecture, or a failed score
        for trial in trials:
            try:
                arch = member_of(self.space, trial.arch)
                self.space.canonical(arch)  # raises for what is no member
                members[arch] = None
                found.append(arch)
            except GhnError as error:
                found.append(refused(error))
        answers = dict(zip(members, self._predict(list(members)), strict=True)) if members else {}
        seconds = (time.perf_counter() - started) / len(trials)
        return [replace(f if isinstance(f, Score) else answers[f], cost_seconds=seconds) for f in found]

    def _predict(self, archs: Sequence[Any]) -> list[Score]:
        x = self._rows(archs)
        scores, whole = [Score.failed(LACKING) for _ in archs], np.flatnonzero(np.isfinite(x.matrix).all(1))
        if not len(whole):
            return scores
        kept = x.take(whole)
        mean, std = self._model.predict(Rows(kept.matrix[:, self._telling], kept.graphs))
        std, back = np.maximum(std, FLOOR), self._target.back

        def ends(reach: float) -> np.ndarray:
            return np.stack([back(mean - reach * std), back(mean + reach * std)], 1)  # [n, 2]

        spread, values = np.diff(ends(self._calibration.scale))[:, 0] / 2, back(mean)
        intervals = {interval_key(level): ends(self._calibration.reach(level)).tolist() for level in LEVELS}
        for k, i in enumerate(whole):
            extra = {"intervals": {key: pairs[k] for key, pairs in intervals.items()}}
            scores[i] = Score(float(values[k]), std=float(spread[k]), extra=extra)
        return scores


def _name_of(make: Callable[[], Regressor]) -> str:
    """What makes a model, in identities."""
    return make.__qualname__ if isinstance(make, type | FunctionType) else repr(make)
