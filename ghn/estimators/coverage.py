"""How often what a candidate consists of was trained, and whether that shows in its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ghn.errors import DataError
from ghn.ranking import MIN_ITEMS, Statistic, rank
from ghn.spaces.choices import ChoiceSpace
from ghn.train.replay import Bools, live_options, nothing

Floats = NDArray[np.float64]
PARTS = 3  # of the candidates, by how often they were trained


@dataclass(frozen=True)
class Coverage:
    """How often candidates were trained.

    Attributes:
        exposure: [n], mean over a candidate's live options (edge, operation) of log(1 + networks of the training that
            had it); NaN for a candidate without any.
        near: [n], networks of the training that were the candidate, or were it but for one choice.
        equal: [n], those that were the candidate.
    """

    exposure: Floats
    near: Floats
    equal: Floats


def cover(trained: Bools, space: ChoiceSpace[Any], archs: Sequence[Any]) -> Coverage:
    """Counts how often candidates were trained.

    Args:
        trained: what `replay` gives: [networks, choices, options].
        space: of the run.
        archs: the candidates.
    """
    none, choices = nothing(space), np.arange(trained.shape[1])
    counts = np.log1p(trained.sum(0))  # [choices, options]
    exposure, near, equal = [], [], []
    for arch in archs:
        options = np.array(live_options(space, arch))
        live = options != none
        exposure.append(counts[choices, options][live].mean() if live.any() else np.nan)
        apart = (~trained[:, choices, options]).sum(1)
        near.append((apart <= 1).sum())
        equal.append((apart == 0).sum())
    return Coverage(*(np.array(values, dtype=float) for values in (exposure, near, equal)))


def as_trained(space: Any, archs: Sequence[Any], method: str, sampling: str) -> list[Any]:
    """Candidates under the description that a hypernetwork has met: it trains one of each function it can list.

    What shares weights by role knows a function under each of its descriptions apart, and keeps the candidate's own.
    """
    if method != "ghn" or sampling != "distinct":
        return list(archs)
    first = {space.canonical(arch): arch for arch in space.distinct()}
    return [first[space.canonical(arch)] for arch in archs]


@dataclass(frozen=True)
class Effect:
    """What a measure of coverage says of scores.

    Attributes:
        overrated: Spearman correlation of the measure with how much better a candidate ranks by score than one of its
            reference does on average: the residual of a regression of score ranks on reference ranks.
        bounds: of the measure, between the parts.
        kendall: of score and reference inside each part of the candidates, the least trained first.
    """

    overrated: Statistic
    bounds: list[float]
    kendall: list[Statistic]


def judge_coverage(measure: Floats, scores: Floats, references: Floats, bootstrap: int) -> Effect | None:
    """Relates coverage [n] to the order of scores [n] against references [n]; None where all are covered alike.

    Raises:
        DataError: too few candidates with all three.
    """
    kept = np.isfinite(measure) & np.isfinite(scores)
    if kept.sum() < PARTS * MIN_ITEMS:
        raise DataError(
            "too few candidates have a score, a reference and anything to train",
            got=int(kept.sum()),
            expected=f"at least {PARTS * MIN_ITEMS}",
            fix="more candidates: n=300",
        )
    x, score, truth = measure[kept], scores[kept], references[kept]
    if np.ptp(x) == 0:
        return None
    ranks, expected = rankdata(score), rankdata(truth)
    slope, start = np.polyfit(expected, ranks, 1)
    residual = ranks - (slope * expected + start)
    overrated = Statistic(None)
    if np.ptp(residual) > 1e-9 * len(ranks):  # a perfect order leaves none
        overrated = rank(x, residual, ks=(), bootstrap=bootstrap)["spearman"]
    order = np.random.default_rng(0).permutation(len(x))  # so that ties fall at random
    parts = np.array_split(order[np.argsort(x[order], kind="stable")], PARTS)
    inside = [
        rank(score[part], truth[part], ks=(), bootstrap=bootstrap)["kendall"]
        if np.ptp(truth[part]) > 0
        else Statistic(None)
        for part in parts
    ]
    return Effect(overrated, [float(x[part[0]]) for part in parts[1:]], inside)
