"""Bounds on what is proposed, around any searcher: a network that is too large or too slow is never trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from ghn.errors import ConfigError, GhnError
from ghn.search.basic import Around
from ghn.search.costs import Bound, seen
from ghn.spaces.members import TRIES
from ghn.types import Arch, Score, Searcher, Trial

REFUSED = "not proposed: it lies outside the bounds"


@runtime_checkable
class Narrows(Protocol):
    """A searcher that reads many candidates for each that it proposes, and can be told which are in question."""

    def narrow(self, allowed: Callable[[Any], bool]) -> None:
        """Only networks that are `allowed` are candidates."""


class Constrained(Around[Arch]):
    """Hands on those proposals of a searcher that lie within bounds.

    The searcher is told a failure for each that does not, before it costs anything: it becomes no parent and is not
    awaited. Around the schedulers' inner searcher, as in `Hyperband(Constrained(RandomSearch(space), bounds))`.

    Args:
        searcher: proposes.
        bounds: all of which a network must keep.
        tries: proposals in a row outside the bounds after which the search is finished or, where none was ever within,
            ends with an error.

    Attributes:
        refused: proposals that were outside.

    Raises:
        ConfigError: no bounds; from `ask`: nothing within the bounds was found.
    """

    def __init__(self, searcher: Searcher[Arch], bounds: Sequence[Bound], *, tries: int = TRIES) -> None:
        super().__init__(searcher)
        if not bounds or tries < 1:
            raise ConfigError("constraints need bounds, and tries", got=f"{len(bounds)} bounds, tries={tries}")
        self.source, self._bounds, self._tries = searcher.source, list(bounds), tries
        self.identity = {
            "searcher": "constrained",
            "bounds": [bound.identity for bound in bounds],
            "inner": searcher.identity,
        }
        self.refused, self._any, self._finished, self._why = 0, False, False, ""
        if isinstance(searcher, Narrows):
            searcher.narrow(self._allows)

    def _next(self) -> Trial[Arch] | None:
        before = self.refused
        while not self._finished and self.refused - before < self._tries:
            proposed = self._inner.ask(1)
            if not proposed:  # the searcher waits, or is finished
                if self.refused > before and not (self._any or self._awaited):
                    raise self._nothing()
                return None
            (trial,) = proposed
            if self._allows(trial.arch):
                self._any = True
                return trial
            self._inner.tell(trial, Score.failed(REFUSED))
        if not self._any:
            raise self._nothing()
        self._finished = True
        return None

    def _allows(self, arch: Arch) -> bool:
        """Whether all bounds hold; a network whose cost cannot be told is outside, too."""
        try:
            within = all(bound.holds(arch) for bound in self._bounds)
        except GhnError as error:
            self._why, within = str(error).splitlines()[0], False
        self.refused += not within
        return within

    def _nothing(self) -> ConfigError:
        return ConfigError(
            f"no network within the bounds was found: {', '.join(map(str, self._bounds))}",
            got=f"{self.refused} proposals outside them: {seen(self._bounds) or self._why}",
            expected="bounds that a good part of the space keeps",
            fix="wider bounds, or a space with smaller networks",
        )
