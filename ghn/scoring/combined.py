"""Two panels: the combined order, whose weights are known beforehand, and the mean of any estimators.

They differ in what references may correct.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ghn.analysis.correction import Population, Settings, correct, normal_ranks, shared_votes
from ghn.analysis.weighted import Floats
from ghn.scoring.panel import Panel, Readings, Rows, normal_scores
from ghn.scoring.standard_features import StandardFeatures
from ghn.types import Estimator, Network, Space


class Combined(Panel):
    """Weighted sum of readings, each as a normal score; with references, a Gaussian process on what the sum misses.

    Without references the value is the sum, scaled: 0 is the middle of the space and 1 a standard deviation above.
    Members' disagreement did not tell how wrong the sum is (docs/ranking.md), so `std` is then the same for all. With
    references the value is the sum plus the process's mean, and `std` is its own for each candidate. The settings of
    the process hold as they are; it sees the readings and features of the networks: where the space is `Encoded` its
    own, else those that any graph has. Readings have slopes of their own beside the sum, those outside it too.

    Source: rank aggregation as in Lee & Ham, "AZ-NAS", CVPR 2024, sec. 3.3 (there by logarithms of ranks); path
    features and surrogate as in White et al., "BANANAS", AAAI 2021; Gaussian process with a prior mean: Rasmussen &
    Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.38.

    Args:
        space: as all others of `Panel`.
        features: of networks, beside the readings; None: the space's own, or, where it has none, those of the graph.
        slopes: readings that have a slope of their own; None: those of the sum.
    """

    source = "Zhang, Ren & Urtasun, ICLR 2019; Jiang, Wang & Bie, NeurIPS 2023; White et al., AAAI 2021"

    def __init__(
        self,
        space: Space[Any],
        members: Mapping[str, Estimator[Any]],
        weights: Mapping[str, float],
        *,
        population: Population | None = None,
        settings: Settings | None = None,
        features: StandardFeatures | None = None,
        slopes: Collection[str] | None = None,
    ) -> None:
        super().__init__(space, members, weights, population=population, settings=settings)
        self.features = features or StandardFeatures(space)
        self.slopes = [name for name in weights if name in (self._voting if slopes is None else slopes)]

    @property
    def identity(self) -> dict[str, Any]:
        votes = self.population.votes if self.population else None
        return {**super().identity, "votes": votes, "slopes": self.slopes, **self.features.identity}

    def population_of(self, read: Sequence[Readings]) -> Population:
        """What is usual among candidates; readings that say the same of them share a vote."""
        found = super().population_of(read)
        normal = normal_scores(found, [one for one in read if one.error is None], self._voting)
        weights = np.array([self.weights[name] for name in self._voting])
        votes = shared_votes(normal * np.sign(weights), np.abs(weights) / np.abs(weights).max())
        return Population(found.quantiles, dict(zip(self._voting, votes.tolist(), strict=True)))

    def known(self, archs: Sequence[Any]) -> Floats:
        return _features_of(self.features, archs)

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats]:
        s = self.settings
        if known is None:
            unsure = s.amplitude + s.offset + s.noise[1] + self._slopes.sum()  # normal scores have a variance of 1
            return s.slope * new.sums, np.full(len(new.sums), unsure**0.5)
        features, others = self._features(known), self._features(new)
        slopes = np.zeros(features.shape[1])
        slopes[: len(self.weights)] = self._slopes  # the readings come first
        return correct(features, known.sums, known.measured, others, new.sums, s, slopes)

    @property
    def _slopes(self) -> Floats:
        """Variances of the slopes of the readings."""
        return np.array([self.settings.unlearn if name in self.slopes else 0.0 for name in self.weights])

    def _features(self, rows: Rows) -> Floats:
        """Features [n, f] of the regression: the readings, and features of the networks in standard units."""
        return np.hstack([rows.normal, self.features([trial.arch for trial in rows.trials])])


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
        self._features = StandardFeatures(space)
        papers = dict.fromkeys(member.source for member in self.members.values())
        self.source = "; ".join(("Lee & Ham, AZ-NAS, CVPR 2024 (rank aggregation)", *papers))

    @property
    def identity(self) -> dict[str, Any]:
        return {"fixed": False, **super().identity}  # files of scores tell it from `Combined` by this word

    def settled(self, networks: int, *, progress: bool = True) -> Ensemble:
        """The same with a population of networks drawn at random: a score then depends on no other candidate.

        Raises:
            ConfigError: too few networks, or too few that could be read.
        """
        population, _ = self.usual(networks, progress=progress)
        return Ensemble(self.space, self.members, population=population)

    def known(self, archs: Sequence[Any]) -> Floats:
        return _features_of(self._features, archs)

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats | None]:
        if known is None:
            return self.settings.slope * new.sums, None
        settings = self.settings.told(known.sums, normal_ranks(known.measured))
        return correct(known.normal, known.sums, known.measured, new.normal, new.sums, settings)


def _features_of(features: StandardFeatures, archs: Sequence[Any]) -> Floats:
    """Features [n, f], 0 where one is not known; none [n, 0] where a space's own would be asked for other networks."""
    if features.kind == "space" and any(isinstance(arch, Network) for arch in archs):
        return np.zeros((len(archs), 0))
    return np.nan_to_num(features(archs), nan=0.0)
