"""Local search: climbs from neighbour to neighbour, and begins anew on each summit."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from ghn.errors import check_counts
from ghn.search.basic import SpaceSearch
from ghn.spaces.members import draw_new
from ghn.types import Arch, Score, Space, Trial


class LocalSearch(SpaceSearch[Arch]):
    """Steepest ascent with restarts: all neighbours are judged, the best of them is the next place, if it is better.

    On a summit, and where all beginnings failed, it begins anew at random. A function (`space.canonical`) is judged
    once: where the climb comes by it again, its value is known. All neighbours of a place can be judged at once;
    workers wait for each other once a step. It is finished when no new function can be drawn.

    Source: White, Nolen & Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, algorithm 1;
    the random beginnings of a climb are a variant of its section 3.

    Args:
        space: to search.
        seed: of all draws.
        starts: random networks of which the best is where a climb begins.
        budget: of every trial, in the estimator's unit; None for its default.

    Attributes:
        climbs: how many were begun.

    Raises:
        ConfigError: no starts.
    """

    source = "White et al., Exploring the Loss Landscape in Neural Architecture Search, UAI 2021"

    def __init__(self, space: Space[Arch], seed: int = 0, *, starts: int = 1, budget: float | None = None) -> None:
        check_counts("a local search: ", starts=starts)
        super().__init__("local_search", space, seed, budget, starts=starts)
        self._starts, self._finished, self.climbs = starts, False, 0
        self._queue = deque[Arch]()
        self._around: list[Hashable] = []  # functions among which the next place is chosen
        self._height = float("-inf")  # of the present place
        self._values: dict[Hashable, tuple[Arch, float]] = {}  # of each function that was judged

    def _next(self) -> Trial[Arch] | None:
        while not (self._queue or self._awaited or self._finished):
            self._step()
        return self._trial(self._queue.popleft()) if self._queue else None

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        if score.ok:
            self._values[self._space.canonical(trial.arch)] = trial.arch, score.value

    def _step(self) -> None:
        """Goes to the best of those around and looks at its neighbours; begins anew where none is better."""
        best = max((self._values[key] for key in self._around if key in self._values), key=_value, default=None)
        if best is None or best[1] <= self._height:
            self._begin()
            return
        arch, self._height = best
        near = {self._space.canonical(one): one for one in self._space.neighbours(arch)}
        self._around = list(near)
        new = [key for key in near if key not in self._seen]
        self._rng.shuffle(new)  # a limit may leave some out: not always the same
        self._seen.update(new)
        self._queue.extend(near[key] for key in new)

    def _begin(self) -> None:
        drawn = [draw_new(self._space, self._rng, self._seen) for _ in range(self._starts)]
        self._queue.extend(arch for arch in drawn if arch is not None)
        self._around, self._height = [self._space.canonical(arch) for arch in self._queue], float("-inf")
        self.climbs, self._finished = self.climbs + bool(self._queue), not self._queue


def _value(judged: tuple[object, float]) -> float:
    return judged[1]
