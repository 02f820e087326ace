"""What a ladder climbs, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ghn.search.plan import Plan
from ghn.types import Estimator, Score


@dataclass(frozen=True)
class Step:
    """One step of a ladder.

    Attributes:
        name: unique in the ladder.
        estimator: what judges here.
        budget: `Trial.budget` for it.
        chain: steps of one chain go on from each other's trials; None: each candidate begins anew.
    """

    name: str
    estimator: Estimator[Any]
    budget: float | None = None
    chain: str | None = None


@dataclass
class LadderResult:
    """What a ladder found.

    Attributes:
        best: official string of the best candidate in the last step; None when none got there.
        score: its score there.
        plan: of the budget that was left after the pilot.
        judged: how many candidates each step judged, the pilot's included.
        failed: how many of them failed.
        seconds: spent in each step, the pilot's included.
        correlation: of the steps' readings, as planned with.
        history: (step, official string, score, seconds spent until then) in the order judged.
    """

    best: str | None
    score: Score | None
    plan: Plan
    judged: dict[str, int]
    failed: dict[str, int]
    seconds: dict[str, float]
    correlation: np.ndarray
    history: list[tuple[str, str, Score, float]]

    @property
    def spent(self) -> float:
        """Seconds in all."""
        return sum(self.seconds.values())
