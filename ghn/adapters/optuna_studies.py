"""Results of ghn as an Optuna study, which its dashboard and plots show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ghn.adapters.optuna_members import members_of_study
from ghn.adapters.optuna_trials import settings_of
from ghn.errors import ConfigError, DataError
from ghn.files import plain
from ghn.search.observations import is_value
from ghn.search.result import SearchResult
from ghn.types import Score, Space, Trial, member_of

Results = SearchResult | Mapping[Any, float | None] | Iterable[tuple[Any, Score | float | None]]


def add_to_study(study: optuna.Study, space: Space[Any], results: Results, *, incomplete: str = "refuse") -> None:
    """Adds results as finished trials: parameters are decisions, curves intermediate values, readings user attributes.

    Args:
        study: any that maximises; a new one, or one of this space.
        space: of the architectures.
        results: of a search (`run_search`); or pairs of an architecture, or trial, and its score or accuracy, such as
            `zip(archs, model.rank(archs))`; or {architecture: accuracy}. None and NaN are of trainings that failed.
        incomplete: as of `references_of_study`: what the study has of other choices is refused, or let be.

    Raises:
        ConfigError: the study minimises or has several objectives.
        DataError: it is of another space, or a score has a damaged curve.
        ArchitectureError: no member; nothing is added.
    """
    if study.directions != [StudyDirection.MAXIMIZE]:
        fix = 'optuna.create_study(direction="maximize")'
        raise ConfigError("scores are higher for the better", got=f"a study of {study.directions}", fix=fix)
    members_of_study(study, space, incomplete)
    pairs = results.history if isinstance(results, SearchResult) else results
    pairs = pairs.items() if isinstance(pairs, Mapping) else pairs
    trials = []
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            expected = "the result of run_search, pairs such as zip(archs, scores), or {architecture: accuracy}"
            raise DataError("results are pairs", got=repr(pair)[:100], expected=expected)
        trials.append(_trial(space, *pair))
    study.add_trials(trials)


def _score(value: Any) -> Score:
    try:
        good = is_value(value)
    except TypeError:
        raise DataError("a result is no number", got=repr(value), expected="a Score, a number, or None") from None
    return Score(float(value)) if good else Score.failed("its value was no finite number")


def _trial(space: Space[Any], given: Any, result: Score | float | None) -> FrozenTrial:
    score = result if isinstance(result, Score) else _score(result)
    arch = member_of(space, given.arch if isinstance(given, Trial) else given)
    params, distributions = settings_of(space, arch)
    kept = {"architecture": space.format(arch), "cost_seconds": score.cost_seconds, "budget": score.budget}
    kept |= {"std": score.std, "error": score.error, **{k: v for k, v in score.extra.items() if k != "curve"}}
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if score.ok else TrialState.FAIL,
        value=float(score.value) if score.ok else None,
        params=params,
        distributions=distributions,
        intermediate_values=_steps(score.extra.get("curve")),
        user_attrs={name: value for name, value in plain(kept).items() if value is not None},
    )


def _steps(curve: Any) -> dict[int, float]:
    """Intermediate values of a curve; epochs count from 1, steps from 0."""
    if curve is None:
        return {}
    if not isinstance(curve, Mapping):
        raise DataError("a score has a damaged curve", got=repr(curve)[:100], expected="epochs, and val_accuracy")
    epochs, values = curve.get("epochs", ()), curve.get("val_accuracy", ())
    if len(epochs) != len(values):
        expected = "a value of val_accuracy after each of its epochs"
        raise DataError("a score has a damaged curve", got=f"{len(values)} after {len(epochs)}", expected=expected)
    return {int(epoch) - 1: float(value) for epoch, value in zip(epochs, values, strict=True)}
