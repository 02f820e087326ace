"""A measurement as an estimator, so that files of scores keep what it gave and go on after a kill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ghn.types import Score, Trial


class Measurement:
    """A measurement as an estimator, so that `score_to_file` keeps what it gives.

    Args:
        measure: takes the parts of a trial's `arch`.
    """

    source = "a measurement"

    def __init__(self, measure: Callable[..., Score]) -> None:
        self.measure = measure
        self.identity: dict[str, Any] = {}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing to learn."""

    def cost(self, arch: Any) -> float | None:
        """None: a look-up costs nothing."""
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Measures each."""
        return [self.measure(*trial.arch) for trial in trials]
