"""The ensemble: the mean normal score of other estimators; references tell how far it is to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghn.analysis.correction import Population, correct, normal_ranks
from ghn.analysis.weighted import Floats
from ghn.scoring.panel import Panel, Rows
from ghn.types import Estimator, Space


class Ensemble(Panel):
    """Mean normal score of the values of other estimators, and what references say of it.

    Of any members nothing is known beforehand: references tell the slope of the mean and how much noise it leaves. The
    regression sees the members' values alone. Without references nothing tells how wrong it is, so there is no `std`.

    Source: rank aggregation as in Lee & Ham, "AZ-NAS", CVPR 2024, sec. 3.3 (there by logarithms of ranks).

    Args:
        space: of the architectures.
        members: estimators by name.
        population: what their values are usually; None: each call's own candidates.
    """

    def __init__(
        self, space: Space[Any], members: Mapping[str, Estimator[Any]], *, population: Population | None = None
    ) -> None:
        super().__init__(space, members, {f"{name}/value": 1.0 for name in members}, population=population)
        papers = dict.fromkeys(member.source for member in self.members.values())
        self.source = "; ".join(("Lee & Ham, AZ-NAS, CVPR 2024 (rank aggregation)", *papers))

    @property
    def identity(self) -> dict[str, Any]:
        """What a score depends on, JSON-able."""
        return {"fixed": False, **super().identity}  # files of scores tell it from `Combined` by this word

    def settled(self, networks: int, *, progress: bool = True) -> Ensemble:
        """The same with a population of networks drawn at random: a score then depends on no other candidate.

        Raises:
            ConfigError: too few networks, or too few that could be read.
        """
        population, _ = self.usual(networks, progress=progress)
        return Ensemble(self.space, self.members, population=population)

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats | None]:
        if known is None:
            return self.settings.slope * new.sums, None
        settings = self.settings.told(known.sums, normal_ranks(known.measured))
        return correct(known.normal, known.sums, known.measured, new.normal, new.sums, settings)
