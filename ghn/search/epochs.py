"""By which epoch of its training a trial is judged: the last one, or the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

from ghn.errors import ConfigError
from ghn.types import Score


def last_epoch(score: Score) -> Score:
    """A score as its estimator gives it: after the last epoch."""
    return score


def best_epoch(score: Score) -> Score:
    """A score with the best validation accuracy of its curve as value; `extra["last"]` keeps that of the last epoch.

    What is resumed has a curve from the first epoch on, so that a better epoch on a lower rung is not forgotten.

    Raises:
        ConfigError: the score has no curve.
    """
    if not score.ok:
        return score
    curve: Any = score.extra.get("curve")
    values = curve.get("val_accuracy") if isinstance(curve, Mapping) else None
    known = (
        [(value, epoch) for epoch, value in zip(curve["epochs"], values, strict=True) if isfinite(value)]
        if values
        else []
    )
    if not known:
        raise ConfigError(
            "the best epoch of a training is asked for, and its score has no curve",
            got=f"extra with {', '.join(score.extra) or 'nothing'}",
            expected="an estimator that keeps curves, such as low_fidelity or training",
            fix="epoch=last (search.epoch=last)",
        )
    value, epoch = max(known, key=lambda pair: pair[0])
    return replace(score, value=value, extra={**score.extra, "last": score.value, "best_epoch": epoch})


READINGS: Mapping[str, Callable[[Score], Score]] = {"last": last_epoch, "best": best_epoch}
